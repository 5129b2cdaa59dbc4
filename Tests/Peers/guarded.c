// Stands for a gateway with outputs: starts the guard of Sources/CGPIOD/guard.c and gives it files in place of lines. A
// line that is set to its safe level has that level written to its file.
//
// Orders come line by line on standard input, and each is answered by a line:
//   hold LEVEL FILE   have it held; LEVEL is the safe one. Answers its number.
//   drop NUMBER
//   settle            waits until the guard has answered everything. Answers how many lines it holds.
// The first line of the output is the guard's process.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guard.h"
#include "shim.h"

// Instead of the one that asks the kernel for it.
int mimamori_gpio_set(int descriptor, uint64_t mask, uint64_t bits) {
  char level[] = {(char)('0' + (bits & mask)), '\n'};
  return write(descriptor, level, sizeof level) == (ssize_t)sizeof level ? 0 : -errno;
}

static void check(int result) {
  if (result >= 0) return;
  fprintf(stderr, "guarded: %s\n", strerror(-result));
  exit(1);
}

int main(void) {
  int socket;
  int32_t process;
  check(mimamori_guard_start("test: ", &socket, &process));
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("%d\n", process);
  char line[4096];
  uint32_t given = 0;
  uint32_t answered = 0;
  uint32_t held = 0;
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = 0;
    if (strncmp(line, "hold ", 5) == 0) {
      int descriptor = open(line + 7, O_WRONLY | O_APPEND | O_CLOEXEC);
      check(descriptor < 0 ? -errno : 0);
      check(mimamori_guard_give_order(socket, MIMAMORI_GUARD_HOLD, given, descriptor, line[5] == '1'));
      printf("%u\n", given++);
    } else if (strncmp(line, "drop ", 5) == 0) {
      check(mimamori_guard_give_order(socket, MIMAMORI_GUARD_DROP, (uint32_t)atoi(line + 5), -1, 0));
      given++;
      puts("dropped");
    } else if (strcmp(line, "settle") == 0) {
      while (answered < given) {
        struct pollfd waiting = {.fd = socket, .events = POLLIN};
        poll(&waiting, 1, -1);
        struct mimamori_guard_answer answer;
        check(mimamori_guard_take_answer(socket, &answer));
        check(answer.result);
        held = answer.held;
        answered++;
      }
      printf("%u\n", held);
    }
  }
  return 0;
}
