// Lines as the kernel gives them out through its second interface.
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static uint64_t flags_of(const struct mimamori_gpio_input *input) {
  uint64_t flags = GPIO_V2_LINE_FLAG_INPUT | GPIO_V2_LINE_FLAG_EDGE_RISING | GPIO_V2_LINE_FLAG_EDGE_FALLING;
  if (input->active_low) flags |= GPIO_V2_LINE_FLAG_ACTIVE_LOW;
  switch (input->bias) {
    case MIMAMORI_GPIO_BIAS_DISABLED: return flags | GPIO_V2_LINE_FLAG_BIAS_DISABLED;
    case MIMAMORI_GPIO_BIAS_PULL_UP: return flags | GPIO_V2_LINE_FLAG_BIAS_PULL_UP;
    case MIMAMORI_GPIO_BIAS_PULL_DOWN: return flags | GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN;
    default: return flags;
  }
}

// Lines with the same setting share one attribute, because the kernel takes ten in all.
static int add_attribute(struct gpio_v2_line_config *config, uint32_t id, uint64_t value, uint32_t line) {
  for (uint32_t i = 0; i < config->num_attrs; i++) {
    struct gpio_v2_line_config_attribute *present = &config->attrs[i];
    uint64_t held = id == GPIO_V2_LINE_ATTR_ID_FLAGS ? present->attr.flags : present->attr.debounce_period_us;
    if (present->attr.id == id && held == value) {
      present->mask |= 1ULL << line;
      return 0;
    }
  }
  if (config->num_attrs == GPIO_V2_LINE_NUM_ATTRS_MAX) return -E2BIG;
  struct gpio_v2_line_config_attribute *added = &config->attrs[config->num_attrs++];
  added->attr.id = id;
  if (id == GPIO_V2_LINE_ATTR_ID_FLAGS)
    added->attr.flags = value;
  else
    added->attr.debounce_period_us = (uint32_t)value;
  added->mask = 1ULL << line;
  return 0;
}

static int request(int chip, struct gpio_v2_line_request *request, const char *consumer, int *descriptor) {
  strncpy(request->consumer, consumer, sizeof request->consumer - 1);
  if (ioctl(chip, GPIO_V2_GET_LINE_IOCTL, request) < 0) return -errno;
  *descriptor = request->fd;
  return 0;
}

int mimamori_gpio_request_inputs(int chip, const struct mimamori_gpio_input *inputs, uint32_t count,
                                 const char *consumer, uint32_t event_buffer_size, int *descriptor) {
  if (count == 0 || count > GPIO_V2_LINES_MAX) return -EINVAL;
  struct gpio_v2_line_request wanted;
  memset(&wanted, 0, sizeof wanted);
  wanted.num_lines = count;
  wanted.event_buffer_size = event_buffer_size;
  wanted.config.flags = flags_of(&inputs[0]);
  for (uint32_t i = 0; i < count; i++) {
    wanted.offsets[i] = inputs[i].offset;
    uint64_t flags = flags_of(&inputs[i]);
    int result = 0;
    if (flags != wanted.config.flags)
      result = add_attribute(&wanted.config, GPIO_V2_LINE_ATTR_ID_FLAGS, flags, i);
    if (result == 0 && inputs[i].debounce_us != 0)
      result = add_attribute(&wanted.config, GPIO_V2_LINE_ATTR_ID_DEBOUNCE, inputs[i].debounce_us, i);
    if (result != 0) return result;
  }
  int result = request(chip, &wanted, consumer, descriptor);
  if (result != 0) return result;
  int flags = fcntl(*descriptor, F_GETFL);
  if (flags < 0 || fcntl(*descriptor, F_SETFL, flags | O_NONBLOCK) < 0) {
    result = -errno;
    close(*descriptor);
  }
  return result;
}

int mimamori_gpio_request_output(int chip, uint32_t offset, int active_low, int active, const char *consumer,
                                 int *descriptor) {
  struct gpio_v2_line_request wanted;
  memset(&wanted, 0, sizeof wanted);
  wanted.num_lines = 1;
  wanted.offsets[0] = offset;
  wanted.config.flags = GPIO_V2_LINE_FLAG_OUTPUT;
  if (active_low) wanted.config.flags |= GPIO_V2_LINE_FLAG_ACTIVE_LOW;
  wanted.config.num_attrs = 1;
  wanted.config.attrs[0].attr.id = GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES;
  wanted.config.attrs[0].attr.values = active ? 1 : 0;
  wanted.config.attrs[0].mask = 1;
  return request(chip, &wanted, consumer, descriptor);
}

int mimamori_gpio_get(int descriptor, uint64_t mask, uint64_t *bits) {
  struct gpio_v2_line_values values = {.bits = 0, .mask = mask};
  if (ioctl(descriptor, GPIO_V2_LINE_GET_VALUES_IOCTL, &values) < 0) return -errno;
  *bits = values.bits & mask;
  return 0;
}

int mimamori_gpio_set(int descriptor, uint64_t mask, uint64_t bits) {
  struct gpio_v2_line_values values = {.bits = bits, .mask = mask};
  return ioctl(descriptor, GPIO_V2_LINE_SET_VALUES_IOCTL, &values) < 0 ? -errno : 0;
}
