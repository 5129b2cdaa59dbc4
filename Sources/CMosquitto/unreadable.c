// libmosquitto 2.0.11, which is Debian 12's, ends the process at a property of MQTT 5 that it does not know: it logs the
// number without naming a client, and log__printf asserts that there is one. So it does over a message that is found to be
// longer than the broker takes only when it is sent, as when a broker lowers its limit. Later versions are mended; a broker
// must not be able to end the gateway, so that is prevented here. This may go when Debian 12 goes.
//
// libmosquitto.so calls __assert_fail through its symbol table, where the program's definition comes first.

#define _GNU_SOURCE
#include "shim.h"

#include <assert.h>
#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

// Where this thread leaves libmosquitto to; NULL while it is not in there.
static _Thread_local sigjmp_buf *way_out;

// Only the one assertion is left that is known: no callback of ours, nor OpenSSL, is under way where it is made. When a
// packet is read, no lock is held then; when a message is sent, that of the messages is. mosquitto_destroy takes none and
// frees the packet. What was made of the packet until then (a topic, the properties before the unknown one) is lost, once
// for each such connection.
__attribute__((visibility("default"), used)) void __assert_fail(
    const char *assertion, const char *file, unsigned int line, const char *function) {
  if (way_out != NULL && function != NULL && strcmp(function, "log__printf") == 0 && strcmp(assertion, "mosq") == 0) {
    siglongjmp(*way_out, 1);
  }
  // As the C library does.
  fflush(NULL);
  fprintf(
      stderr, "%s: %s:%u: %s%sAssertion `%s' failed.\n", program_invocation_short_name, file, line,
      function == NULL ? "" : function, function == NULL ? "" : ": ", assertion);
  fflush(stderr);
  abort();
}

// libmosquitto would take the same packet up again.
static int give_up(struct mosquitto *client) {
  way_out = NULL;
  shutdown(mosquitto_socket(client), SHUT_RDWR);
  return MIMAMORI_ERR_UNREADABLE;
}

int mimamori_read(struct mosquitto *client, int is_connected) {
  sigjmp_buf here;
  if (sigsetjmp(here, 0) != 0) return give_up(client);
  way_out = &here;
  // The handshakes of TLS and MQTT: libmosquitto's own loop knows their order.
  int code = is_connected ? mosquitto_loop_read(client, 1) : mosquitto_loop(client, 0, 1);
  way_out = NULL;
  return code;
}

int mimamori_publish(
    struct mosquitto *client, int *packet, const char *topic, int count, const void *payload, int is_retained,
    const mosquitto_property *properties) {
  sigjmp_buf here;
  if (sigsetjmp(here, 0) != 0) return give_up(client);
  way_out = &here;
  int code = mosquitto_publish_v5(client, packet, topic, count, payload, 1, is_retained, properties);
  way_out = NULL;
  return code;
}
