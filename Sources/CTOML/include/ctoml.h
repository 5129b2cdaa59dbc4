#ifndef MIMAMORI_CTOML_H
#define MIMAMORI_CTOML_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// TOML 1.0 read by toml++ and laid out flat: every value is one node, a table's or array's members follow it directly,
// each with its own members. No exception leaves these functions.

typedef enum {
  CTOML_STRING = 0,
  CTOML_INTEGER = 1,
  CTOML_FLOAT = 2,
  CTOML_BOOLEAN = 3,
  CTOML_ARRAY = 4,
  CTOML_TABLE = 5,
  // A date, a time or both: no configuration has one, so it is only named.
  CTOML_DATE = 6
} CTOMLType;

// Bytes that live as long as the document; not closed by a zero.
typedef struct {
  const char *bytes;
  size_t count;
} CTOMLText;

// One value, with the key it stands under if its parent is a table. Lines and columns count from 1, columns in Unicode
// code points; 0 where the value was not written out itself.
typedef struct {
  CTOMLType type;
  uint32_t key_line;
  uint32_t key_column;
  uint32_t line;
  uint32_t column;
  // How many members follow, for a table or an array.
  uint32_t count;
  CTOMLText key;
  CTOMLText string;
  int64_t integer;
  double number;
} CTOMLNode;

typedef struct CTOMLDocument CTOMLDocument;

// Reads `count` bytes of UTF-8. The result is freed with ctoml_free, also after a syntax error; null: out of memory.
CTOMLDocument *ctoml_parse(const char *bytes, size_t count);

void ctoml_free(CTOMLDocument *document);

// Null where the text is sound; else what is wrong, as a text closed by a zero, with its place.
const char *ctoml_error(const CTOMLDocument *document, uint32_t *line, uint32_t *column);

// The number of nodes: at least 1 (the root table) where the text is sound, else 0.
size_t ctoml_count(const CTOMLDocument *document);

// Copies node `index`, which is below ctoml_count; node 0 is the root table.
CTOMLNode ctoml_node(const CTOMLDocument *document, size_t index);

#ifdef __cplusplus
}
#endif
#endif
