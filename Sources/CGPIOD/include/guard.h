#ifndef MIMAMORI_CGPIOD_GUARD_H
#define MIMAMORI_CGPIOD_GUARD_H
// The guard of the outputs: a small process that holds a copy of each output line's descriptor. The kernel leaves an
// output as it is when the program that set it is killed; the guard lives on for a moment, sets each line to its safe
// level and ends, so that the lines are free again.
// Functions that return int return 0, or the negative error number.
#include <stdint.h>

enum {
  // How many lines it holds at most.
  MIMAMORI_GUARD_LINES_MAX = 64,
};

enum mimamori_guard_order {
  // Hold the line, whose descriptor is sent along. Answered by -ENOSPC when it holds as many as it can.
  MIMAMORI_GUARD_HOLD,
  // Let go of the line, as it is. Answered when that is done; -ENOENT: it holds no such line.
  MIMAMORI_GUARD_DROP,
  // Answer.
  MIMAMORI_GUARD_CHECK,
};

// What the guard answers to an order, in the order in which they were given.
struct mimamori_guard_answer {
  uint32_t order;   // mimamori_guard_order
  uint32_t number;  // the line's, as in the order
  int32_t result;   // 0, or the negative error number
  uint32_t held;    // how many lines it holds now
};

// Starts a guard, as a child of this process and of the calling thread. It goes by itself as soon as the other end of
// `socket`, which is closed on exec and belongs to the caller, is closed, however that comes about, or the calling thread
// ends. `last_words` is what the line begins with that it then writes to standard error, at most 64 bytes.
//
// It may be called while other threads run: the child does nothing that could wait for one of theirs.
int mimamori_guard_start(const char *last_words, int *socket, int32_t *process);

// Gives an order and waits for nothing. `descriptor` is sent with MIMAMORI_GUARD_HOLD: a line request with one output,
// which belongs to the caller still. `is_safe_active`: whether the output is active in its safe state.
// -EAGAIN: the guard takes nothing any more. -EPIPE, -ECONNRESET: it has ended.
int mimamori_guard_give_order(int socket, uint32_t order, uint32_t number, int descriptor, int is_safe_active);

// Takes the next answer and waits for nothing. -EAGAIN: there is none. -EPIPE, -ECONNRESET: the guard has ended.
int mimamori_guard_take_answer(int socket, struct mimamori_guard_answer *answer);
#endif
