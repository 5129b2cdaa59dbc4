#ifndef MIMAMORI_CMOSQUITTO_SHIM_H
#define MIMAMORI_CMOSQUITTO_SHIM_H

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stddef.h>
#include <stdint.h>

// The Glibc module of the toolchain leaves these out; the thread that runs libmosquitto is woken by an eventfd.
#include <sys/eventfd.h>
#include <sys/prctl.h>

// prctl takes variable arguments, which Swift cannot pass. At most 15 bytes are kept.
static inline void mimamori_name_thread(const char *name) {
  prctl(PR_SET_NAME, name, 0, 0, 0);
}

static inline int mimamori_make_event(void) {
  return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

// Beside the `MOSQ_ERR_` codes: libmosquitto would have ended the process. It may have left a lock locked: no thread may be
// in another of the client's functions meanwhile, nor call any afterwards but mosquitto_socket and mosquitto_destroy.
#define MIMAMORI_ERR_UNREADABLE 1000
// Reads, without waiting: mosquitto_loop_read, or mosquitto_loop while the broker has not accepted.
int mimamori_read(struct mosquitto *client, int is_connected);
// Hands over a message of QoS 1; without a topic, a property gives its number.
int mimamori_publish(
    struct mosquitto *client, int *packet, const char *topic, int count, const void *payload, int is_retained,
    const mosquitto_property *properties);

// What a connection by TLS is made with. libmosquitto's own settings cannot tell why a broker was not believed, and leave
// a shared key open to whoever answers with a certificate instead; so libmosquitto is given a context of ours.
struct mimamori_tls;

// A context for one broker, by its name or its address. Whoever it is must prove it: nobody is trusted yet.
// NULL when libssl failed.
struct mimamori_tls *mimamori_tls_new(const char *host, int is_version_13_least);
void mimamori_tls_free(struct mimamori_tls *tls);
// Trusts the authorities of a PEM file, or the system's when `file` is NULL. 1 for done, 0 when there are none in it.
int mimamori_tls_trust(struct mimamori_tls *tls, const char *file);
// Shows a certificate and its chain, with its key, both PEM without a password.
// 1 for done, 0: no certificate in the file, -1: no key in the file, -2: the key is another certificate's.
int mimamori_tls_identify(struct mimamori_tls *tls, const char *certificate, const char *key);
// Proves both sides by a shared key of at most 64 bytes; the identity has at most 127. 1 for done.
int mimamori_tls_share(struct mimamori_tls *tls, const char *identity, const uint8_t *key, size_t count);
// Gives it to a client that is not connected yet. A `MOSQ_ERR_` code.
int mimamori_tls_attach(struct mimamori_tls *tls, struct mosquitto *client);
// Why the broker's certificate was not believed: an `X509_V_ERR_` code; 0: it was, or none was seen.
int mimamori_tls_doubt(const struct mimamori_tls *tls);
// The words of libcrypto for such a code.
const char *mimamori_tls_doubt_text(int code);
// The alert with which the broker ended the handshake (RFC 8446, section 6); 0: none.
int mimamori_tls_alert(const struct mimamori_tls *tls);

#endif
