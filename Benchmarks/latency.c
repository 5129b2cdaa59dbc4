// Measures how long an alert takes from a byte on a serial line to a subscriber, beside what it is made of: a raw QoS 1
// publish of libmosquitto and an fsync of the same file system. The three are taken in turn, in one run.
//
// usage: latency BROKER_PORT TERMINAL_LINK STATE_FOLDER ALERT_TOPIC SAMPLES
// Prints one line a figure: name, p50 and p99 in microseconds, samples.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mosquitto.h>
#include <pthread.h>
#include <pty.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t arrived;
static int64_t alert_arrived, raw_arrived;
static int subscribed;

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void fail(const char *what) {
  fprintf(stderr, "Failed to %s: %s\n", what, strerror(errno));
  exit(74);
}

static void on_message(struct mosquitto *client, void *context, const struct mosquitto_message *message) {
  int64_t time = now();
  (void)client;
  if (message->retain) return;
  pthread_mutex_lock(&lock);
  if (strcmp(message->topic, "benchmark/raw") == 0) raw_arrived = time;
  else if (strcmp(message->topic, context) == 0) alert_arrived = time;
  pthread_cond_broadcast(&arrived);
  pthread_mutex_unlock(&lock);
}

static void on_subscribe(struct mosquitto *client, void *context, int id, int count, const int *granted) {
  (void)client, (void)context, (void)id, (void)count, (void)granted;
  pthread_mutex_lock(&lock);
  subscribed++;
  pthread_cond_broadcast(&arrived);
  pthread_mutex_unlock(&lock);
}

// Waits until *moment is set, at most so many seconds; returns it, or 0.
static int64_t await(int64_t *moment, int seconds) {
  struct timespec limit;
  clock_gettime(CLOCK_MONOTONIC, &limit);
  limit.tv_sec += seconds;
  pthread_mutex_lock(&lock);
  while (*moment == 0 && pthread_cond_timedwait(&arrived, &lock, &limit) == 0) {}
  int64_t result = *moment;
  pthread_mutex_unlock(&lock);
  return result;
}

static struct mosquitto *join(const char *name, int port, char *topic) {
  struct mosquitto *client = mosquitto_new(name, true, topic);
  mosquitto_message_callback_set(client, on_message);
  mosquitto_subscribe_callback_set(client, on_subscribe);
  mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
  if (mosquitto_connect(client, "127.0.0.1", port, 60) != MOSQ_ERR_SUCCESS) fail("connect to the broker");
  if (mosquitto_loop_start(client) != MOSQ_ERR_SUCCESS) fail("start the MQTT thread");
  return client;
}

// A frame of an A02YYUW: header, distance in millimetres, sum.
static void send_frame(int terminal, int millimetres) {
  uint8_t frame[4] = {0xFF, (uint8_t)(millimetres >> 8), (uint8_t)millimetres, 0};
  frame[3] = (uint8_t)(frame[0] + frame[1] + frame[2]);
  if (write(terminal, frame, sizeof frame) != (ssize_t)sizeof frame) fail("write to the pseudo-terminal");
}

static void rest(void) {
  usleep(40000);
}

static int by_size(const void *left, const void *right) {
  int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
  return (a > b) - (a < b);
}

static void report(const char *name, int64_t *samples, int count) {
  qsort(samples, (size_t)count, sizeof *samples, by_size);
  printf("%s %.0f %.0f %d\n", name, (double)samples[count / 2] / 1e3, (double)samples[count * 99 / 100] / 1e3, count);
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: latency BROKER_PORT TERMINAL_LINK STATE_FOLDER ALERT_TOPIC SAMPLES\n");
    return 64;
  }
  int port = atoi(argv[1]), count = atoi(argv[5]);
  char *topic = argv[4];
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&arrived, &attributes);

  int terminal, other;
  char name[128];
  struct termios settings = {0};
  cfmakeraw(&settings);
  settings.c_cflag |= CREAD | CS8;
  if (openpty(&terminal, &other, name, &settings, NULL) != 0) fail("open a pseudo-terminal");
  unlink(argv[2]);
  if (symlink(name, argv[2]) != 0) fail("link the pseudo-terminal");

  mosquitto_lib_init();
  struct mosquitto *subscriber = join("benchmark-subscriber", port, topic);
  struct mosquitto *publisher = join("benchmark-publisher", port, topic);
  mosquitto_subscribe(subscriber, NULL, topic, 1);
  mosquitto_subscribe(subscriber, NULL, "benchmark/raw", 1);
  pthread_mutex_lock(&lock);
  while (subscribed < 2) pthread_cond_wait(&arrived, &lock);
  pthread_mutex_unlock(&lock);

  char path[4096];
  snprintf(path, sizeof path, "%s/fsync-probe", argv[3]);
  int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) fail("create a file in the state folder");
  char block[4096] = {0}, payload[400];
  memset(payload, 'x', sizeof payload);
  int64_t *alerts = calloc((size_t)count, sizeof *alerts), *raw = calloc((size_t)count, sizeof *raw);
  int64_t *syncs = calloc((size_t)count, sizeof *syncs);

  // The first alerts tell that the gateway is there; they are not counted.
  int high = 0, taken = 0, missed = 0;
  for (int round = -5; taken < count && missed < 20; round++) {
    high = !high;
    alert_arrived = 0;
    int64_t start = now();
    send_frame(terminal, high ? 1000 : 3000);
    int64_t end = await(&alert_arrived, 3);
    if (end == 0) {
      missed++;
      continue;
    }
    // The sensor's own pace is a frame each 100 ms. The references get the same rest before them as the alert has: an
    // fsync directly behind another finds nothing to do, and a processor that has just worked is awake.
    rest();
    raw_arrived = 0;
    int64_t raw_start = now();
    mosquitto_publish(publisher, NULL, "benchmark/raw", sizeof payload, payload, 1, false);
    int64_t raw_end = await(&raw_arrived, 3);
    rest();
    int64_t sync_start = now();
    if (pwrite(file, block, sizeof block, (off_t)sizeof block * (taken % 256)) < 0 || fsync(file) != 0) fail("sync");
    int64_t sync_end = now();
    if (round >= 0 && raw_end != 0) {
      alerts[taken] = end - start;
      raw[taken] = raw_end - raw_start;
      syncs[taken++] = sync_end - sync_start;
    }
    rest();
  }
  if (taken < count) {
    fprintf(stderr, "Only %d of %d alerts arrived: see the gateway's log\n", taken, count);
    return 1;
  }
  report("alert", alerts, count);
  report("raw-publish", raw, count);
  report("fsync", syncs, count);
  unlink(path);
  unlink(argv[2]);
  mosquitto_disconnect(publisher);
  mosquitto_disconnect(subscriber);
  mosquitto_loop_stop(publisher, false);
  mosquitto_loop_stop(subscriber, false);
  return 0;
}
