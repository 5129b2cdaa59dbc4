#ifndef MIMAMORI_CMOSQUITTO_SHIM_H
#define MIMAMORI_CMOSQUITTO_SHIM_H

#include <mosquitto.h>
#include <mqtt_protocol.h>

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

#endif
