#ifndef MIMAMORI_CCRYPTO_SHIM_H
#define MIMAMORI_CCRYPTO_SHIM_H

// The border to OpenSSL's libcrypto 3.0: hashing, message authentication, AES-128, Ed25519 and random bytes.
//
// Only <openssl/sha.h> and <openssl/aes.h> are visible, for the sizes of SHA256_CTX and AES_KEY, which Swift keeps by
// value. Their low-level functions are marked deprecated in 3.0 in favour of EVP, which allocates for each hash and each
// key; they stay inside shim.c.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/aes.h>
#include <openssl/sha.h>
#include <stddef.h>
#include <stdint.h>

// The hash of nothing yet.
void mimamori_sha256_start(SHA256_CTX *context);
// Adds bytes.
void mimamori_sha256_add(SHA256_CTX *context, const uint8_t *bytes, size_t count);
// Writes the hash of all that was added; `context` must be started again before it is used.
void mimamori_sha256_finish(SHA256_CTX *context, uint8_t digest[32]);

// The two states of HMAC-SHA-256 (RFC 2104) that depend on the key alone.
struct mimamori_hmac {
  SHA256_CTX inner;
  SHA256_CTX outer;
};
void mimamori_hmac_start(struct mimamori_hmac *states, const uint8_t *key, size_t key_count);
// One code; `states` is copied, not changed. A text of up to 55 bytes costs two compressions.
void mimamori_hmac_code(const struct mimamori_hmac *states, const uint8_t *text, size_t text_count, uint8_t code[32]);

// AES-128 (FIPS 197) in one direction, block by block. A block is two words, the first byte the highest of the first.
struct mimamori_aes {
  AES_KEY schedule;
};
void mimamori_aes_start(struct mimamori_aes *key, uint64_t first, uint64_t second);
void mimamori_aes_block(const struct mimamori_aes *key, uint64_t first, uint64_t second, uint64_t block[2]);

// Ed25519 (RFC 8032). Each returns 1 for done; 0 for refused (a wrong signature, no such key in the text); -1 when
// libcrypto itself failed, which means a lack of memory or a provider without Ed25519.
int mimamori_ed25519_generate(uint8_t seed[32]);
int mimamori_ed25519_public(const uint8_t seed[32], uint8_t public_key[32]);
int mimamori_ed25519_sign(const uint8_t seed[32], const uint8_t *text, size_t count, uint8_t signature[64]);
int mimamori_ed25519_verify(
    const uint8_t public_key[32], const uint8_t *text, size_t count, const uint8_t signature[64]);

// Keys as PEM: PKCS #8 and SubjectPublicKeyInfo (RFC 8410). An encrypted key is refused without asking for a password.
int mimamori_ed25519_seed_from_pem(const uint8_t *pem, size_t count, uint8_t seed[32]);
int mimamori_ed25519_public_from_pem(const uint8_t *pem, size_t count, uint8_t public_key[32]);
// Writes at most `capacity` bytes and sets `count`.
int mimamori_ed25519_seed_to_pem(const uint8_t seed[32], uint8_t *pem, size_t capacity, size_t *count);
int mimamori_ed25519_public_to_pem(const uint8_t public_key[32], uint8_t *pem, size_t capacity, size_t *count);

// The earliest end of the certificates in a PEM text (RFC 5280, section 4.1.2.5), in seconds since 1970-01-01T00:00:00Z.
// Returns how many there are; 0: none that can be read.
int mimamori_certificates_end(const uint8_t *pem, size_t count, int64_t *end);

// Bytes that nobody can guess. 1 for done, -1 when the system has no randomness to give.
int mimamori_random(uint8_t *bytes, size_t count);

#endif
