#ifndef MIMAMORI_CGPIOD_SHIM_H
#define MIMAMORI_CGPIOD_SHIM_H
// The border to GPIO. libgpiod 1.6 (Debian 12) finds chips and lines and says who holds them. It knows only the kernel's
// first interface, which gives edges without sequence numbers and has no debounce; lines are therefore requested through
// the second one (linux/gpio.h, Linux 5.10 and later). Each function returns 0, or the negative error number.
#include <gpiod.h>
#include <linux/gpio.h>
#include <stdint.h>

enum {
  // The longest name that the kernel gives, with its closing zero.
  MIMAMORI_GPIO_NAME_SIZE = GPIO_MAX_NAME_SIZE,
  MIMAMORI_GPIO_LINES_MAX = GPIO_V2_LINES_MAX,
};

enum mimamori_gpio_bias {
  MIMAMORI_GPIO_BIAS_AS_IS,
  MIMAMORI_GPIO_BIAS_DISABLED,
  MIMAMORI_GPIO_BIAS_PULL_UP,
  MIMAMORI_GPIO_BIAS_PULL_DOWN,
};

struct mimamori_gpio_input {
  uint32_t offset;
  uint32_t bias;         // mimamori_gpio_bias
  uint32_t active_low;   // 0 or 1
  uint32_t debounce_us;  // 0: none
};

// Requests `count` inputs of the chip with both edges, stamped by CLOCK_MONOTONIC, as one non-blocking descriptor.
// -E2BIG: more different settings than the kernel takes in one request.
int mimamori_gpio_request_inputs(int chip, const struct mimamori_gpio_input *inputs, uint32_t count,
                                 const char *consumer, uint32_t event_buffer_size, int *descriptor);

// Requests an output that stands at `active` from the first moment: the kernel sets the value before the direction.
int mimamori_gpio_request_output(int chip, uint32_t offset, int active_low, int active, const char *consumer,
                                 int *descriptor);

// Bit i of `bits` is the level of the request's line i, 1 for active.
int mimamori_gpio_get(int descriptor, uint64_t mask, uint64_t *bits);
int mimamori_gpio_set(int descriptor, uint64_t mask, uint64_t bits);
#endif
