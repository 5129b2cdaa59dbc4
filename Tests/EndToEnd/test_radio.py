"""Receivers, vendors' tags, tags that change and flood sensors by radio, through real ports and the whole program."""

import json
import os
import time
from datetime import datetime, timedelta, timezone

import pytest
import rotating
from crowd import Crowd
from support import leaks
from support.city import KEY_NAME, TAG_KEY_NAME, City, Person
from support.site import WATCH_ROOT
from support.waiting import assert_holds, wait_until


def notices(subscriber, kind):
    return [
        message.json() for message in subscriber.snapshot()
        if message.topic.startswith(WATCH_ROOT) and not message.topic.endswith("/head")
        and message.json()["kind"] == kind]


def subjects(subscriber, kind="arrival"):
    return [notice["subject"] for notice in notices(subscriber, kind)]


def states(subscriber, topic):
    return [message.json()["state"] for message in subscriber.on(topic)]


def beacon(identifier):
    return bytes.fromhex("0201061aff4c000215") + identifier + bytes([0xC5])


@pytest.fixture
def gate(site, broker, peers, tmp_path):
    site.mqtt_table["port"] = broker.port
    return peers(Crowd(tmp_path / "gate"))


def test_of_two_receivers_one_may_die(site, gate, subscriber, peers, chance, tmp_path):
    other = peers(Crowd(tmp_path / "other"))
    for name, crowd in (("north", gate), ("south", other)):
        site.add_receiver(name, crowd.terminal.path)
    site.add_place("school", ["north", "south"], gone_after="8s")
    persons = [Person(chance.randbytes(12).hex(), "ibeacon", chance.randbytes(20), "school") for _ in range(2)]
    city = City(site, tmp_path / "city")
    city.equip(city.list_for(persons))
    site.start().wait_ready()
    first, second = persons
    for crowd in (gate, other):
        crowd.arrive(first.subject, "ibeacon", first.identifier, chance.randbytes(5) + b"\xc0")
    wait_until(lambda: subjects(subscriber) == [first.subject], 20, "one arrival, though two receivers hear it")
    gate.terminal.unplug()
    wait_until(lambda: "degraded" in states(subscriber, "/place/school"), 30, "the place is degraded")
    # The other receiver suffices: nobody leaves, and who comes is noticed.
    other.arrive(second.subject, "ibeacon", second.identifier, chance.randbytes(5) + b"\xc0")
    wait_until(lambda: second.subject in subjects(subscriber), 20, "an arrival at a degraded place")
    assert_holds(lambda: not notices(subscriber, "departure"), 10, "nobody has left")
    other.terminal.unplug()
    wait_until(lambda: states(subscriber, "/place/school")[-1] == "blind", 30, "the place is blind")
    gate.terminal.plug()
    wait_until(lambda: states(subscriber, "/place/school")[-1] == "degraded", 30, "one receiver is back")
    assert len(subjects(subscriber)) == 2


def test_a_receiver_that_answers_and_hears_nothing_is_blind_until_it_hears(site, gate, subscriber, chance):
    site.add("serial.gate", device=gate.terminal.path, baud=1000000, frame="8N1")
    site.add(
        "[sensor]", id="gate", name="受信機", driver="hci", serial="gate", quantity="beacon", quiet_after="12s")
    site.add_place("school", ["gate"])
    site.start().wait_ready()
    wait_until(lambda: "blind" in states(subscriber, "/place/school"), 40, "the place is blind")
    resets = [opcode for opcode, _ in gate.commands].count(0x0C03)
    assert resets >= 3, "it was started anew and opened anew before"
    gate.bystander(chance.randbytes(5) + b"\x5c", bytes.fromhex("020106"))
    wait_until(lambda: states(subscriber, "/place/school")[-1] == "watching", 20, "something was heard")


@pytest.fixture
def rotating_site(site, gate, chance, tmp_path):
    """A child whose Eddystone-EID changes every 2 s, one with a resolvable address, one with a vendor's own tag."""
    site.add("[tag_format]", name="acme", company=0x0499, match="a1 00", mask="ff 0f", id={"offset": 2, "length": 6},
             battery={"offset": 8, "unit": "percent"}, button={"offset": 9, "bit": 0})
    site.add("[tag_format]", name="acme-private", company=0x0499, match="b2", id="address")
    site.add_receiver("gate", gate.terminal.path)
    site.add_place("school", ["gate"], gone_after="6s")
    city = City(site, tmp_path / "city")
    city.names = [chance.randbytes(12).hex() for _ in range(3)]
    city.keys = [chance.randbytes(16) for _ in range(2)]
    city.vendor = chance.randbytes(6)
    city.zero = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(hours=30)
    at = [{"gateway": site.name, "place": "school"}]
    draft = city.folder / "persons.json"
    draft.write_text(json.dumps({"formats": [{"name": "acme", "bytes": 6}], "persons": [
        {"subject": city.names[0], "person": "child", "at": at,
         "tags": [{"format": "eddystone-eid", "key_ref": "child-1"}]},
        {"subject": city.names[1], "person": "child", "at": at, "tags": [{"format": "rpa", "key_ref": "child-2"}]},
        {"subject": city.names[2], "person": "elder", "at": at,
         "tags": [{"format": "acme", "id": city.vendor.hex()}]}]}))
    signed = city.folder / "watchlist.jws"
    city._sign(
        "watchlist", "--key", city.folder / f"{KEY_NAME}.key", "--kid", KEY_NAME, "--tag-key",
        city.folder / "tag-key", "--tag-kid", TAG_KEY_NAME, "--root", "mimamori/282103", "--group", "east",
        "--revision", "1", "--valid-until", "2036-01-01T00:00:00Z", "--input", draft, "--output", signed)
    city.equip(signed)
    site.tables[-1][1]["resolver_keys"] = "rotating-keys.json"
    keys = site.folder / "rotating-keys.json"
    keys.write_text(json.dumps({"keys": [
        {"ref": "child-1", "format": "eddystone-eid", "key": city.keys[0].hex(), "rotation_exponent": 1,
         "clock_zero": city.zero.isoformat(), "clock_tolerance": "20s"},
        {"ref": "child-2", "format": "rpa", "key": city.keys[1].hex()}]}))
    keys.chmod(0o600)
    return city


def rotate(site_city, gate, chance, rounds, used):
    """Sends what the two children's tags would send, each second something new, and the vendor's tag."""
    for _ in range(rounds):
        seconds = int((datetime.now(timezone.utc) - site_city.zero).total_seconds())
        identifier = rotating.ephemeral_identifier(site_city.keys[0], 1, seconds)
        address = rotating.resolvable_address(site_city.keys[1], chance.getrandbits(24))
        used += [identifier, address, address[::-1]]
        acme = bytes.fromhex("0dff9904a1f0") + site_city.vendor + bytes([80, 1])
        for sender, data in (
                (chance.randbytes(5) + b"\x5c", rotating.ephemeral_advertisement(identifier)),
                (address, bytes.fromhex("04ff9904b2")), (chance.randbytes(5) + b"\xc0", acme),
                (rotating.resolvable_address(chance.randbytes(16), chance.getrandbits(24)),
                 bytes.fromhex("04ff9904b2"))):
            event = bytes([0x02, 0x01, 0x03, 0x01]) + sender + bytes([len(data)]) + data + b"\xc9"
            gate.terminal.write(bytes([0x04, 0x3E, len(event)]) + event)
        time.sleep(1)


def test_tags_that_change_and_a_vendors_tag_are_known_and_never_shown(
        rotating_site, site, gate, subscriber, chance, broker):
    gateway = site.start().wait_ready()
    wait_until(lambda: gate.is_scanning, 10, "the receiver listens")
    used = []
    rotate(rotating_site, gate, chance, 12, used)
    wait_until(lambda: sorted(subjects(subscriber)) == sorted(rotating_site.names), 10, gateway.errors)
    assert not notices(subscriber, "departure"), "a new identifier is no departure"
    wait_until(lambda: len(notices(subscriber, "departure")) == 3, 20, "all three have left")
    assert gateway.stop() == 0
    needles = used + [rotating_site.vendor, *rotating_site.keys]
    evidence = [path.read_bytes() for path in site.outputs()] + [broker.log.read_bytes()]
    for folder, _, names in os.walk(site.state):
        evidence += [open(os.path.join(folder, name), "rb").read() for name in names]
    evidence += [message.payload for message in subscriber.snapshot()]
    assert leaks.find_many(needles, b"\n".join(evidence)) == []
    assert "not recognised" not in gateway.errors()


def test_a_recording_of_rotating_tags_replays_to_the_same_arrivals(rotating_site, site, gate, chance, subscriber):
    recording = site.folder / "site.jsonl"
    run = site.start(command="record", arguments=["--output", recording])
    wait_until(lambda: gate.is_scanning, 20, run.errors)
    used = []
    rotate(rotating_site, gate, chance, 5, used)
    assert run.stop() == 0, run.errors()
    hashes = {json.loads(line).get("tag") for line in recording.read_text().splitlines()} - {None}
    assert len(hashes) == 3, "one name a tag, whatever it sends"
    assert leaks.find_many(used, recording.read_bytes()) == []
    replayed = site.call("replay", "--config", site.configuration, "--input", recording)
    assert replayed.returncode == 0, replayed.stderr
    told = [json.loads(line) for line in replayed.stdout.splitlines()]
    assert {line["subject"] for line in told if line.get("kind") == "arrival"} == set(rotating_site.names)


def test_silence_of_one_flood_sensor_is_water_and_of_all_is_a_deaf_receiver(site, gate, subscriber, chance):
    site.add_receiver("under", gate.terminal.path)
    tags = {f"coin-{number}": chance.randbytes(20) for number in (1, 2)}
    for name, identifier in tags.items():
        site.add(
            "[sensor]", id=name, name=f"浸水 {name}", driver="radio_contact", receiver="under",
            tag={"format": "ibeacon", "id": identifier.hex()}, silent_after="6s", unheard_after="20s",
            quantity="flood_contact")
        site.add("[contact]", sensor=name, severity="severe", wet_after="0s", dry_after="1s")
    gateway = site.start().wait_ready()
    for name, identifier in tags.items():
        gate.arrive(name, "ibeacon", identifier, chance.randbytes(5) + b"\xc0")
    gate.bystander(chance.randbytes(5) + b"\x5c", bytes.fromhex("020106"))

    def alerts(kind):
        return [
            message.json() for message in subscriber.on("/alert")
            if message.json()["kind"] == kind and message.json()["message"] == "raise"]

    def active():
        found = subscriber.on("/active")
        return {alert["sensor"]: alert["kind"] for alert in found[-1].json()["alerts"]} if found else None

    wait_until(lambda: all(subscriber.on(f"/observation/{name}") for name in tags), 80, "both are heard")
    assert active() == {}
    gate.forget("coin-1")
    wait_until(lambda: active() == {"coin-1": "flood_contact"}, 20, gateway.errors)
    gate.arrive("coin-1", "ibeacon", tags["coin-1"], chance.randbytes(5) + b"\xc0")
    wait_until(lambda: active() == {}, 20, "it is dry again")
    gate.forget("coin-1")
    gate.forget("coin-2")
    wait_until(
        lambda: active() == {"under": "blind"}, 30,
        lambda: f"both are faulty for one cause, and neither is wet: {active()}")
    # The list of what is active may come before the alert itself.
    wait_until(lambda: alerts("blind"), 10, "the alert is there too")
    assert sorted(alerts("blind")[-1]["affected"]) == ["coin-1", "coin-2"]
    assert [alert["sensor"] for alert in alerts("flood_contact")] == ["coin-1"]
    gate.arrive("coin-2", "ibeacon", tags["coin-2"], chance.randbytes(5) + b"\xc0")
    wait_until(lambda: active() == {"coin-1": "flood_contact"}, 30, "one is heard, the other is under water")


def test_the_peers_computations_are_the_specifications(shared_data):
    address = rotating.resolvable_address(bytes.fromhex("ec0234a357c8ad05341010a60a397d9b"), 0x708194)
    assert address[::-1].hex() == "7081940dfbaa"
    text = (shared_data / "vectors/wire_vectors.txt").read_text()
    expected = rotating.ephemeral_identifier(bytes(range(16)), 10, 65536).hex()
    assert f"t=65536 -> {expected}" in text
