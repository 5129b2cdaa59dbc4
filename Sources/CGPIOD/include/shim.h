#ifndef MIMAMORI_CGPIOD_SHIM_H
#define MIMAMORI_CGPIOD_SHIM_H
// The border to GPIO. libgpiod finds chips and lines and says who holds them. Its versions 1.6 (Debian 12) and 2.x
// (Debian 13) have no function in common but two; nothing of either is seen here, so that whoever includes this cannot
// tell them apart. Lines are requested from the kernel itself, through its second interface (linux/gpio.h, Linux 5.10
// and later): libgpiod 1.6 knows only the first, which gives edges without sequence numbers and has no debounce.
// Functions that return int return 0, or the negative error number.
#include <linux/gpio.h>
#include <stddef.h>
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

// An open chip, as libgpiod keeps it.
struct mimamori_gpio_chip;

// 1 or 2: the interface of libgpiod that this was compiled with.
int mimamori_gpio_library(void);

// Opens the device at `path`. What is no GPIO chip: -ENOTTY, -ENODEV or -EINVAL.
int mimamori_gpio_chip_open(const char *path, struct mimamori_gpio_chip **opened);
void mimamori_gpio_chip_close(struct mimamori_gpio_chip *chip);

// The chip's label: at most MIMAMORI_GPIO_NAME_SIZE - 1 bytes. It lives as long as the chip.
const char *mimamori_gpio_chip_label(const struct mimamori_gpio_chip *chip);
uint32_t mimamori_gpio_chip_lines(const struct mimamori_gpio_chip *chip);

// -ENOENT: no line of the chip has this name.
int mimamori_gpio_chip_find(const struct mimamori_gpio_chip *chip, const char *name, uint32_t *offset);

// Who holds the line: 1 with the name that the holder gave, "" for none; 0 when nobody does.
int mimamori_gpio_chip_holder(const struct mimamori_gpio_chip *chip, uint32_t offset,
                              char name[MIMAMORI_GPIO_NAME_SIZE]);

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
