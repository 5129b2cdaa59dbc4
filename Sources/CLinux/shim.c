#include "shim.h"

#include <malloc.h>
#include <unistd.h>

int mimamori_signal_descriptor(const sigset_t *signals) {
  return signalfd(-1, signals, SFD_NONBLOCK | SFD_CLOEXEC);
}

uint32_t mimamori_next_signal(int descriptor) {
  struct signalfd_siginfo information;
  return read(descriptor, &information, sizeof information) == (ssize_t)sizeof information ? information.ssi_signo : 0;
}

int mimamori_clock_is_synchronized(void) {
  struct timex state = {0};
  int result = adjtimex(&state);
  return result >= 0 && result != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}

void mimamori_give_back_memory(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}
