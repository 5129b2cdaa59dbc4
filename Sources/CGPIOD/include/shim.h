#ifndef MIMAMORI_CGPIOD_SHIM_H
#define MIMAMORI_CGPIOD_SHIM_H
// The border to libgpiod 1.6 (Debian 12).
#include <gpiod.h>
#endif
