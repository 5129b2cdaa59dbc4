#ifndef MIMAMORI_CCRYPTO_SHIM_H
#define MIMAMORI_CCRYPTO_SHIM_H
#include <openssl/evp.h>
#endif
