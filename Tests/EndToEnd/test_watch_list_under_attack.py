"""Whoever may write where watch lists are published, and has no key: takes no list away, puts none in, and is not in the way of the next."""

import base64
import hashlib
import os
import signal
import time

import pytest
from support.authority import Authority
from support.city import random_persons
from support.site import ROOT
from support.waiting import assert_holds, wait_until
from test_watch_list_by_broker import TOPIC, School


@pytest.fixture
def school(site, broker, subscriber, peers, chance, tmp_path):
    return School(site, broker, subscriber, peers, chance, tmp_path)


@pytest.fixture
def watching(school):
    """A gateway with a list of the first child in use."""
    school.start()
    school.publish(school.city.list_for(school.persons[:1]).read_bytes(), 1)
    wait_until(lambda: len(school.arrived()) == 1, 20, lambda: f"the list is in use; {school.gateway.errors()}")
    return school


def parts_of(file):
    manifest, *parts = file.removesuffix(b"\n").split(b"\n")
    return manifest, parts


def test_a_part_that_was_altered_at_the_broker_is_mended_by_publishing_it_again(watching):
    school = watching
    file = school.city.list_for(school.persons[:2], revision=2).read_bytes()
    manifest, [part] = parts_of(file)
    # As it happens with a shell, or as somebody does who wants no newer list to be used.
    for wrong in (b"x" * len(part), part[::-1], part.replace(b'"child"', b'"elder"')):
        school.requester.send(f"{TOPIC}/2/1", wrong, retain=True)
        school.requester.send(TOPIC, manifest, retain=True)
        wait_until(lambda: school.health().get("watchlist_refusal") == "altered", 10, "it is said", every=0.3)
        assert len(school.arrived()) == 1
    school.publish(file, 2)
    wait_until(lambda: len(school.arrived()) == 2, 20, lambda: f"the list is used; said {school.gateway.errors()}")
    health = school.health()
    assert health["watchlist_revision"] == 2 and "watchlist_refusal" not in health
    assert school.gateway.errors().count("is refused") == 1, "said once a minute"


def test_parts_that_come_after_the_manifest_are_fetched_when_it_is_published_again(watching):
    school = watching
    file = school.city.list_for(school.persons[:2], revision=2).read_bytes()
    manifest, [part] = parts_of(file)
    school.requester.send(TOPIC, manifest, retain=True)
    school.gateway.wait_said("Part 1 of watch list revision 2 is not at the broker", seconds=80)
    assert school.health()["watchlist_refusal"] == "incomplete" and len(school.arrived()) == 1
    school.publish(file, 2)
    wait_until(lambda: len(school.arrived()) == 2, 20, lambda: f"the list is used; said {school.gateway.errors()}")


def test_a_part_of_an_older_list_is_no_part_of_a_newer_one(watching):
    school = watching
    # Of the same length, well formed, and signed once: only the manifest tells that it is of another list.
    _, [old] = parts_of(school.city.list_for(school.persons[1:2], revision=2).read_bytes())
    manifest, [new] = parts_of(school.city.list_for(school.persons[2:3], revision=3).read_bytes())
    school.requester.send(f"{TOPIC}/3/1", old, retain=True)
    school.requester.send(TOPIC, manifest, retain=True)
    wait_until(lambda: school.health().get("watchlist_refusal") == "altered", 10, "it is said", every=0.3)
    assert school.health()["watchlist_revision"] == 1 and len(school.arrived()) == 1


def test_a_thousand_forged_manifests_fill_no_log_and_hide_no_good_one(watching):
    school = watching
    for _ in range(1000):
        school.requester.send(TOPIC, b"eyJhbGciOiJFZERTQSJ9.e30." + base64.urlsafe_b64encode(os.urandom(64)).rstrip(b"="))
    school.publish(school.city.list_for(school.persons[:2], revision=2).read_bytes(), 2)
    wait_until(lambda: len(school.arrived()) == 2, 60, lambda: f"the list is used; said {school.gateway.errors()}")
    assert school.gateway.errors().count("is refused") <= 2, school.gateway.errors()
    assert school.health()["watchlist_revision"] == 2


def signed(school, header=None, **changes):
    changes.setdefault("revision", 9)
    return school.forge.list(school.key, school.forge.part(school.persons[1:2]), header, **changes).split(b"\n")[0]


def some_hash(text=b""):
    return hashlib.sha256(text).hexdigest()


MANIFESTS = {
    "a revision with a path": ("malformed", lambda s: signed(s, revision="1/../2")),
    "a revision that is no number": ("malformed", lambda s: signed(s, revision=2.5)),
    "a revision beyond numbers": ("malformed", lambda s: signed(s, revision=2**70)),
    "a negative revision": ("malformed", lambda s: signed(s, revision=-1)),
    "a group with a path": ("wrong_group", lambda s: signed(s, group="east/../west")),
    "no parts and another root": ("wrong_root", lambda s: signed(s, parts=[], root=ROOT + "/")),
    "a part beyond its limit": ("too_long", lambda s: signed(s, parts=[{"n": 1, "sha256": some_hash(), "bytes": 65537}])),
    "a part of no bytes": ("malformed", lambda s: signed(s, parts=[{"n": 1, "sha256": some_hash(), "bytes": 0}])),
    "a part twice": ("malformed", lambda s: signed(s, parts=[{"n": 1, "sha256": some_hash(), "bytes": 9}] * 2)),
    "a hash that is none": ("malformed", lambda s: signed(s, parts=[{"n": 1, "sha256": "../" * 21 + "x", "bytes": 9}])),
    "an end before its beginning": ("malformed", lambda s: signed(s, valid_until="2020-01-01T00:00:00Z")),
    "an end that is no day": ("malformed", lambda s: signed(s, valid_until="2027-02-29T00:00:00Z")),
    "a command's type": ("signature", lambda s: signed(s, header={"typ": "mimamori-command"})),
    "an authority without the right": ("signature", lambda s: s.desk.sign(
        base64.urlsafe_b64decode(signed(s).split(b".")[1] + b"=="),
        {"alg": "EdDSA", "kid": "desk-2026", "typ": "mimamori-watchlist"})),
    "the desk's key in the city's name": ("signature", lambda s: s.desk.sign(
        base64.urlsafe_b64decode(signed(s).split(b".")[1] + b"=="),
        {"alg": "EdDSA", "kid": "city-2026", "typ": "mimamori-watchlist"})),
    "a revision given twice": ("malformed", lambda s: Authority.sign(
        Signer(s), base64.urlsafe_b64decode(signed(s).split(b".")[1] + b"==")[:-1] + b',"revision":10}',
        {"alg": "EdDSA", "kid": "city-2026", "typ": "mimamori-watchlist"})),
}


class Signer:
    """The city's key, as an authority of the tests has it."""

    def __init__(self, school):
        self.key = self
        self._forge, self._key = school.forge, school.key

    def sign(self, text):
        return self._forge.sign(self._key, text)


def test_no_odd_manifest_changes_anything_and_each_is_told_by_its_word(watching):
    school = watching
    for name, (word, make) in MANIFESTS.items():
        school.requester.send(TOPIC, make(school))
        wait_until(
            lambda: school.health().get("watchlist_refusal") == word, 15,
            lambda: f"{name}: {word}; said {school.gateway.errors()}", every=0.3)
        assert school.health()["watchlist_revision"] == 1, name
        # The good one again: nothing is wrong any more.
        school.requester.send(TOPIC, parts_of((school.city.folder / "watchlist-1.jws").read_bytes())[0], retain=True)
        wait_until(lambda: "watchlist_refusal" not in school.health(), 15, name, every=0.3)
    assert len(school.arrived()) == 1 and school.gateway.is_running


def test_a_list_for_ever_holds(school):
    school.start()
    part = school.forge.part(school.persons[:1], at=[{
        "gateway": school.site.name, "place": "school",
        "rules": {"night_exit": {"from": "21:00", "to": "05:00", "pause_until": "9999-12-31T23:59:59Z"}}}])
    school.publish(school.forge.list(
        school.key, part, revision=1, issued="0001-01-01T00:00:00Z", valid_until="9999-12-31T23:59:59Z"), 1)
    wait_until(lambda: len(school.arrived()) == 1, 20, lambda: f"the child arrives; said {school.gateway.errors()}")
    assert_holds(lambda: school.gateway.is_running, 1, lambda: school.gateway.errors())


def test_a_key_that_was_taken_back_brings_no_list(watching):
    school = watching
    tables = school.site.tables
    school.site.tables = [(header, values) for header, values in tables if values.get("kid") != "city-2026"]
    Authority("new-2026").allow(school.site, ["watchlist"])
    school.site.write()
    school.gateway.process.send_signal(signal.SIGHUP)
    school.gateway.wait_said("cannot be taken up again")
    school.publish(school.city.list_for(school.persons[:2], revision=2).read_bytes(), 2)
    school.gateway.wait_said("The watch list at the broker is refused")
    wait_until(lambda: school.health().get("watchlist_refusal") == "signature", 15, "the heartbeat says it", every=0.3)
    before = len(school.arrived())
    school.bring(school.stray)
    assert_holds(lambda: len(school.arrived()) == before, 2, "nobody new is watched over")


def test_each_fetch_begins_at_a_moment_of_its_own(school, measured):
    """A thousand gateways must not ask for the same parts at once."""
    within = 4
    next(values for header, values in school.site.tables if header == "watchlist")["fetch_within"] = f"{within}s"
    school.start()
    delays = []
    for revision in range(1, 7):
        school.publish(school.city.list_for(school.persons[:1], revision=revision).read_bytes(), revision)
        begun = time.monotonic()
        school.gateway.wait_said(f"Watch list revision {revision} holds", seconds=within + 5)
        delays.append(time.monotonic() - begun)
    measured(f"fetched after {', '.join(f'{delay:.1f}' for delay in delays)} s")
    assert max(delays) < within + 2 and max(delays) - min(delays) > 0.4, delays


def test_ten_thousand_tags_come_by_the_broker_while_the_gateway_watches_on(school, chance, measured):
    school.start()
    many = random_persons(chance, 9_999, ["school"]) + school.persons[:1]
    file = school.city.list_for(many).read_bytes()
    begun = time.monotonic()
    school.publish(file, 1)
    school.gateway.wait_said("Watch list revision 1 holds; 10000 persons", seconds=60)
    measured(f"{len(parts_of(file)[1])} parts and {len(file)} bytes, in use after {time.monotonic() - begun:.1f} s")
    wait_until(lambda: school.arrived() == {school.persons[0].subject}, 20, "the one child that is there arrives")
    # Half of it changed about: nothing of a list that is not whole is used.
    manifest, parts = parts_of(school.city.list_for(random_persons(chance, 9_999, ["school"]), revision=2).read_bytes())
    for number, part in enumerate(parts, 1):
        school.requester.send(f"{TOPIC}/2/{number}", parts_of(file)[1][number - 1] if number > 13 else part, retain=True)
    school.requester.send(TOPIC, manifest, retain=True)
    wait_until(lambda: school.health().get("watchlist_refusal") == "altered", 30, "it is refused", every=0.5)
    assert school.health()["watchlist_revision"] == 1
