#ifndef MIMAMORI_CLINUX_SHIM_H
#define MIMAMORI_CLINUX_SHIM_H
// What the kernel and the C library offer beyond the latter's module: signals as a descriptor, whether NTP keeps the
// clock, descriptors passed on, and memory given back.

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include <sys/timex.h>
#include <sys/types.h>

// A descriptor that reads the signals of the set, nonblocking and closed on exec; -1 with errno.
int mimamori_signal_descriptor(const sigset_t *signals);

// The number of the next signal on such a descriptor, or 0 when none waits.
uint32_t mimamori_next_signal(int descriptor);

// 1 when the kernel's clock is kept by an NTP client, otherwise 0.
int mimamori_clock_is_synchronized(void);

// Sends bytes over a connected socket, with a copy of `passed` unless that is negative. As send(2): -1 with errno.
ssize_t mimamori_send(int socket, const void *bytes, size_t count, int passed, int flags);

// Gives freed memory back to the kernel, where the C library would keep it for later.
void mimamori_give_back_memory(void);

#endif
