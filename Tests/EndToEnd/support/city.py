"""The city's side in the tests: keys, persons with tags, and a signed watch list made by the program's own `sign`."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

GROUP = "east"
KEY_NAME = "city-2026"
TAG_KEY_NAME = "2026-11"
# The bytes that each format calls a tag by.
FORMATS = {"ibeacon": 20, "altbeacon": 20, "eddystone-uid": 16, "line": 5}


@dataclass(frozen=True)
class Person:
    subject: str
    format: str
    identifier: bytes
    place: str


def random_persons(chance, count, places):
    """Persons with one tag each: formats and places in turn, everything else at random."""
    names = list(FORMATS)
    return [
        Person(
            subject=chance.randbytes(12).hex(), format=names[number % len(names)],
            identifier=chance.randbytes(FORMATS[names[number % len(names)]]), place=places[number % len(places)])
        for number in range(count)]


class City:
    """Keys and lists in a folder of its own; only the list, the public key and the tag key go to a site."""

    def __init__(self, site, folder):
        self.site = site
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._sign("keypair", "--kid", KEY_NAME, "--output", folder)
        self._sign("tagkey", "--output", folder / "tag-key")

    def _sign(self, *arguments):
        result = self.site.call("sign", *arguments)
        assert result.returncode == 0, result.stderr

    def list_for(self, persons, revision=1, root="mimamori/282103", group=GROUP, valid_for=timedelta(days=365)):
        """Signs a list of these persons; returns its file."""
        draft = self.folder / f"persons-{revision}.json"
        draft.write_text(json.dumps({"persons": [
            {"subject": person.subject, "person": "child",
             "tags": [{"format": person.format, "id": person.identifier.hex()}],
             "at": [{"gateway": self.site.name, "place": person.place}]} for person in persons]}))
        output = self.folder / f"watchlist-{revision}.jws"
        until = (datetime.now(timezone.utc) + valid_for).isoformat(timespec="seconds")
        self._sign(
            "watchlist", "--key", self.folder / f"{KEY_NAME}.key", "--kid", KEY_NAME,
            "--tag-key", self.folder / "tag-key", "--tag-kid", TAG_KEY_NAME, "--root", root, "--group", group,
            "--revision", str(revision), "--valid-until", until, "--input", draft, "--output", output)
        return output

    def equip(self, watchlist):
        """Brings the public key, the tag key and the list to the site and names them in its configuration."""
        site = self.site
        for source, name in (
                (self.folder / f"{KEY_NAME}.pub", f"{KEY_NAME}.pub"), (self.folder / "tag-key", "tag-key"),
                (watchlist, "watchlist.jws")):
            target = site.folder / name
            target.write_bytes(source.read_bytes())
            target.chmod(0o600)
        site.add("[authority]", kid=KEY_NAME, public_key_file=f"{KEY_NAME}.pub", may=["watchlist"])
        site.add("watchlist", group=GROUP, tag_keys={TAG_KEY_NAME: "tag-key"}, file="watchlist.jws")
