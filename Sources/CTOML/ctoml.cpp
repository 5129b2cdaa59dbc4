#include "ctoml.h"

#include <exception>
#include <new>
#include <string>
#include <vector>

// The deepest nesting of written values. With the limit on dots below it bounds the recursion of toml++, also in its
// destructors: a few hundred frames, where the default would allow a text to overflow the stack.
#define TOML_MAX_NESTED_VALUES 8
// Without this, a release build would tell the compiler to assume what toml++ only expects.
#undef NDEBUG
// A broken expectation of toml++ becomes an exception, which ends as an error message, instead of ending the process.
#define TOML_ASSERT(expression) ((expression) ? (void)0 : throw std::bad_exception())
// toml++ 3.3 and 3.4 tell the compiler that a letter such as U+00E9 or U+3042 cannot come where a key or an escaped line
// end is read (marzer/tomlplusplus, 190 and 295). What is not known to be white space is none: said here before the
// functions about letters are compiled, and taken back for everything else.
#if __has_include(<toml++/impl/unicode.hpp>)
#include <toml++/impl/forward_declarations.hpp>
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE return false
#include <toml++/impl/unicode.hpp>
#else
#include <toml++/impl/forward_declarations.h>
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE return false
#include <toml++/impl/unicode.h>
#endif
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE __builtin_unreachable()
#include <toml++/toml.h>

struct CTOMLDocument {
  toml::table root;
  std::vector<CTOMLNode> nodes;
  std::string error;
  uint32_t error_line = 0;
  uint32_t error_column = 0;
};

namespace {

constexpr size_t most_dots_a_line = 64;
constexpr unsigned deepest = 32;

CTOMLText text_of(std::string_view view) { return CTOMLText{view.data(), view.size()}; }

void fail(CTOMLDocument &document, std::string_view message, uint32_t line, uint32_t column) {
  document.root.clear();
  document.nodes.clear();
  document.error.assign(message.empty() ? std::string_view("the text is not TOML") : message);
  document.error_line = line;
  document.error_column = column;
}

// toml++ 3.3 makes a table for each dot of a key without any limit. A line that holds nothing but a comment has none.
bool has_too_many_dots(std::string_view text, uint32_t &line) {
  line = 1;
  size_t dots = 0;
  bool blank = true;
  bool comment = false;
  for (const char character : text) {
    if (character == '\n') {
      line += 1;
      dots = 0;
      blank = true;
      comment = false;
      continue;
    }
    if (blank && character == '#') comment = true;
    if (character != ' ' && character != '\t') blank = false;
    if (character == '.' && !comment && ++dots > most_dots_a_line) return true;
  }
  return false;
}

class Flattener {
 public:
  explicit Flattener(CTOMLDocument &document) : document(document) {}

  // False: nested too deeply.
  bool add(const toml::node &node, const toml::key *key, unsigned depth) {
    if (depth > deepest) return false;
    CTOMLNode flat{};
    if (key != nullptr) {
      flat.key = text_of(key->str());
      flat.key_line = key->source().begin.line;
      flat.key_column = key->source().begin.column;
    }
    flat.line = node.source().begin.line;
    flat.column = node.source().begin.column;
    if (const auto *table = node.as_table()) {
      flat.type = CTOML_TABLE;
      flat.count = static_cast<uint32_t>(table->size());
      document.nodes.push_back(flat);
      for (auto &&[member_key, member] : *table) {
        if (!add(member, &member_key, depth + 1)) return false;
      }
      return true;
    }
    if (const auto *array = node.as_array()) {
      flat.type = CTOML_ARRAY;
      flat.count = static_cast<uint32_t>(array->size());
      document.nodes.push_back(flat);
      for (const auto &member : *array) {
        if (!add(member, nullptr, depth + 1)) return false;
      }
      return true;
    }
    add_leaf(node, flat);
    return true;
  }

 private:
  CTOMLDocument &document;

  void add_leaf(const toml::node &node, CTOMLNode &flat) {
    if (const auto *string = node.as_string()) {
      flat.type = CTOML_STRING;
      flat.string = text_of(string->get());
    } else if (const auto *integer = node.as_integer()) {
      flat.type = CTOML_INTEGER;
      flat.integer = integer->get();
    } else if (const auto *number = node.as_floating_point()) {
      flat.type = CTOML_FLOAT;
      flat.number = number->get();
    } else if (const auto *boolean = node.as_boolean()) {
      flat.type = CTOML_BOOLEAN;
      flat.integer = boolean->get() ? 1 : 0;
    } else {
      flat.type = CTOML_DATE;
    }
    document.nodes.push_back(flat);
  }
};

void parse(CTOMLDocument &document, std::string_view text) {
  uint32_t line = 0;
  if (has_too_many_dots(text, line)) {
    fail(document, "the line has more than 64 dots", line, 1);
    return;
  }
  try {
    document.root = toml::parse(text);
    if (!Flattener(document).add(document.root, nullptr, 0)) {
      fail(document, "tables are nested more than 32 deep", 1, 1);
    }
  } catch (const toml::parse_error &error) {
    fail(document, error.description(), error.source().begin.line, error.source().begin.column);
  } catch (const std::exception &error) {
    fail(document, error.what(), 1, 1);
  } catch (...) {
    fail(document, "", 1, 1);
  }
}

}  // namespace

extern "C" {

CTOMLDocument *ctoml_parse(const char *bytes, size_t count) {
  CTOMLDocument *document = nullptr;
  try {
    document = new CTOMLDocument();
    parse(*document, std::string_view(bytes, count));
    return document;
  } catch (...) {
    delete document;
    return nullptr;
  }
}

void ctoml_free(CTOMLDocument *document) { delete document; }

const char *ctoml_error(const CTOMLDocument *document, uint32_t *line, uint32_t *column) {
  if (document->error.empty()) return nullptr;
  *line = document->error_line;
  *column = document->error_column;
  return document->error.c_str();
}

size_t ctoml_count(const CTOMLDocument *document) { return document->nodes.size(); }

CTOMLNode ctoml_node(const CTOMLDocument *document, size_t index) {
  return index < document->nodes.size() ? document->nodes[index] : CTOMLNode{};
}

}  // extern "C"
