"""Signed commands through a real broker, signed by an independent peer: who may, who may not, and done once."""

import json
import sqlite3

import pytest
from satellite_receiver import SatelliteReceiver
from support.authority import RIGHTS, Authority, Requester, encode, moment
from support.messages import Schemas
from support.site import ROOT
from support.waiting import assert_holds, wait_until
from ultrasonic import Ultrasonic

LEVELS = {"caution": 1.2, "danger": 2.6}
CALM, CAUTION = 4000, 3000  # millimetres below a mount height of 4.5 m


class Commanded:
    """A gauge whose gateway takes the commands of a city and, of fewer rights, of a ward."""

    def __init__(self, site, broker, subscriber, peers, tmp_path):
        self.site, self.subscriber = site, subscriber
        self.sensor = peers(Ultrasonic(tmp_path / "gauge", distance=CALM, interval=0.05))
        self.requester = peers(Requester(broker.port))
        site.mqtt_table["port"] = broker.port
        site.gateway_table["groups"] = ["kakogawa"]
        site.add_ultrasonic("river-1", self.sensor.terminal.path, levels=LEVELS, stale_after="5s")
        self.city = Authority("city-2026").allow(site)
        self.ward = Authority("ward-2026").allow(site, ["report"])
        self.topic = site.topic("command")

    def start(self):
        seen = len(self.states("online"))
        self.gateway = self.site.start().wait_ready()
        wait_until(lambda: len(self.states("online")) > seen, 20, "the gateway is online")
        self.boot = self.states("online")[-1]["boot"]
        return self

    def states(self, state):
        return [m.json() for m in self.subscriber.on("/status") if m.json()["state"] == state]

    def replies(self, command=None):
        """What was answered, in order of arrival."""
        found = [m for m in self.subscriber.snapshot() if m.topic == self.site.topic("reply")]
        return [m for m in found if command is None or m.json()["id"] == command]

    def ask(self, do, authority=None, topic=None, **changes):
        """Sends a command that names the boot, and waits for its answer."""
        changes.setdefault("boot", self.boot)
        command, text = (authority or self.city).command(do, self.site.name, **changes)
        self.requester.send(topic or self.topic, text)
        return self.answer(command)

    def answer(self, command, times=1):
        wait_until(lambda: len(self.replies(command)) >= times, 15, lambda: (
            f"{command} is answered {times} times; the gateway said: {self.gateway.errors()}"))
        return self.replies(command)[times - 1].json()

    def counters(self):
        """What the heartbeat counts; a new one is asked for."""
        before = len(self.subscriber.on("/health"))
        self.ask("report")
        wait_until(lambda: len(self.subscriber.on("/health")) > before, 15, "a heartbeat comes at once")
        return self.subscriber.on("/health")[-1].json()["commands"]

    def drills(self, kind="raise"):
        return [m.json() for m in self.subscriber.on("/alert/exercise") if m.json()["message"] == kind]


@pytest.fixture
def commanded(site, broker, subscriber, peers, tmp_path):
    return Commanded(site, broker, subscriber, peers, tmp_path)


@pytest.fixture
def running(commanded):
    return commanded.start()


def drill(seconds=600):
    return {"sensor": "river-1", "value": 3.5, "end": moment(seconds)}


def test_a_command_is_done_answered_and_recorded(running, top):
    answer = running.ask("exercise", **{"with": drill()})
    assert answer["result"] == "done" and answer["reason"] is None, answer
    wait_until(running.drills, 10, "the exercise's alert")
    assert not running.subscriber.on("/alert"), "an exercise is no alert"
    Schemas(top).validator("reply").validate(answer)
    shown = running.site.call("ledger", "show", "--stream", "command", "--config", running.site.configuration)
    assert shown.returncode == 0, shown.stderr
    line = next(line for line in shown.stdout.splitlines() if answer["id"] in line)
    assert "city-2026 exercise" in line and line.endswith("done"), line
    proof = running.site.call("ledger", "verify", "--config", running.site.configuration)
    assert proof.returncode == 0 and "command: 1 to 1" in proof.stdout, proof.stdout + proof.stderr


def test_every_command_that_changes_no_hardware_is_done(running):
    running.sensor.distance = CAUTION
    alert = running.subscriber.wait_for(
        lambda m: m.topic.endswith("/alert") and m.json()["message"] == "raise", 15, "an alert").json()
    assert running.ask("acknowledge", **{"with": {"alert": alert["id"], "end": moment(600)}})["result"] == "done"
    wait_until(
        lambda: any((m.json()["acknowledged"] or {}).get("by") == "city-2026" for m in running.subscriber.on("/alert")),
        10, "the alert says who has taken note of it")
    unknown = running.ask("acknowledge", **{"with": {"alert": "test-001/none", "end": moment(600)}})
    assert (unknown["result"], unknown["reason"]) == ("refused", "unknown_alert")
    assert ": " in unknown["explanation"]
    assert running.ask("maintenance", **{"with": {"end": moment(600)}})["result"] == "done"
    assert running.ask("maintenance", **{"with": {"stop": True}})["result"] == "done"
    assert running.ask("report", authority=running.ward)["result"] == "done"


def test_a_group_is_commanded_at_once(running):
    answer = running.ask("report", topic=f"{ROOT}/group/kakogawa/command", to=["kakogawa"])
    assert answer["result"] == "done", answer


def test_a_repeat_gets_the_first_answer_in_the_same_bytes_also_after_a_restart(running):
    command, text = running.city.command("exercise", running.site.name, boot=running.boot, **{"with": drill()})
    running.requester.send(running.topic, text)
    running.answer(command)
    running.requester.send(running.topic, text)
    running.answer(command, times=2)
    assert running.gateway.stop() == 0
    running.start()
    running.requester.send(running.topic, text)
    running.answer(command, times=3)
    assert len({m.payload for m in running.replies(command)}) == 1
    assert len(running.drills()) == 1
    running.requester.send(running.topic, running.city.command(
        "report", running.site.name, id=command, boot=running.boot)[1])
    changed = running.answer(command, times=4)
    assert (changed["result"], changed["reason"]) == ("refused", "id_used")


def test_what_is_refused_says_why_and_changes_nothing(commanded, peers, tmp_path):
    # Satellites keep the clock, wherever this test runs.
    satellites = peers(SatelliteReceiver(tmp_path / "gnss"))
    commanded.site.add("serial.gnss", device=satellites.terminal.path, baud=9600, frame="8N1")
    commanded.site.add(
        "[sensor]", id="gnss", name="位置", driver="nmea", serial="gnss", quantity="position", stale_after="1h")
    running = commanded.start()
    asked = wait_until(lambda: running.ask("report")["clock"] == "synchronized" and running.replies(), 30, "a clock",
        every=0.3)
    cases = {
        "wrong_root": {"root": "mimamori/999999"}, "not_addressed": {"to": ["another-001"]},
        "wrong_boot": {"boot": "another"}, "boot_needed": {"boot": None},
        "too_long": {"expires": moment(25 * 3600)}, "from_future": {"issued": moment(120)},
        "expired": {"issued": moment(-600), "expires": moment(-1)},
        "malformed": {"with": {**drill(), "volume": 11}},
    }
    for reason, changes in cases.items():
        answer = running.ask("exercise", **{"with": drill(), **changes})
        assert (answer["result"], answer["reason"]) == ("refused", reason), answer
        assert ": " in answer["explanation"], "it says what to do"
    beyond = running.ask("exercise", authority=running.ward, **{"with": drill()})
    assert (beyond["result"], beyond["reason"]) == ("refused", "without_right")
    assert not running.drills(), "nothing of it was done"
    counters = running.counters()
    assert counters["refused"] == len(cases) + 1 and counters["done"] == len(asked) + 1, counters


def forgeries(running):
    """What nobody may answer, by name."""
    name = running.site.name
    payload = running.city.payload("exercise", name, boot=running.boot, **{"with": drill()})
    good = running.city.sign(payload)
    body = encode(json.dumps(payload).encode())
    stranger = Authority("city-2026")
    head, middle, signature = good.split(b".")
    changed = encode(json.dumps({**payload, "do": "test"}).encode())

    def headed(**header):
        return running.city.sign(payload, header)

    kid = {"kid": "city-2026"}
    twice = json.dumps(payload)[:-1] + ',"id":"again"}'
    return {
        "another key": stranger.sign(payload),
        "an unknown kid": Authority("nobody").sign(payload),
        "another payload under the signature": b".".join([head, changed, signature]),
        "alg none": headed(alg="none", typ="mimamori-command", **kid),
        "alg none and no signature": encode(json.dumps({"alg": "none", "typ": "mimamori-command", **kid}).encode())
        + b"." + body + b".",
        "alg HS256": headed(alg="HS256", typ="mimamori-command", **kid),
        "the type of a watch list": headed(alg="EdDSA", typ="mimamori-watchlist", **kid),
        "no type": headed(alg="EdDSA", **kid),
        "the id twice": running.city.sign(twice.encode()),
        "no JSON": running.city.sign(b"exercise!"),
        "nothing": b"",
        "too long": running.city.sign({**payload, "padding": "x" * 6000}),
        "far too long": b"x" * 200_000,
    }


def test_what_is_forged_or_retained_is_counted_and_not_answered(running):
    forged = forgeries(running)
    for text in forged.values():
        running.requester.send(running.topic, text)
    payload = running.city.payload("exercise", running.site.name, boot=running.boot, **{"with": drill()})
    running.requester.send(running.topic, running.city.sign(payload), retain=True)
    # Whatever came before it has been looked at when this is answered.
    counters = running.counters()
    answered = [m.json()["id"] for m in running.replies()]
    assert len(answered) == 1, (answered, list(forged))
    assert not running.drills()
    # The broker keeps the longest to itself; a message of some kilobytes is dropped before it is copied.
    assert counters["ignored_too_long"] == 1, counters
    assert counters["ignored_retained"] == 1, counters
    assert counters["ignored_unsigned"] + counters["ignored_unreadable"] == len(forged) - 2, counters
    # A retained command is there again after every start.
    assert running.gateway.stop() == 0
    running.start()
    assert running.counters()["ignored_retained"] == 1
    running.requester.send(running.topic, b"", retain=True)
    assert not running.drills()
    assert running.gateway.errors().count("Passed over") == 1, "a line a minute at most"


def test_more_than_can_be_looked_at_is_counted_and_the_next_is_answered(running):
    for _ in range(300):
        running.requester.send(running.topic, b"flood")

    def answered():
        command, text = running.city.command("report", running.site.name, boot=running.boot)
        running.requester.send(running.topic, text)
        try:
            return wait_until(lambda: running.replies(command), 1, "an answer")
        except AssertionError:
            return None

    wait_until(answered, 20, "a command is answered once the flood is over")
    counters = running.counters()
    assert counters["ignored_too_many"] > 0, counters


def test_an_answer_goes_to_the_response_topic_below_reply_and_nowhere_else(running):
    running.requester.listen(f"{ROOT}/#")
    for response, goes in [
            (f"{ROOT}/reply/desk-1", True), (f"{ROOT}/{running.site.name}/alert", False), (f"{ROOT}/reply/", False),
            (f"{ROOT}/reply/{{secret}}", False), ("elsewhere/reply", False)]:
        command, text = running.city.command("report", running.site.name, boot=running.boot)
        running.requester.send(running.topic, text, response=response, correlation=b"\x00\x01 7")
        running.answer(command)
        if goes:
            _, payload, correlation = running.requester.wait_answer(lambda answer: answer[0] == response)
            assert json.loads(payload)["id"] == command and correlation == b"\x00\x01 7"
            assert payload == running.replies(command)[0].payload
    topics = {topic for topic, payload, _ in running.requester.answers if b"mimamori.reply" in payload}
    assert topics == {f"{ROOT}/reply/desk-1", running.site.topic("reply")}


def test_a_reload_is_commanded_and_a_bad_one_is_refused(running):
    running.site.gateway_table["name"] = "新しい名"
    running.site.write()
    answer = running.ask("reload")
    assert answer["result"] == "done", answer
    running.subscriber.wait_for(
        lambda m: m.topic.endswith("/info") and m.json()["name"] == "新しい名", 70, "the new name is told")
    running.site.mqtt_table["colour"] = "red"
    running.site.write()
    refused = running.ask("reload")
    assert (refused["result"], refused["reason"]) == ("refused", "bad_configuration")
    assert running.gateway.is_running


def test_a_command_is_done_once_although_the_gateway_is_killed_on_the_way(running, chance):
    """Kill -9 at any moment around the doing; whoever gets no answer sends the same again."""
    for round in range(8):
        command, text = running.city.command(
            "exercise", running.site.name, boot=running.boot, **{"with": drill()})
        running.requester.send(running.topic, text)
        # Sometimes before it arrives, sometimes between the commit and the answer, sometimes after both.
        try:
            assert_holds(lambda: not running.replies(command), chance.uniform(0, 0.06), "", every=0.001)
        except AssertionError:
            pass
        running.gateway.kill()
        running.start()
        running.requester.send(running.topic, text)
        running.answer(command)
        assert len({m.payload for m in running.replies(command)}) == 1, "one answer, however often it is told"
        stop = running.ask("exercise", **{"with": {"stop": True}})
        assert stop["result"] == "done", (round, stop)
        raised = {json.loads(entry.payload)["id"] for entry in running.site.ledger().entries()
                  if entry.topic.endswith("/alert/exercise") and json.loads(entry.payload)["message"] == "raise"}
        assert len(raised) == round + 1, "each exercise was raised once"
    proof = running.site.call("ledger", "verify", "--config", running.site.configuration)
    assert proof.returncode == 0, proof.stdout
    connection = sqlite3.connect(f"file:{running.site.ledger().path}?mode=ro", uri=True)
    sequences = [row[0] for row in connection.execute(
        "SELECT sequence FROM messages WHERE stream = 'command' ORDER BY sequence")]
    notes = connection.execute(
        "SELECT count(*) FROM notes JOIN messages USING(row) WHERE stream = 'command'").fetchone()[0]
    connection.close()
    assert sequences == list(range(1, len(sequences) + 1)) and notes == len(sequences)


def test_the_signer_of_the_program_is_understood(running):
    folder = running.site.folder
    made = running.site.call("sign", "keypair", "--kid", "desk-2026", "--output", folder)
    assert made.returncode == 0, made.stderr
    running.site.add("[authority]", kid="desk-2026", public_key_file=str(folder / "desk-2026.pub"), may=RIGHTS)
    running.site.write()
    assert running.ask("reload")["result"] == "done"
    signed = running.site.call(
        "sign", "command", "maintenance", "--key", folder / "desk-2026.key", "--kid", "desk-2026", "--root", ROOT,
        "--to", running.site.name, "--for", "30m", "--boot", running.boot, "--id", "by-the-desk")
    assert signed.returncode == 0, signed.stderr

    def answered():
        running.requester.send(running.topic, signed.stdout)
        return wait_until(lambda: running.replies("by-the-desk"), 2, "an answer")

    # The reload connects anew; a command in between is not heard.
    wait_until(lambda: len(running.states("online")) > 1, 20, "the new configuration is online")
    assert answered()[0].json()["result"] == "done"
    bad = running.site.call(
        "sign", "command", "silence", "--key", folder / "desk-2026.key", "--kid", "desk-2026", "--root", ROOT, "--to",
        running.site.name)
    assert bad.returncode == 65 and "end" in bad.stderr


def test_an_agent_of_fiware_commands_and_gets_a_result_that_orion_takes(commanded):
    key = "k3y-of-the-agent"
    (commanded.site.folder / "agent-key").write_text(key + "\n")
    commanded.site.add("fiware", api_key_file=str(commanded.site.folder / "agent-key"))
    commanded.start()
    result = f"/json/{key}/{commanded.site.name}/cmdexe"
    for command, what in [("maintenance", "done"), ("silence", "refused")]:
        id, text = commanded.city.command(
            command, commanded.site.name, boot=commanded.boot, **{"with": {"end": moment(60)}})
        commanded.requester.send(f"/{key}/{commanded.site.name}/cmd", json.dumps({"mimamori": text.decode()}))
        told = commanded.subscriber.wait_for(
            lambda m: m.topic == result and f"{what} {id}" in m.json().get("mimamori", ""), 10, "the result")
        assert not set(told.json()["mimamori"]) & set("<>\"'=;()")
        assert commanded.answer(id)["result"] == what
    commanded.gateway.stop()
    for path in [*commanded.site.outputs(), *commanded.site.state.iterdir()]:
        assert key.encode() not in path.read_bytes(), path
