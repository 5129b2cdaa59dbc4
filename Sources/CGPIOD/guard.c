// The guard of the outputs. Between the fork and its end it calls only what POSIX allows there (async-signal-safe
// functions): no memory is allocated and nothing is locked.
#define _GNU_SOURCE
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim.h"

// _Fork runs nothing in the child before its own code, so it needs no lock that another thread holds. The thread
// sanitizer knows fork alone: a child of _Fork would wait for a lock of its run-time for ever.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define _Fork fork
#endif
#endif

enum { LAST_WORDS_SIZE = 64 };

struct order {
  uint32_t order;
  uint32_t number;
  uint32_t is_safe_active;
};

struct line {
  uint32_t number;
  int descriptor;
  int is_safe_active;
};

struct guard {
  int socket;
  pid_t parent;
  uint32_t count;
  struct line lines[MIMAMORI_GUARD_LINES_MAX];
  char last_words[LAST_WORDS_SIZE + 1];
};

static volatile sig_atomic_t is_alarmed;

static void be_alarmed(int signal) {
  (void)signal;
  is_alarmed = 1;
}

// Sets every line to its safe level. Returns how many could not be set, as those of a chip that has gone.
static uint32_t make_safe(const struct guard *guard) {
  uint32_t failed = 0;
  for (uint32_t i = 0; i < guard->count; i++) {
    if (mimamori_gpio_set(guard->lines[i].descriptor, 1, guard->lines[i].is_safe_active ? 1 : 0) != 0) failed++;
  }
  return failed;
}

static char *append(char *end, const char *text) {
  while (*text != 0) *end++ = *text++;
  return end;
}

static char *append_number(char *end, uint32_t number) {
  char digits[10];
  int count = 0;
  do digits[count++] = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  while (count > 0) *end++ = digits[--count];
  return end;
}

static void say(const struct guard *guard, uint32_t failed) {
  char text[LAST_WORDS_SIZE + 192];
  char *end = append(text, guard->last_words);
  end = append(end, "The gateway has ended without switching its outputs: ");
  end = append_number(end, guard->count - failed);
  end = append(end, " set to their safe state by the guard");
  if (failed > 0) {
    end = append(end, ", ");
    end = append_number(end, failed);
    end = append(end, " could not be set");
  }
  end = append(end, ".\n");
  // Nothing is worth waiting for any more.
  struct pollfd standard_error = {.fd = STDERR_FILENO, .events = POLLOUT};
  if (poll(&standard_error, 1, 0) == 1 && (standard_error.revents & POLLOUT) != 0) {
    ssize_t ignored = write(STDERR_FILENO, text, (size_t)(end - text));
    (void)ignored;
  }
}

_Noreturn static void leave(const struct guard *guard) {
  uint32_t failed = make_safe(guard);
  // Free for whoever starts next, before a word is said.
  for (uint32_t i = 0; i < guard->count; i++) close(guard->lines[i].descriptor);
  close(guard->socket);
  if (guard->count > 0) say(guard, failed);
  _exit(0);
}

static int32_t hold(struct guard *guard, const struct order *order, int descriptor) {
  // The kernel could give no descriptor to this process.
  if (descriptor < 0) return -EMFILE;
  if (guard->count == MIMAMORI_GUARD_LINES_MAX) {
    close(descriptor);
    return -ENOSPC;
  }
  guard->lines[guard->count++] =
      (struct line){.number = order->number, .descriptor = descriptor, .is_safe_active = order->is_safe_active != 0};
  return 0;
}

static int32_t drop(struct guard *guard, uint32_t number) {
  for (uint32_t i = 0; i < guard->count; i++) {
    if (guard->lines[i].number != number) continue;
    close(guard->lines[i].descriptor);
    guard->lines[i] = guard->lines[--guard->count];
    return 0;
  }
  return -ENOENT;
}

// Takes one order and answers it. Returns 0 when none waits.
static int serve(struct guard *guard) {
  struct order order;
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec part = {.iov_base = &order, .iov_len = sizeof order};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  ssize_t size = recvmsg(guard->socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  // No order is empty: this is the end of the socket.
  if (size <= 0) leave(guard);
  int descriptor = -1;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
    memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
  int is_order = size == (ssize_t)sizeof order && (message.msg_flags & MSG_TRUNC) == 0;
  if (descriptor >= 0 && (!is_order || order.order != MIMAMORI_GUARD_HOLD)) close(descriptor);
  if (!is_order) return 1;
  struct mimamori_guard_answer answer = {.order = order.order, .number = order.number};
  if (order.order == MIMAMORI_GUARD_HOLD) answer.result = hold(guard, &order, descriptor);
  if (order.order == MIMAMORI_GUARD_DROP) answer.result = drop(guard, order.number);
  answer.held = guard->count;
  // Whoever does not read the answers does not want them.
  send(guard->socket, &answer, sizeof answer, MSG_DONTWAIT | MSG_NOSIGNAL);
  return 1;
}

// Keeps nothing of what was inherited but the socket and standard error: no lock, no port, no connection.
static void close_the_rest(struct guard *guard) {
  int highest = STDERR_FILENO + 1;
  if (guard->socket != highest && dup3(guard->socket, highest, O_CLOEXEC) == highest) guard->socket = highest;
  close(STDIN_FILENO);
  close(STDOUT_FILENO);
  if (close_range((unsigned)highest + 1, ~0U, 0) == 0) return;
  // A kernel or a sandbox without close_range. Whatever lies beyond stays until the end, which comes with the parent's.
  for (int descriptor = highest + 1; descriptor < 4096; descriptor++) close(descriptor);
}

_Noreturn static void keep_guard(struct guard *guard) {
  // Every signal that can be blocked is blocked: the service manager sends its own to all processes of a service, and
  // the gateway is to end first. Only of SIGABRT is more made: the service manager's watchdog sends it when the gateway
  // hangs, and the kernel when the gateway's main thread has ended. The lines are then made safe at once.
  struct sigaction action = {.sa_handler = be_alarmed};
  sigaction(SIGABRT, &action, NULL);
  sigset_t others;
  sigfillset(&others);
  sigdelset(&others, SIGABRT);
  prctl(PR_SET_NAME, "mimamori-guard");
  prctl(PR_SET_PDEATHSIG, SIGABRT);
  // Out of reach of what is sent to the gateway's group of processes, and in nobody's way when a disk is unmounted.
  setsid();
  int ignored = chdir("/");
  (void)ignored;
  close_the_rest(guard);
  if (getppid() != guard->parent) {
    // The gateway was gone before this one was ready; what it ordered is in the socket.
    while (serve(guard)) {
    }
    leave(guard);
  }
  for (;;) {
    struct pollfd socket = {.fd = guard->socket, .events = POLLIN};
    ppoll(&socket, 1, NULL, &others);
    while (serve(guard)) {
    }
    if (!is_alarmed) continue;
    is_alarmed = 0;
    if (getppid() != guard->parent) leave(guard);
    make_safe(guard);
  }
}

int mimamori_guard_start(const char *last_words, int *socket, int32_t *process) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) return -errno;
  struct guard guard = {.socket = pair[1], .parent = getpid()};
  strncpy(guard.last_words, last_words, LAST_WORDS_SIZE);
  // The child must not handle a signal in the parent's way, not even in its first moment.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  pid_t child = _Fork();
  int code = errno;
  if (child == 0) keep_guard(&guard);
  sigprocmask(SIG_SETMASK, &before, NULL);
  close(pair[1]);
  if (child < 0) {
    close(pair[0]);
    return -code;
  }
  *socket = pair[0];
  *process = child;
  return 0;
}

int mimamori_guard_give_order(int socket, uint32_t order, uint32_t number, int descriptor, int is_safe_active) {
  struct order given = {.order = order, .number = number, .is_safe_active = is_safe_active != 0};
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec part = {.iov_base = &given, .iov_len = sizeof given};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (order == MIMAMORI_GUARD_HOLD) {
    memset(&control, 0, sizeof control);
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  for (;;) {
    if (sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return 0;
    if (errno != EINTR) return -errno;
  }
}

int mimamori_guard_take_answer(int socket, struct mimamori_guard_answer *answer) {
  for (;;) {
    ssize_t size = recv(socket, answer, sizeof *answer, MSG_DONTWAIT);
    if (size == (ssize_t)sizeof *answer) return 0;
    if (size >= 0) return -EPIPE;
    if (errno != EINTR) return -errno;
  }
}
