#include "shim.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

struct mimamori_tls {
  SSL_CTX *context;
  int doubt;
  int alert;
  char identity[128];
  uint8_t key[64];
  size_t key_count;
};

static struct mimamori_tls *owner(const SSL *connection) {
  return SSL_CTX_get_app_data(SSL_get_SSL_CTX(connection));
}

// Keeps the first doubt: later ones only follow from it.
static int verify(int is_believed, X509_STORE_CTX *store) {
  if (!is_believed) {
    SSL *connection = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct mimamori_tls *tls = owner(connection);
    if (tls->doubt == 0) tls->doubt = X509_STORE_CTX_get_error(store);
  }
  return is_believed;
}

static void note(const SSL *connection, int where, int value) {
  if (!(where & SSL_CB_ALERT) || !(where & SSL_CB_READ) || (value >> 8) != SSL3_AL_FATAL) return;
  owner(connection)->alert = value & 0xff;
}

static unsigned int answer(
    SSL *connection, const char *hint, char *identity, unsigned int identity_capacity, unsigned char *key,
    unsigned int key_capacity) {
  (void)hint;
  struct mimamori_tls *tls = owner(connection);
  size_t length = strlen(tls->identity);
  if (length >= identity_capacity || tls->key_count > key_capacity) return 0;
  memcpy(identity, tls->identity, length + 1);
  memcpy(key, tls->key, tls->key_count);
  return (unsigned int)tls->key_count;
}

// A key with a password would ask for it on the terminal.
static int no_password(char *buffer, int capacity, int is_written, void *data) {
  (void)buffer, (void)capacity, (void)is_written, (void)data;
  return 0;
}

struct mimamori_tls *mimamori_tls_new(const char *host, int is_version_13_least) {
  struct mimamori_tls *tls = calloc(1, sizeof *tls);
  if (tls == NULL) return NULL;
  tls->context = SSL_CTX_new(TLS_client_method());
  if (tls->context == NULL) goto failed;
  SSL_CTX *context = tls->context;
  SSL_CTX_set_app_data(context, tls);
  SSL_CTX_set_info_callback(context, note);
  SSL_CTX_set_default_passwd_cb(context, no_password);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // What libmosquitto writes again after a full socket may lie elsewhere in memory.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, verify);
  if (!SSL_CTX_set_min_proto_version(context, is_version_13_least ? TLS1_3_VERSION : TLS1_2_VERSION)) goto failed;
  X509_VERIFY_PARAM *wanted = SSL_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (!X509_VERIFY_PARAM_set1_ip_asc(wanted, host) && !X509_VERIFY_PARAM_set1_host(wanted, host, 0)) goto failed;
  ERR_clear_error();
  return tls;
failed:
  ERR_clear_error();
  mimamori_tls_free(tls);
  return NULL;
}

void mimamori_tls_free(struct mimamori_tls *tls) {
  if (tls == NULL) return;
  SSL_CTX_free(tls->context);
  OPENSSL_cleanse(tls, sizeof *tls);
  free(tls);
}

int mimamori_tls_trust(struct mimamori_tls *tls, const char *file) {
  int done = file == NULL ? SSL_CTX_set_default_verify_paths(tls->context)
                          : SSL_CTX_load_verify_locations(tls->context, file, NULL);
  ERR_clear_error();
  return done == 1;
}

int mimamori_tls_identify(struct mimamori_tls *tls, const char *certificate, const char *key) {
  int result = 1;
  if (SSL_CTX_use_certificate_chain_file(tls->context, certificate) != 1) {
    result = 0;
  } else if (SSL_CTX_use_PrivateKey_file(tls->context, key, SSL_FILETYPE_PEM) != 1) {
    unsigned long code = ERR_peek_last_error();
    result = ERR_GET_LIB(code) == ERR_LIB_X509 && ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH ? -2 : -1;
  } else if (SSL_CTX_check_private_key(tls->context) != 1) {
    result = -2;
  }
  ERR_clear_error();
  return result;
}

int mimamori_tls_share(struct mimamori_tls *tls, const char *identity, const uint8_t *key, size_t count) {
  if (strlen(identity) >= sizeof tls->identity || count == 0 || count > sizeof tls->key) return 0;
  strcpy(tls->identity, identity);
  memcpy(tls->key, key, count);
  tls->key_count = count;
  SSL_CTX_set_psk_client_callback(tls->context, answer);
  int done = SSL_CTX_set_cipher_list(tls->context, "kECDHEPSK:kDHEPSK:kPSK:!eNULL");
  ERR_clear_error();
  return done == 1;
}

int mimamori_tls_attach(struct mimamori_tls *tls, struct mosquitto *client) {
  int code = mosquitto_int_option(client, MOSQ_OPT_SSL_CTX_WITH_DEFAULTS, 0);
  if (code != MOSQ_ERR_SUCCESS) return code;
  return mosquitto_void_option(client, MOSQ_OPT_SSL_CTX, tls->context);
}

int mimamori_tls_doubt(const struct mimamori_tls *tls) { return tls->doubt; }

const char *mimamori_tls_doubt_text(int code) { return X509_verify_cert_error_string(code); }

int mimamori_tls_alert(const struct mimamori_tls *tls) { return tls->alert; }
