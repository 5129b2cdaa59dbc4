"""A watch list that is not in order is refused whole, with a reason, and the gateway watches on."""

import base64
import hashlib
import hmac
import json
import subprocess
from datetime import datetime, timedelta, timezone

import pytest
from scripted_controller import ScriptedController
from support.city import GROUP, KEY_NAME, TAG_KEY_NAME, City, random_persons
from support.site import ROOT, WATCH_ROOT
from support.waiting import wait_until
from ultrasonic import Ultrasonic


def encoded(data):
    """Base64 as JWS has it: for URLs, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Forge:
    """Makes watch lists by the contract's words alone, with openssl's keys and nothing of the gateway's code."""

    def __init__(self, folder, tag_key_file, gateway):
        self.folder = folder
        self.gateway = gateway
        self.tag_key = bytes.fromhex(tag_key_file.read_text().strip())

    def new_key(self, name):
        key = self.folder / f"{name}.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True, capture_output=True)
        return key

    def sign(self, key, data):
        message = self.folder / "message"
        message.write_bytes(data)
        return subprocess.run(
            ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", message], check=True,
            capture_output=True).stdout

    def tag(self, person):
        text = f"{person.format}:{person.identifier.hex()}".encode()
        return hmac.new(self.tag_key, text, hashlib.sha256).hexdigest()

    def part(self, persons, **changes):
        return json.dumps({"tags": [
            {"tag": self.tag(person), "subject": person.subject, "person": "child",
             "at": [{"gateway": self.gateway, "place": person.place}], **changes} for person in persons]}).encode()

    def list(self, key, part, header=None, sign=True, **changes):
        """The file: the manifest's JWS in the first line, then the part."""
        now = datetime.now(timezone.utc)
        manifest = {
            "root": ROOT, "group": GROUP, "revision": 1, "issued": now.isoformat(timespec="seconds"),
            "valid_until": (now + timedelta(days=1)).isoformat(timespec="seconds"), "tag_kid": TAG_KEY_NAME,
            "parts": [{"n": 1, "sha256": hashlib.sha256(part).hexdigest(), "bytes": len(part)}], **changes}
        header = {"alg": "EdDSA", "kid": KEY_NAME, "typ": "mimamori-watchlist", **(header or {})}
        signed = encoded(json.dumps(header).encode()) + "." + encoded(json.dumps(manifest).encode())
        signature = encoded(self.sign(key, signed.encode())) if sign else ""
        return f"{signed}.{signature}\n".encode() + part + b"\n"


def flip(data, position):
    """The same with one character of base64 changed."""
    return data[:position] + (b"A" if data[position:position + 1] != b"A" else b"B") + data[position + 1:]


def signature_of(data):
    return data.index(b"\n") - 20


BAD_LISTS = {
    "signed with another key": lambda f, key, part: f.list(f.new_key("stranger"), part),
    "no signature": lambda f, key, part: f.list(key, part, sign=False),
    "an altered signature": lambda f, key, part: flip(good := f.list(key, part), signature_of(good)),
    "an altered manifest": lambda f, key, part: flip(good := f.list(key, part), good.index(b".") + 40),
    "an altered part": lambda f, key, part: f.list(key, part).replace(b'"child"', b'"elder"'),
    "the algorithm none": lambda f, key, part: f.list(key, part, header={"alg": "none"}, sign=False),
    "the algorithm HS256": lambda f, key, part: f.list(key, part, header={"alg": "HS256"}),
    "an unknown authority": lambda f, key, part: f.list(key, part, header={"kid": "nobody-2026"}),
    "another type": lambda f, key, part: f.list(key, part, header={"typ": "mimamori-command"}),
    "another root": lambda f, key, part: f.list(key, part, root="mimamori/131016"),
    "another group": lambda f, key, part: f.list(key, part, group="west"),
    "an unknown tag key": lambda f, key, part: f.list(key, part, tag_kid="1999-01"),
    "expired": lambda f, key, part: f.list(key, part, valid_until="2026-01-01T00:00:00Z"),
    "no revision": lambda f, key, part: f.list(key, part, revision=None),
    "a missing part": lambda f, key, part: f.list(key, part).partition(b"\n")[0] + b"\n",
    "a part too many": lambda f, key, part: f.list(key, part) + part + b"\n",
    "a tag that is no hash": lambda f, key, part: f.list(key, part.replace(b'"tag": "', b'"tag": "zz')),
    "a part that is no JSON": lambda f, key, part: f.list(key, part[:-2]),
    "no list at all": lambda f, key, part: b"children: Hanako, Taro\n",
    "an empty file": lambda f, key, part: b"",
    "far too long": lambda f, key, part: f.list(key, part) + b"x" * (64 << 20),
}


@pytest.fixture
def school(site, broker, peers, chance, tmp_path):
    """A gate with one child in front of it, whose list is yet to be written."""
    controller = peers(ScriptedController(tmp_path / "beacon"))
    sensor = peers(Ultrasonic(tmp_path / "gauge", distance=1500, interval=0.05))
    site.mqtt_table["port"] = broker.port
    site.add_ultrasonic("river-1", sensor.terminal.path, levels={"caution": 1.2})
    site.add_receiver("gate", controller.terminal.path)
    site.add_place("school", ["gate"])
    persons = random_persons(chance, 2, ["school"])
    for person in persons:
        controller.add(person.subject, person.format, person.identifier, interval=0.1)
        controller.set_signal(person.subject, -60)
    city = City(site, tmp_path / "city")
    city.equip(city.list_for(persons))
    forge = Forge(tmp_path, tmp_path / "city" / "tag-key", site.name)
    return site, controller, persons, forge, tmp_path / "city" / f"{KEY_NAME}.key"


def notices(subscriber):
    return [m.json() for m in subscriber.snapshot()
            if m.topic.startswith(WATCH_ROOT) and not m.topic.endswith("/head")]


def test_a_list_made_by_the_contract_alone_is_accepted(school, subscriber):
    """The forge makes good lists too: so it is for their faults that the bad ones are refused."""
    site, _, persons, forge, key = school
    (site.folder / "watchlist.jws").write_bytes(forge.list(key, forge.part(persons)))
    gateway = site.start().wait_ready()
    wait_until(
        lambda: {n["subject"] for n in notices(subscriber)} == {p.subject for p in persons}, 15,
        lambda: f"both arrive; the gateway said: {gateway.errors()}")


@pytest.mark.parametrize("fault", BAD_LISTS)
def test_a_bad_list_is_refused_whole(school, subscriber, fault):
    site, controller, persons, forge, key = school
    list_file = site.folder / "watchlist.jws"
    list_file.write_bytes(BAD_LISTS[fault](forge, key, forge.part(persons)))
    gateway = site.start().wait_ready()
    gateway.wait_said("watchlist.jws")
    subscriber.wait_for(lambda message: message.topic.endswith("/alert"), 15, "the river is watched nevertheless")
    wait_until(lambda: all(tag.heard >= 10 for tag in controller.tags.values()), 15, "the children are heard")
    assert gateway.is_running
    assert notices(subscriber) == [], "nobody is told of, not even the persons of the sound part"
    refusals = [line for line in gateway.errors().splitlines() if "watchlist.jws" in line]
    assert len(refusals) == 1 and len(refusals[0]) > 60, refusals
    # Not a word of the tags or of who they belong to.
    assert all(forge.tag(person) not in gateway.errors() for person in persons)


def test_a_missing_list_is_said_and_watches_over_nobody(school, subscriber):
    site, controller, _, _, _ = school
    (site.folder / "watchlist.jws").unlink()
    gateway = site.start().wait_ready()
    gateway.wait_said("watchlist.jws")
    subscriber.wait_for(lambda message: message.topic.endswith("/alert"), 15, "the river is watched nevertheless")
    wait_until(lambda: all(tag.heard >= 10 for tag in controller.tags.values()), 15, "the children are heard")
    assert gateway.is_running and notices(subscriber) == []
