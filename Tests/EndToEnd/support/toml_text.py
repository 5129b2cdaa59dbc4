"""Writes TOML from Python values: what the tests' configurations and scenarios need of it."""

import json


def value(item):
    match item:
        case bool():
            return "true" if item else "false"
        case int() | float():
            return repr(item)
        case dict():
            return "{ " + ", ".join(f"{key(name)} = {value(part)}" for name, part in item.items()) + " }"
        case list() | tuple():
            return "[" + ", ".join(value(part) for part in item) + "]"
    return json.dumps(str(item), ensure_ascii=False)


def key(name):
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else json.dumps(name)


def document(tables, **top):
    """TOML of top-level values and `(header, values)` pairs; a header in brackets, such as "[sensor]", is an array's."""
    lines = [f"{key(name)} = {value(item)}" for name, item in top.items()]
    for header, values in tables:
        lines.append(f"\n[{header}]")
        lines += [f"{key(name)} = {value(item)}" for name, item in values.items() if item is not None]
    return "\n".join(lines) + "\n"
