// Chips and lines as libgpiod knows them: the one file in which its two versions differ.
#include "shim.h"

#include <errno.h>
#include <gpiod.h>
#include <stdlib.h>
#include <string.h>

// Version 2 has no lines in bulk, and neither version tells its number to the preprocessor.
#ifdef GPIOD_LINE_BULK_MAX_LINES
#define LIBRARY 1
#else
#define LIBRARY 2
#endif

struct mimamori_gpio_chip {
  struct gpiod_chip *handle;
  char label[MIMAMORI_GPIO_NAME_SIZE];
  uint32_t lines;
};

// A call that fails without a number must not look like success.
static int failure(int number) { return number == 0 ? -EIO : -number; }

static void copy_name(char to[MIMAMORI_GPIO_NAME_SIZE], const char *from) {
  to[0] = 0;
  if (from != NULL) strncat(to, from, MIMAMORI_GPIO_NAME_SIZE - 1);
}

int mimamori_gpio_library(void) { return LIBRARY; }

#if LIBRARY == 1

static int describe(struct mimamori_gpio_chip *chip) {
  copy_name(chip->label, gpiod_chip_label(chip->handle));
  chip->lines = gpiod_chip_num_lines(chip->handle);
  return 0;
}

int mimamori_gpio_chip_find(const struct mimamori_gpio_chip *chip, const char *name, uint32_t *offset) {
  for (uint32_t i = 0; i < chip->lines; i++) {
    errno = 0;
    struct gpiod_line *line = gpiod_chip_get_line(chip->handle, i);
    if (line == NULL) return failure(errno);
    const char *present = gpiod_line_name(line);
    if (present != NULL && strcmp(present, name) == 0) {
      *offset = i;
      return 0;
    }
  }
  return -ENOENT;
}

int mimamori_gpio_chip_holder(const struct mimamori_gpio_chip *chip, uint32_t offset,
                              char name[MIMAMORI_GPIO_NAME_SIZE]) {
  errno = 0;
  struct gpiod_line *line = gpiod_chip_get_line(chip->handle, offset);
  if (line == NULL || gpiod_line_update(line) != 0) return failure(errno);
  copy_name(name, gpiod_line_consumer(line));
  return gpiod_line_is_used(line) ? 1 : 0;
}

#else

static int describe(struct mimamori_gpio_chip *chip) {
  errno = 0;
  struct gpiod_chip_info *info = gpiod_chip_get_info(chip->handle);
  if (info == NULL) return failure(errno);
  copy_name(chip->label, gpiod_chip_info_get_label(info));
  chip->lines = (uint32_t)gpiod_chip_info_get_num_lines(info);
  gpiod_chip_info_free(info);
  return 0;
}

int mimamori_gpio_chip_find(const struct mimamori_gpio_chip *chip, const char *name, uint32_t *offset) {
  errno = 0;
  int found = gpiod_chip_get_line_offset_from_name(chip->handle, name);
  if (found < 0) return failure(errno);
  *offset = (uint32_t)found;
  return 0;
}

int mimamori_gpio_chip_holder(const struct mimamori_gpio_chip *chip, uint32_t offset,
                              char name[MIMAMORI_GPIO_NAME_SIZE]) {
  errno = 0;
  struct gpiod_line_info *info = gpiod_chip_get_line_info(chip->handle, offset);
  if (info == NULL) return failure(errno);
  copy_name(name, gpiod_line_info_get_consumer(info));
  int is_held = gpiod_line_info_is_used(info) ? 1 : 0;
  gpiod_line_info_free(info);
  return is_held;
}

#endif

int mimamori_gpio_chip_open(const char *path, struct mimamori_gpio_chip **opened) {
  struct mimamori_gpio_chip *chip = calloc(1, sizeof *chip);
  if (chip == NULL) return -ENOMEM;
  errno = 0;
  chip->handle = gpiod_chip_open(path);
  int result = chip->handle == NULL ? failure(errno) : describe(chip);
  if (result != 0) {
    if (chip->handle != NULL) gpiod_chip_close(chip->handle);
    free(chip);
    return result;
  }
  *opened = chip;
  return 0;
}

void mimamori_gpio_chip_close(struct mimamori_gpio_chip *chip) {
  gpiod_chip_close(chip->handle);
  free(chip);
}

const char *mimamori_gpio_chip_label(const struct mimamori_gpio_chip *chip) { return chip->label; }

uint32_t mimamori_gpio_chip_lines(const struct mimamori_gpio_chip *chip) { return chip->lines; }
