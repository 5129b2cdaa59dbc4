"""The watch list by the broker: fetched part by part, taken whole or not at all, kept over restarts."""

import base64
import json

import pytest
from scripted_controller import ScriptedController
from support.authority import Authority, Requester
from support.city import GROUP, KEY_NAME, TAG_KEY_NAME, City, random_persons
from support.site import ROOT, WATCH_ROOT
from support.waiting import assert_holds, wait_until
from test_bad_watch_list import Forge, flip

TOPIC = f"{ROOT}/watchlist/{GROUP}"


class School:
    """A gate with children in front of it, whose gateway has keys but no list yet."""

    def __init__(self, site, broker, subscriber, peers, chance, folder):
        self.site, self.subscriber = site, subscriber
        self.controller = peers(ScriptedController(folder / "beacon"))
        self.requester = peers(Requester(broker.port))
        site.mqtt_table["port"] = broker.port
        site.add_receiver("gate", self.controller.terminal.path)
        site.add_place("school", ["gate"])
        *self.persons, self.stray = random_persons(chance, 5, ["school"])
        for person in self.persons:
            self.bring(person)
        self.city = City(site, folder / "city")
        self.desk = Authority("desk-2026").allow(site, ["report"])
        for source, name in ((f"{KEY_NAME}.pub",) * 2, ("tag-key",) * 2):
            (site.folder / name).write_bytes((self.city.folder / source).read_bytes())
            (site.folder / name).chmod(0o600)
        site.add("[authority]", kid=KEY_NAME, public_key_file=f"{KEY_NAME}.pub", may=["watchlist", "search"])
        site.add("watchlist", group=GROUP, tag_keys={TAG_KEY_NAME: "tag-key"}, fetch_within="0s")
        self.forge = Forge(folder, self.city.folder / "tag-key", site.name)
        self.key = self.city.folder / f"{KEY_NAME}.key"

    def bring(self, person):
        """A person comes to the gate."""
        self.controller.add(person.subject, person.format, person.identifier, interval=0.1)
        self.controller.set_signal(person.subject, -60)

    def boot(self):
        return [m.json() for m in self.subscriber.on("/status") if m.json()["state"] == "online"][-1]["boot"]

    def start(self):
        self.gateway = self.site.start().wait_ready()
        return self

    def publish(self, file, revision):
        """Brings out a signed file: the parts first, then the manifest, each retained."""
        manifest, *parts = file.removesuffix(b"\n").split(b"\n")
        for number, part in enumerate(parts, 1):
            self.requester.send(f"{TOPIC}/{revision}/{number}", part, retain=True)
        self.requester.send(TOPIC, manifest, retain=True)

    def health(self):
        before = len(self.subscriber.on("/health"))
        self.requester.send(
            self.site.topic("command"), self.desk.command("report", self.site.name, boot=self.boot())[1])
        wait_until(lambda: len(self.subscriber.on("/health")) > before, 15, "a heartbeat comes")
        return self.subscriber.on("/health")[-1].json()

    def arrived(self):
        return {m.json()["subject"] for m in self.subscriber.snapshot()
                if m.topic.startswith(WATCH_ROOT) and not m.topic.endswith("/head")}


@pytest.fixture
def school(site, broker, subscriber, peers, chance, tmp_path):
    return School(site, broker, subscriber, peers, chance, tmp_path)


def test_a_list_is_fetched_replaced_and_kept(school):
    school.start()
    first, last = school.persons[0], school.persons[-1]
    oldest = school.city.list_for([first]).read_bytes()
    school.publish(oldest, 1)
    wait_until(lambda: school.arrived() == {first.subject}, 20, lambda: (
        f"the child of the list arrives; the gateway said: {school.gateway.errors()}"))
    # What an unlisted tag says is nobody's business.
    school.publish(school.city.list_for(school.persons[:3], revision=2).read_bytes(), 2)
    wait_until(lambda: len(school.arrived()) == 3, 20, "the children of the second list arrive")
    assert last.subject not in school.arrived()
    health = school.health()
    assert health["watchlist_revision"] == 2 and "watchlist_refusal" not in health
    # Nothing at the broker any more: the list holds, also over a restart.
    school.requester.send(TOPIC, b"", retain=True)
    assert_holds(lambda: "no list" not in school.gateway.errors(), 0.5, "nothing is taken away")
    assert school.health()["watchlist_revision"] == 2
    assert school.gateway.stop() == 0
    school.start()
    wait_until(lambda: len(school.subscriber.on("/status")) >= 3, 20, "the gateway is online again")
    assert school.health()["watchlist_revision"] == 2
    school.publish(oldest, 1)
    school.gateway.wait_said("older")
    health = school.health()
    assert health["watchlist_revision"] == 2 and health["watchlist_refusal"] == "older"


FAULTS = {
    "signature": lambda f, key, part: f.list(f.new_key("stranger"), part, revision=9),
    "signature ": lambda f, key, part: flip(good := f.list(key, part, revision=9), good.index(b".") + 40),
    "altered": lambda f, key, part: f.list(key, part, revision=9).replace(b'"child"', b'"elder"'),
    "wrong_root": lambda f, key, part: f.list(key, part, revision=9, root="mimamori/131016"),
    "wrong_group": lambda f, key, part: f.list(key, part, revision=9, group="west"),
    "unknown_tag_key": lambda f, key, part: f.list(key, part, revision=9, tag_kid="1999-01"),
    "malformed": lambda f, key, part: f.list(key, part[:-2], revision=9),
    "duplicate_tag": lambda f, key, part: f.list(key, part[:-2] + b", " + part[10:], revision=9),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_list_changes_nothing_and_the_heartbeat_says_why(school, fault):
    school.start()
    school.publish(school.city.list_for(school.persons[:1]).read_bytes(), 1)
    wait_until(lambda: len(school.arrived()) == 1, 20, "the child of the good list arrives")
    part = school.forge.part(school.persons[1:2])
    school.publish(FAULTS[fault](school.forge, school.key, part), 9)
    school.gateway.wait_said("The watch list at the broker is refused")
    health = school.health()
    assert (health["watchlist_revision"], health["watchlist_refusal"]) == (1, fault.strip())
    assert len(school.arrived()) == 1


def test_a_search_finds_a_tag_of_no_list_after_a_crash_and_tells_nothing_else(school):
    school.start()
    stray = school.stray
    school.publish(school.city.list_for(school.persons[:1]).read_bytes(), 1)
    wait_until(lambda: len(school.arrived()) == 1, 20, "the list is in use")
    signed = school.site.call(
        "sign", "command", "search", "--key", school.key, "--kid", KEY_NAME, "--root", ROOT, "--to", school.site.name,
        "--for", "1h", "--boot", school.boot(), "--id", "search-1",
        "--with", json.dumps({"subject": stray.subject, "case": "26-118"}),
        "--tag", f"{stray.format}:{stray.identifier.hex()}", "--tag-key", school.city.folder / "tag-key",
        "--tag-kid", TAG_KEY_NAME)
    assert signed.returncode == 0, signed.stderr
    payload = base64.urlsafe_b64decode(signed.stdout.split(".")[1] + "==")
    assert stray.identifier.hex().encode() not in payload.lower()
    school.requester.send(school.site.topic("command"), signed.stdout)
    reply = school.subscriber.wait_for(lambda m: m.topic == school.site.topic("reply"), 15, "an answer")
    assert reply.json()["result"] == "done", reply
    tag = json.loads(payload)["with"]["tag"]
    for secret in (stray.subject, tag, "26-118"):
        assert secret.encode() not in reply.payload
    school.gateway.kill()
    school.start()
    school.bring(stray)
    found = school.subscriber.wait_for(
        lambda m: m.topic == f"{WATCH_ROOT}/{stray.subject}/{school.site.name}", 20, "the stray is found").json()
    assert (found["kind"], found["case"]) == ("found", "26-118")
    shown = school.site.call("ledger", "show", "--stream", "command", "--config", school.site.configuration).stdout
    assert f"{KEY_NAME} search search-1 case 26-118 until" in shown and stray.subject not in shown and tag not in shown
    assert school.gateway.stop() == 0
    for path in school.site.outputs():
        text = path.read_text()
        assert stray.subject not in text and tag not in text and "26-118" not in text
    for path in [*school.site.outputs(), *school.site.state.iterdir()]:
        data = path.read_bytes()
        assert stray.identifier not in data and stray.identifier.hex().encode() not in data.lower(), path
