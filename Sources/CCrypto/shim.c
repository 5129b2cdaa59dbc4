#define _GNU_SOURCE  // timegm
#include "shim.h"

#include <endian.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>

// MARK: Hashing

void mimamori_sha256_start(SHA256_CTX *context) { SHA256_Init(context); }

void mimamori_sha256_add(SHA256_CTX *context, const uint8_t *bytes, size_t count) {
  if (count > 0) SHA256_Update(context, bytes, count);
}

void mimamori_sha256_finish(SHA256_CTX *context, uint8_t digest[32]) { SHA256_Final(digest, context); }

void mimamori_hmac_start(struct mimamori_hmac *states, const uint8_t *key, size_t key_count) {
  uint8_t block[SHA256_CBLOCK] = {0};
  if (key_count > sizeof block) {
    SHA256_CTX context;
    mimamori_sha256_start(&context);
    mimamori_sha256_add(&context, key, key_count);
    mimamori_sha256_finish(&context, block);
  } else if (key_count > 0) {
    memcpy(block, key, key_count);
  }
  for (size_t index = 0; index < sizeof block; index++) block[index] ^= 0x36;
  SHA256_Init(&states->inner);
  SHA256_Update(&states->inner, block, sizeof block);
  for (size_t index = 0; index < sizeof block; index++) block[index] ^= 0x36 ^ 0x5c;
  SHA256_Init(&states->outer);
  SHA256_Update(&states->outer, block, sizeof block);
  OPENSSL_cleanse(block, sizeof block);
}

void mimamori_hmac_code(const struct mimamori_hmac *states, const uint8_t *text, size_t text_count, uint8_t code[32]) {
  SHA256_CTX context = states->inner;
  uint8_t digest[SHA256_DIGEST_LENGTH];
  mimamori_sha256_add(&context, text, text_count);
  SHA256_Final(digest, &context);
  context = states->outer;
  SHA256_Update(&context, digest, sizeof digest);
  SHA256_Final(code, &context);
}

// MARK: AES-128

void mimamori_aes_start(struct mimamori_aes *key, uint64_t first, uint64_t second) {
  uint64_t bytes[2] = {htobe64(first), htobe64(second)};
  AES_set_encrypt_key((const uint8_t *)bytes, 128, &key->schedule);
  OPENSSL_cleanse(bytes, sizeof bytes);
}

void mimamori_aes_block(const struct mimamori_aes *key, uint64_t first, uint64_t second, uint64_t block[2]) {
  uint64_t in[2] = {htobe64(first), htobe64(second)};
  uint64_t out[2];
  AES_encrypt((const uint8_t *)in, (uint8_t *)out, &key->schedule);
  block[0] = be64toh(out[0]);
  block[1] = be64toh(out[1]);
}

// MARK: Ed25519

int mimamori_ed25519_generate(uint8_t seed[32]) {
  // RFC 8032, section 5.1.5: a private key is 32 random bytes.
  return mimamori_random(seed, 32);
}

int mimamori_ed25519_public(const uint8_t seed[32], uint8_t public_key[32]) {
  size_t count = 32;
  EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
  int done = key != NULL && EVP_PKEY_get_raw_public_key(key, public_key, &count) == 1 && count == 32;
  EVP_PKEY_free(key);
  ERR_clear_error();
  return done ? 1 : -1;
}

int mimamori_ed25519_sign(const uint8_t seed[32], const uint8_t *text, size_t count, uint8_t signature[64]) {
  size_t signature_count = 64;
  EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  int done = key != NULL && context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
             EVP_DigestSign(context, signature, &signature_count, text, count) == 1 && signature_count == 64;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  ERR_clear_error();
  return done ? 1 : -1;
}

int mimamori_ed25519_verify(
    const uint8_t public_key[32], const uint8_t *text, size_t count, const uint8_t signature[64]) {
  int result = -1;
  EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, 32);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  if (key != NULL && context != NULL && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1) {
    // Anything but 1 is no proof: a signature of a wrong form is reported as a failure, not as a mismatch.
    result = EVP_DigestVerify(context, signature, 64, text, count) == 1 ? 1 : 0;
  }
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  ERR_clear_error();
  return result;
}

// MARK: PEM

// Without this callback libcrypto asks at the terminal for the password of an encrypted key.
static int no_password(char *buffer, int capacity, int writing, void *data) {
  (void)buffer, (void)capacity, (void)writing, (void)data;
  return -1;
}

static BIO *reading(const uint8_t *pem, size_t count) {
  return count > 0 && count <= INT_MAX ? BIO_new_mem_buf(pem, (int)count) : NULL;
}

int mimamori_ed25519_seed_from_pem(const uint8_t *pem, size_t count, uint8_t seed[32]) {
  size_t seed_count = 32;
  BIO *text = reading(pem, count);
  EVP_PKEY *key = text == NULL ? NULL : PEM_read_bio_PrivateKey(text, NULL, no_password, NULL);
  int done = key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 &&
             EVP_PKEY_get_raw_private_key(key, seed, &seed_count) == 1 && seed_count == 32;
  EVP_PKEY_free(key);
  BIO_free(text);
  ERR_clear_error();
  return done;
}

int mimamori_ed25519_public_from_pem(const uint8_t *pem, size_t count, uint8_t public_key[32]) {
  size_t key_count = 32;
  BIO *text = reading(pem, count);
  EVP_PKEY *key = text == NULL ? NULL : PEM_read_bio_PUBKEY(text, NULL, no_password, NULL);
  int done = key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 &&
             EVP_PKEY_get_raw_public_key(key, public_key, &key_count) == 1 && key_count == 32;
  EVP_PKEY_free(key);
  BIO_free(text);
  ERR_clear_error();
  return done;
}

// Copies what was written to `text` and frees it.
static int copied(BIO *text, int written, uint8_t *pem, size_t capacity, size_t *count) {
  char *bytes = NULL;
  long length = written ? BIO_get_mem_data(text, &bytes) : 0;
  int done = length > 0 && (size_t)length <= capacity;
  if (done) {
    memcpy(pem, bytes, (size_t)length);
    *count = (size_t)length;
  }
  BIO_free(text);
  ERR_clear_error();
  return done ? 1 : -1;
}

int mimamori_ed25519_seed_to_pem(const uint8_t seed[32], uint8_t *pem, size_t capacity, size_t *count) {
  // The secure heap's kind of buffer is wiped when it is freed.
  BIO *text = BIO_new(BIO_s_secmem());
  EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
  int written = text != NULL && key != NULL &&
                PEM_write_bio_PKCS8PrivateKey(text, key, NULL, NULL, 0, NULL, NULL) == 1;
  EVP_PKEY_free(key);
  return copied(text, written, pem, capacity, count);
}

int mimamori_ed25519_public_to_pem(const uint8_t public_key[32], uint8_t *pem, size_t capacity, size_t *count) {
  BIO *text = BIO_new(BIO_s_mem());
  EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, 32);
  int written = text != NULL && key != NULL && PEM_write_bio_PUBKEY(text, key) == 1;
  EVP_PKEY_free(key);
  return copied(text, written, pem, capacity, count);
}

// MARK: Randomness

int mimamori_random(uint8_t *bytes, size_t count) {
  return count <= INT_MAX && RAND_bytes(bytes, (int)count) == 1 ? 1 : -1;
}

// MARK: Certificates

int mimamori_certificates_end(const uint8_t *pem, size_t count, int64_t *end) {
  if (count > INT_MAX) return 0;
  BIO *text = BIO_new_mem_buf(pem, (int)count);
  if (text == NULL) return 0;
  int found = 0;
  X509 *certificate;
  while ((certificate = PEM_read_bio_X509_AUX(text, NULL, NULL, NULL)) != NULL) {
    struct tm moment;
    int is_read = ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &moment);
    X509_free(certificate);
    if (!is_read) {
      found = 0;
      break;
    }
    int64_t seconds = (int64_t)timegm(&moment);
    if (found++ == 0 || seconds < *end) *end = seconds;
  }
  BIO_free(text);
  ERR_clear_error();
  return found;
}
