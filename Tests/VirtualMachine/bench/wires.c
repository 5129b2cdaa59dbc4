// Moves the inputs of simulated GPIO chips as contacts do, and watches their outputs: fast, and by the machine's own
// clock.
//
//   wires tips COUNT PERIOD_MS BOUNCE_US PULL...    COUNT tips on each of the lines, one every PERIOD_MS; half of it
//                                                   closed, with BOUNCE_US of bounce at each closing and opening
//   wires edges COUNT GAP_US PULL                   COUNT changes of one line, the first closes, GAP_US apart
//   wires watch VALUE                               the line's level at each change, with the time, until it is ended
//
// PULL is a `pull` file of gpio-sim, VALUE a `value` file. Closed is low: a contact to ground.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BOUNCES = 5, MOST_LINES = 8 };

static int64_t now_us(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

// The kernel's own ticks: its debounce timers count these, and they stand still while the processor that counts them does.
static int64_t ticks_us(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static void sleep_us(int64_t microseconds) {
  if (microseconds <= 0) return;
  struct timespec time = {.tv_sec = microseconds / 1000000, .tv_nsec = microseconds % 1000000 * 1000};
  while (clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &time) == EINTR) {}
}

static int open_file(const char *path, int flags) {
  int file = open(path, flags | O_CLOEXEC);
  if (file < 0) {
    perror(path);
    exit(1);
  }
  return file;
}

static void set_closed(int file, int is_closed) {
  const char *word = is_closed ? "pull-down" : "pull-up";
  if (pwrite(file, word, strlen(word), 0) < 0) {
    perror("pull");
    exit(1);
  }
}

// The host may stop the whole machine for a moment. A contact that stood still for so long in the middle of its bounce
// does not bounce on: that would be another closing.
static int64_t stalled_us;
// The longest that the lines were left as they were.
static int64_t longest_us;

// Changes all lines at once, with bounce, and leaves them so.
static void move_lines(const int *files, int count, int is_closed, int64_t bounce_us) {
  int64_t began = now_us();
  int64_t last = began;
  for (int step = 0; step < 2 * BOUNCES; step++) {
    for (int i = 0; i < count; i++) set_closed(files[i], step % 2 == 0 ? is_closed : !is_closed);
    sleep_us(began + bounce_us * (step + 1) / (2 * BOUNCES) - now_us());
    int64_t now = now_us();
    if (now - last > 4000) {
      stalled_us += now - last;
      break;
    }
    if (now - began > bounce_us) break;
    last = now;
  }
  for (int i = 0; i < count; i++) set_closed(files[i], is_closed);
}

// Lets the lines stand for so long; begins anew when the machine stood still meanwhile, because whoever watches them
// stood still too and has yet to see them.
static void stand(int64_t microseconds) {
  for (;;) {
    int64_t began = now_us();
    int64_t ticks = ticks_us();
    sleep_us(microseconds);
    int64_t late = now_us() - began - microseconds;
    // A tick is four milliseconds.
    if (late < 5000 && ticks_us() - ticks >= microseconds - 4000) return;
    stalled_us += now_us() - began;
  }
}

static int tips(int argc, char **argv) {
  if (argc < 4 || argc - 3 > MOST_LINES) return 64;
  long count = atol(argv[0]);
  int64_t half_us = atol(argv[1]) * 1000 / 2;
  int64_t bounce_us = atol(argv[2]);
  int files[MOST_LINES];
  int lines = argc - 3;
  for (int i = 0; i < lines; i++) files[i] = open_file(argv[3 + i], O_WRONLY);
  int64_t began = now_us();
  for (long tip = 0; tip < count; tip++) {
    for (int is_closed = 1; is_closed >= 0; is_closed--) {
      int64_t moved = now_us();
      move_lines(files, lines, is_closed, bounce_us);
      int64_t rest = half_us - (now_us() - moved);
      stand(rest > half_us / 2 ? rest : half_us / 2);
      if (now_us() - moved > longest_us) longest_us = now_us() - moved;
    }
  }
  printf("{\"tips\": %ld, \"seconds\": %.3f, \"stalled_ms\": %lld, \"longest_ms\": %lld}\n", count,
         (double)(now_us() - began) / 1e6, (long long)(stalled_us / 1000), (long long)(longest_us / 1000));
  return 0;
}

static int edges(int argc, char **argv) {
  if (argc != 3) return 64;
  long count = atol(argv[0]);
  int64_t gap_us = atol(argv[1]);
  int file = open_file(argv[2], O_WRONLY);
  for (long edge = 0; edge < count; edge++) {
    set_closed(file, edge % 2 == 0);
    sleep_us(gap_us);
  }
  return 0;
}

static int watch(int argc, char **argv) {
  if (argc != 1) return 64;
  int file = open_file(argv[0], O_RDONLY);
  char last = 0;
  for (;;) {
    char level;
    if (pread(file, &level, 1, 0) != 1) return 0;  // The chip has gone.
    if (level != last) {
      printf("%lld %c\n", (long long)now_us(), level);
      fflush(stdout);
      last = level;
    }
    sleep_us(500);
  }
}

// The kernel debounces a simulated line on the processor that moved it. An emulated processor may stand still while the
// other goes on: on one and the same, whoever moves the lines and whoever looks at them stand still together.
static void stay_on_one_processor(void) {
  cpu_set_t first;
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  if (sched_setaffinity(0, sizeof first, &first) != 0) perror("sched_setaffinity");
}

int main(int argc, char **argv) {
  int status = 64;
  stay_on_one_processor();
  if (argc > 1 && strcmp(argv[1], "tips") == 0) status = tips(argc - 2, argv + 2);
  if (argc > 1 && strcmp(argv[1], "edges") == 0) status = edges(argc - 2, argv + 2);
  if (argc > 1 && strcmp(argv[1], "watch") == 0) status = watch(argc - 2, argv + 2);
  if (status == 64) fputs("usage: wires tips|edges|watch …\n", stderr);
  return status;
}
