"""Judges measures by the published Smart Data Models, whose schemas know key values only.

Usage: validate_model.py FOLDER. Reads one JSON document a line on standard input, key values or normalized NGSI-LD, which
is first reduced to key values; prints "valid" or "invalid: why" for each. A type without a schema in the folder is held
to what every model asks for: an id and a type.
"""

import json
import pathlib
import sys

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

# What the models of types without a schema in the folder ask for.
REQUIRED = {
    "WeatherObserved": ["id", "type", "dateObserved", "location"],
    "DeviceMeasurement": ["id", "type"],
}


def key_values(document):
    if "@context" not in document:
        return document
    simple = {}
    for name, value in document.items():
        if isinstance(value, dict):
            kind = value.get("type")
            if kind not in ("Property", "GeoProperty", "Relationship"):
                raise ValueError(f"{name} is no property")
            if kind == "GeoProperty" and not isinstance(value["value"], dict):
                raise ValueError(f"{name} has no place")
            simple[name] = value["object"] if kind == "Relationship" else value["value"]
        else:
            simple[name] = value
    del simple["@context"]
    return simple


def main():
    folder = pathlib.Path(sys.argv[1])
    schemas = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*schema*.json")}
    # The schema of weather alerts is not in the folder; none of its categories is used here.
    missing = {"$schema": Draft202012Validator.META_SCHEMA["$id"], "definitions": {"WeatherAlertCategories": False}}
    registry = Registry(retrieve=lambda uri: Resource.from_contents(missing))
    for schema in schemas.values():
        registry = registry.with_resource(schema["$id"], Resource.from_contents(schema))
    for line in sys.stdin:
        try:
            document = key_values(json.loads(line))
            schema = schemas.get(f"{document.get('type')}.schema.json")
            if schema is None:
                required = REQUIRED.get(document.get("type"))
                if required is None:
                    raise ValueError(f"unknown type {document.get('type')}")
                schema = {"type": "object", "required": required}
            validator = Draft202012Validator(schema, registry=registry, format_checker=FormatChecker())
            error = next(validator.iter_errors(document), None)
            print("valid" if error is None else f"invalid: {error.json_path}: {error.message}".replace("\n", " "))
        except (ValueError, KeyError) as error:
            print(f"invalid: {error}".replace("\n", " "))


if __name__ == "__main__":
    main()
