"""What may be published where: each topic's schema, and whether it is retained and may expire."""

import json
import re
from pathlib import Path

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from .site import ROOT, WATCH_ROOT

# Below <root>/<gateway>/: schema, retained, may expire.
TOPICS = {
    r"status": ("status", True, False),
    r"info": ("info", True, False),
    r"health": ("health", True, True),
    r"alert": ("alert", False, False),
    r"alert/(exercise|test)": ("alert", False, False),
    r"active": ("active", True, False),
    r"cap": (None, False, False),
    r"cap/(exercise|test)": (None, False, False),
    r"reply": ("reply", False, False),
    r"observation/[a-z0-9-]+": ("observation", True, True),
    r"observation/[a-z0-9-]+/delayed": ("observation", False, True),
    r"output/[a-z0-9-]+": ("output", True, False),
    r"place/[a-z0-9-]+": ("place", True, False),
}
# Below <watch_root>/<subject>/<gateway>.
PERSONAL = {r"": ("notice", False, False), r"/head": ("head", True, False)}


def rule_of(topic, gateway):
    """The rule of a topic; None for one that nobody may publish to."""
    own = re.fullmatch(rf"{re.escape(ROOT)}/{gateway}/(.+)", topic)
    personal = re.fullmatch(rf"{re.escape(WATCH_ROOT)}/[0-9a-f]{{24,}}/{gateway}(.*)", topic)
    rest, rules = (own[1], TOPICS) if own else (personal[1], PERSONAL) if personal else (None, {})
    return next((rule for pattern, rule in rules.items() if re.fullmatch(pattern, rest)), None)


class Schemas:
    """The published schemas of docs/schemas."""

    def __init__(self, top):
        self.folder = Path(top) / "docs" / "schemas"
        self._validators = {}
        # Schemas refer to each other by their names, which lead nowhere but here.
        self._registry = Registry().with_resources(
            (schema["$id"], Resource.from_contents(schema))
            for schema in (json.loads(file.read_text()) for file in self.folder.glob("*.schema.json")))

    def validator(self, name):
        if name not in self._validators:
            schema = json.loads((self.folder / f"{name}.schema.json").read_text())
            Draft202012Validator.check_schema(schema)
            self._validators[name] = Draft202012Validator(
                schema, registry=self._registry, format_checker=Draft202012Validator.FORMAT_CHECKER)
        return self._validators[name]

    def problems(self, messages, gateway):
        """Everything that is wrong with these messages: topic, schema, retained flag, expiry, quality of service."""
        found = []
        for message in messages:
            rule = rule_of(message.topic, gateway)
            if rule is None:
                found.append(f"{message.topic}: nothing may be published there")
                continue
            schema, retained, may_expire = rule
            if message.retained != retained:
                found.append(f"{message.topic}: the retained flag is {message.retained}")
            if message.expiry is not None and not may_expire:
                found.append(f"{message.topic}: expires after {message.expiry} s")
            if message.qos != 1:
                found.append(f"{message.topic}: quality of service {message.qos}")
            if schema is None:
                continue
            try:
                content = message.json()
            except ValueError as error:
                found.append(f"{message.topic}: no JSON: {error}")
                continue
            for problem in self.validator(schema).iter_errors(content):
                path = "/".join(map(str, problem.absolute_path))
                found.append(f"{message.topic}: {path}: {problem.message[:300]}")
        return found
