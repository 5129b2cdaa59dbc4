#ifndef MIMAMORI_CPOLL_SHIM_H
#define MIMAMORI_CPOLL_SHIM_H
// ppoll(2), which the C library's module leaves out: poll(2) counts whole milliseconds, and a character at 9600 baud takes
// hardly more than one.

#include <stdint.h>

// As poll.h defines it, which is the C library's module's already.
struct pollfd;

// Waits until one of the descriptors is ready, or so many nanoseconds have passed; a negative number: for as long as it
// takes. Returns how many are ready, 0 when the time is over, -1 with errno.
int mimamori_poll(struct pollfd *descriptors, unsigned long count, int64_t nanoseconds);

#endif
