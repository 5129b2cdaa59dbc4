#ifndef MIMAMORI_CMOSQUITTO_SHIM_H
#define MIMAMORI_CMOSQUITTO_SHIM_H
#include <mosquitto.h>
#include <mqtt_protocol.h>
#endif
