"""Validates JSON documents against the published schemas, independently of the code that wrote them.

Usage: validate_schema.py SCHEMA_FOLDER < LINES

Each line of standard input is {"schema": NAME, "document": …}. Each gets one line of standard output: `valid`, or
`invalid: ` and the first reason. A line that is no JSON, or repeats a member, is invalid too.
"""

import json
import pathlib
import sys

from jsonschema import Draft202012Validator
from referencing import Registry, Resource


def without_repeated_members(pairs):
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError(f"a member is repeated among {names}")
    return dict(pairs)


def refuse_constant(word):
    raise ValueError(f"{word} is no JSON number")


def load_validators(folder):
    schemas = {path.name.removesuffix(".schema.json"): json.loads(path.read_text("utf-8"), object_pairs_hook=without_repeated_members)
               for path in sorted(folder.glob("*.schema.json"))}
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    registry = Registry().with_resources(
        (schema["$id"], Resource.from_contents(schema)) for schema in schemas.values())
    return {name: Draft202012Validator(schema, registry=registry) for name, schema in schemas.items()}


def verdict(line, validators):
    try:
        envelope = json.loads(line.decode("utf-8", "strict"), object_pairs_hook=without_repeated_members,
                              parse_constant=refuse_constant)
    except ValueError as error:
        return f"invalid: {error}"
    validator = validators.get(envelope["schema"])
    if validator is None:
        return f"invalid: there is no schema {envelope['schema']}"
    for error in validator.iter_errors(envelope["document"]):
        return f"invalid: {error.json_path}: {error.message[:300]}".replace("\n", " ")
    return "valid"


def main():
    validators = load_validators(pathlib.Path(sys.argv[1]))
    for line in sys.stdin.buffer:
        print(verdict(line, validators))


if __name__ == "__main__":
    main()
