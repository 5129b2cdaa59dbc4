#define _GNU_SOURCE
#include "shim.h"

#include <poll.h>
#include <time.h>

int mimamori_poll(struct pollfd *descriptors, unsigned long count, int64_t nanoseconds) {
  struct timespec limit = {.tv_sec = (time_t)(nanoseconds / 1000000000), .tv_nsec = (long)(nanoseconds % 1000000000)};
  return ppoll(descriptors, (nfds_t)count, nanoseconds < 0 ? NULL : &limit, NULL);
}
