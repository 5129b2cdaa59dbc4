"""300 tags at a school gate among 2,000 bystanders, each heard every second, through a real port at the real rate."""

import base64
import os
import time
from pathlib import Path

from crowd import Crowd
from support import leaks
from support.city import City, random_persons
from support.site import WATCH_ROOT
from support.waiting import wait_until

TAGS = 300
BYSTANDERS = 2000
# What a family waits for at most, of which ten seconds are the place's dwell.
NOTICED_WITHIN = 15.0
# What the crowd may add to the program's memory: queues and caches have limits, and so has what malloc keeps.
GROWTH_LIMIT = 16 << 20


def resident_bytes(process):
    with open(f"/proc/{process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_the_search_among_many_finds_what_the_search_for_one_finds(chance):
    needles = [chance.randbytes(length) for length in (6, 16, 20) * 100]
    text = chance.randbytes(20000)
    assert leaks.find_many(needles, text) == []
    for needle in needles[::37]:
        for form in (needle, needle[::-1], needle.hex().upper().encode(), base64.b64encode(b"a" + needle + b"zz"),
                     ":".join(f"{byte:02x}" for byte in needle).encode()):
            planted = text[:7000] + b" " + form + b" " + text[7000:]
            assert {found for found, _ in leaks.find_many(needles, planted)} == {needle}, form


def beacon(identifier):
    return bytes.fromhex("0201061aff4c000215") + identifier + bytes([0xC5])


def test_every_registered_arrival_is_noticed_in_time_once_and_no_bystander_anywhere(
        site, broker, subscriber, peers, chance, tmp_path, measured):
    crowd = peers(Crowd(tmp_path / "beacon"))
    site.mqtt_table["port"] = broker.port
    site.add_receiver("gate", crowd.terminal.path)
    site.add_place("school", ["gate"], gone_after="60s", dwell="10s", count=3, of=5)
    persons = random_persons(chance, TAGS, ["school"])
    city = City(site, tmp_path / "city")
    city.equip(city.list_for(persons))
    gateway = site.start().wait_ready()

    # The crowd first: half of them as beacons that look like a tag, half as telephones of an unknown kind.
    strangers = [chance.randbytes(20) for _ in range(BYSTANDERS)]
    for number, identifier in enumerate(strangers):
        data = beacon(identifier) if number % 2 == 0 else bytes.fromhex("02011a17ff4c0010") + identifier
        crowd.bystander(chance.randbytes(5) + b"\x5c", data)
    wait_until(lambda: crowd.reported > 3 * BYSTANDERS, 60, "the crowd is heard")
    before = resident_bytes(gateway.process)

    for person in persons:
        crowd.arrive(person.subject, person.format, person.identifier, chance.randbytes(5) + b"\xc0")
    noticed = {}

    def arrivals():
        return [
            message for message in subscriber.snapshot()
            if message.topic.startswith(WATCH_ROOT + "/") and not message.topic.endswith("/head")
            and message.json()["kind"] == "arrival"]

    def all_noticed():
        now = time.monotonic()
        for message in arrivals():
            noticed.setdefault(message.json()["subject"], now)
        return len(noticed) == TAGS

    wait_until(all_noticed, 60, lambda: f"{TAGS} arrivals; there are {len(noticed)}")
    slowest = max(noticed[person.subject] - crowd.arrived[person.subject] for person in persons)
    # They stay for a while: nobody arrives for a second time, and nothing grows.
    reported = crowd.reported
    wait_until(lambda: crowd.reported > reported + 10 * (TAGS + BYSTANDERS), 60, "ten more seconds of crowd")
    grown = resident_bytes(gateway.process) - before
    measured(f"slowest arrival {slowest:.1f} s, memory +{grown >> 10} KiB, {crowd.reported} reports, {crowd.lost} lost")

    assert crowd.lost == 0
    assert slowest <= NOTICED_WITHIN
    assert grown <= GROWTH_LIMIT
    subjects = [message.json()["subject"] for message in arrivals()]
    assert sorted(subjects) == sorted(person.subject for person in persons)
    evidence = [path.read_bytes() for path in site.outputs()] + [broker.log.read_bytes()]
    for folder, _, names in os.walk(site.state):
        evidence += [Path(folder, name).read_bytes() for name in names]
    evidence += [message.topic.encode() + b" " + message.payload for message in subscriber.snapshot()]
    needles = strangers + crowd.identifiers + crowd.addresses
    # LINE's five bytes are too short to be looked for among so many: any text has them now and then.
    assert leaks.find_many([needle for needle in needles if len(needle) > 5], b"\n".join(evidence)) == []
    assert gateway.stop() == 0
