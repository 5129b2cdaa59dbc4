"""No tag's identifier leaves the gateway in the clear: not in a file, a log, the broker's log or any message."""

import base64
import json
import os
import stat

import pytest
from scripted_controller import ScriptedController
from support import leaks
from support.city import City, random_persons
from support.site import ROOT, WATCH_ROOT
from support.waiting import wait_until
from ultrasonic import Ultrasonic

IDENTIFIER = bytes.fromhex("8deefbb9f7384297804096668bb4428113880f4e")
FORMS = {
    "bytes": IDENTIFIER,
    "hexadecimal": IDENTIFIER.hex().encode(),
    "hexadecimal in capitals": IDENTIFIER.hex().upper().encode(),
    "hexadecimal of mixed case": b"8DeefBB9f7384297804096668bb4428113880f4E",
    "a UUID and the rest": b"8deefbb9-f738-4297-8040-96668bb44281-1388-0f4e",
    "hexadecimal with colons": ":".join(f"{byte:02X}" for byte in IDENTIFIER).encode(),
    **{f"base64, {before} bytes before": base64.b64encode(b"abc"[:before] + IDENTIFIER + b"xyz") for before in range(3)},
    **{f"base64 for URLs, {before} bytes before": base64.urlsafe_b64encode(b"abc"[:before] + IDENTIFIER)
       for before in range(3)},
}


@pytest.mark.parametrize("form", FORMS)
def test_the_scan_finds_a_planted_leak(form):
    planted = b"a log says: " + FORMS[form] + b" was heard"
    assert leaks.find([IDENTIFIER], planted), form
    assert not leaks.find([IDENTIFIER], planted.replace(FORMS[form], b"nothing"))


@pytest.mark.parametrize("length", [5, 16, 20])
def test_base64_is_found_at_every_alignment_and_length(chance, length):
    for _ in range(200):
        identifier = chance.randbytes(length)
        before, after = chance.randbytes(chance.randrange(7)), chance.randbytes(chance.randrange(7))
        text = base64.b64encode(before + identifier + after)
        assert (identifier, "base64") in leaks.find([identifier], text)


class Watched:
    """A school gate with two listed and two unlisted tags of each format, all of them heard."""

    def __init__(self, site, broker, subscriber, peers, chance, tmp_path):
        self.site, self.broker, self.subscriber = site, broker, subscriber
        self.sensor = peers(Ultrasonic(tmp_path / "gauge", distance=1500, interval=0.05))
        self.controller = peers(ScriptedController(tmp_path / "beacon"))
        site.mqtt_table["port"] = broker.port
        site.add_ultrasonic("river-1", self.sensor.terminal.path, levels={"caution": 1.2})
        site.add_receiver("gate", self.controller.terminal.path)
        site.add_place("school", ["gate"], gone_after="3s")
        self.listed = random_persons(chance, 8, ["school"])
        self.unlisted = random_persons(chance, 8, ["school"])
        for person in self.listed + self.unlisted:
            self.controller.add(person.subject, person.format, person.identifier, interval=0.1)
        city = City(site, tmp_path / "city")
        city.equip(city.list_for(self.listed))

    @property
    def needles(self):
        tags = self.controller.tags.values()
        identifiers = [tag.identifier for tag in tags]
        # A beacon's first sixteen bytes and the radio addresses would give a tag away too.
        return identifiers + [each[:16] for each in identifiers if len(each) > 16] + [tag.address for tag in tags]

    def notices(self, kind):
        return [
            message.json() for message in self.subscriber.snapshot()
            if message.topic.startswith(WATCH_ROOT) and not message.topic.endswith("/head")
            and message.json()["kind"] == kind]

    def come_and_go(self):
        subjects = {person.subject for person in self.listed}
        for name in self.controller.tags:
            self.controller.set_signal(name, -55)
        wait_until(lambda: {n["subject"] for n in self.notices("arrival")} == subjects, 20, "eight arrivals")
        wait_until(lambda: all(tag.heard >= 5 for tag in self.controller.tags.values()), 20, "each tag was heard")
        for name in self.controller.tags:
            self.controller.set_signal(name, None)
        wait_until(lambda: {n["subject"] for n in self.notices("departure")} == subjects, 20, "eight departures")

    def evidence(self):
        """Everything that can be read of the gateway from outside: name and bytes."""
        for folder, _, names in os.walk(self.site.state):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    yield path, file.read()
        for path in self.site.outputs():
            yield str(path), path.read_bytes()
        yield "the broker's log", self.broker.log.read_bytes()
        for message in self.subscriber.snapshot():
            yield "a topic", message.topic.encode()
            yield message.topic, message.payload

    def leaks(self):
        return [(name, found) for name, data in self.evidence() if (found := leaks.find(self.needles, data))]


@pytest.fixture
def watched(site, broker, subscriber, peers, chance, tmp_path):
    return Watched(site, broker, subscriber, peers, chance, tmp_path)


def test_no_tag_is_in_the_clear_anywhere(watched):
    gateway = watched.site.start().wait_ready()
    watched.come_and_go()
    names = [name for name, _ in watched.evidence()]
    assert any(name.endswith("-wal") for name in names), "SQLite's write-ahead log is looked into as well"
    assert watched.leaks() == []
    # A kill leaves everything as it was in that moment; a clean stop saves more. Both must be clean.
    gateway.kill()
    assert watched.leaks() == []
    gateway = watched.site.start().wait_ready()
    watched.controller.set_signal(watched.listed[0].subject, -55)
    wait_until(lambda: len(watched.notices("arrival")) == 9, 20, "one more arrival")
    assert gateway.stop() == 0
    assert watched.leaks() == []
    # The same look finds a leak where there is one.
    (watched.site.state / "notes").write_text(f"heard {watched.unlisted[0].identifier.hex()} at noon")
    assert [os.path.basename(name) for name, _ in watched.leaks()] == ["notes"]


def test_persons_appear_under_their_own_root_only(watched):
    watched.site.start().wait_ready()
    watched.come_and_go()
    subjects = [person.subject.encode() for person in watched.listed]
    for message in watched.subscriber.snapshot():
        if message.topic.startswith(WATCH_ROOT + "/"):
            assert message.topic.split("/")[2] in {person.subject for person in watched.listed}
            continue
        assert message.topic.startswith(ROOT + "/")
        for subject in subjects:
            assert subject not in message.payload and subject not in message.topic.encode(), message.topic
    unlisted = {person.subject for person in watched.unlisted}
    assert not unlisted & {notice["subject"] for notice in watched.notices("arrival")}
    # How many children there are is nobody's business either.
    for message in watched.subscriber.on("/observation/gate"):
        assert not {"count", "tags", "sightings"} & set(message.json())


def test_state_is_readable_by_nobody_else(watched):
    watched.site.start().wait_ready()
    watched.come_and_go()
    for folder, _, names in os.walk(watched.site.state):
        for path in [folder, *(os.path.join(folder, name) for name in names)]:
            assert stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0, path


def record(watched, *arguments):
    """Runs `record` for as long as it takes to hear each tag; returns the recording's file."""
    recording = watched.site.folder / "site.jsonl"
    for name in watched.controller.tags:
        watched.controller.set_signal(name, -55)
    run = watched.site.start(command="record", arguments=["--output", recording, *arguments])
    before = {name: tag.heard for name, tag in watched.controller.tags.items()}
    wait_until(
        lambda: all(tag.heard >= before[name] + 10 for name, tag in watched.controller.tags.items()), 30,
        lambda: f"each tag was heard; record said: {run.errors()}")
    assert run.stop() == 0, run.errors()
    return recording, run


def test_a_recording_knows_listed_tags_by_their_hashes_and_no_others(watched):
    recording, run = record(watched)
    assert leaks.find(watched.needles, recording.read_bytes() + run.errors().encode()) == []
    lines = [json.loads(line) for line in recording.read_text().splitlines()]
    hashes = {line["tag"] for line in lines if "tag" in line}
    assert len(hashes) == len(watched.listed) and all(len(tag) == 64 for tag in hashes)
    replayed = watched.site.call("replay", "--config", watched.site.configuration, "--input", recording)
    assert replayed.returncode == 0, replayed.stderr
    told = [json.loads(line) for line in replayed.stdout.splitlines()]
    assert {line["subject"] for line in told if line.get("kind") == "arrival"} == {
        person.subject for person in watched.listed}
    assert [line["step"] for line in told if line.get("kind") == "water_level"] == ["caution"]


def test_a_recording_in_the_clear_must_be_asked_for_and_is_private(watched):
    recording, run = record(watched, "--clear-ids")
    assert stat.S_IMODE(recording.stat().st_mode) == 0o600
    found = {identifier for identifier, _ in leaks.find(watched.needles, recording.read_bytes())}
    assert {person.identifier for person in watched.listed + watched.unlisted} <= found
    assert "clear" in run.errors().lower(), "a warning says what the file holds"
