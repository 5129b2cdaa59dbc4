"""The board's wall clock is years wrong, is set right, steps: the water is watched and the siren sounds all the same, and what
arrives has right times or says that they are not.

The right time is the host's. The clock is set by the kernel's own calls, in the machine.
"""

import json
import os
import re
import time
from datetime import datetime
from xml.etree import ElementTree

import pytest
from bench.canal import CALM, CAUTION, DANGER, SIREN, Canal
from support.account import CAP
from support.waiting import assert_holds, wait_until

SOAK = os.environ.get("MIMAMORI_SOAK") == "1"
WRONG = datetime.fromisoformat("2001-01-01T00:00:00+09:00").timestamp()
# Of a chip an earlier year is not believed.
PLAUSIBLE = datetime.fromisoformat("2026-02-01T00:00:00+09:00").timestamp()
# What setting and asking the machine takes, and a confirmed reading.
CLOSE = 5.0
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
# What may lie ahead: ends and estimates.
AHEAD = {"expires", "until", "next_expected_by", "at", "earliest", "latest", "next_at", "next_earliest", "next_latest"}
NOT_SET = "この機器の時計は合っていません"


@pytest.fixture
def canal(board, bridge, peers, make_chip, tmp_path):
    chip = make_chip()
    chip.pull(SIREN, False)
    return Canal(board, bridge, peers, tmp_path, chip)


def seconds(text):
    return datetime.fromisoformat(text).timestamp()


def times(document, name=""):
    """The (name, time) of all times in a JSON document, at any depth."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield from times(value, key)
    elif isinstance(document, list):
        for value in document:
            yield from times(value, name)
    elif isinstance(document, str) and TIME.fullmatch(document):
        yield name, seconds(document)


def cap_times(document):
    """The same of a CAP document, whose parameters have names of their own."""
    for element in document.iter():
        name, text = element.tag.rpartition("}")[2], (element.text or "").strip()
        if name == "parameter":
            name, text = (part.text for part in element)
        if TIME.fullmatch(text):
            yield name, seconds(text)


def wrong_times(messages, begin):
    """Of all that arrived, on any topic: times from before the test, and times ahead of now."""
    now = time.time()
    for message in messages:
        if not message.payload:
            continue
        is_cap = CAP.search(message.topic)
        found = cap_times(ElementTree.fromstring(message.payload)) if is_cap else times(message.json())
        for name, moment in found:
            if moment < begin - CLOSE or moment > now + (25 * 3600 if name in AHEAD else 1):
                yield f"{message.topic}: {name} {datetime.fromtimestamp(moment)}: {message.payload.decode()}"


def is_close(text, moment):
    return abs(seconds(text) - moment) <= CLOSE


def cap_of(subscriber, alert):
    """The CAP document of an alert's revision; a test has one alert."""
    def found():
        documents = [ElementTree.fromstring(m.payload) for m in subscriber.snapshot() if m.payload and CAP.search(m.topic)]
        return next((d for d in documents if d.findtext("{*}identifier").endswith(f".{alert['revision']}")), None)

    return wait_until(lambda: found() is not None, 30, f"the CAP of {alert}") and found()


def agrees_with_cap(subscriber, alerts):
    """Each alert's CAP tells the same times, and how far they can be trusted."""
    for alert in alerts:
        document = cap_of(subscriber, alert)
        told = dict(cap_times(document))
        # Whole seconds, of which a correction knows no fractions: the sender's and the other time's.
        for name, own in (("sent", "detected"), ("onset", "onset"), ("expires", "expires")):
            assert abs(told[name] - seconds(alert[own])) < 2, (name, alert, ElementTree.tostring(document))
        values = {name.text: value.text for name, value in document.iterfind("{*}info/{*}parameter")}
        assert values.get("clock", "synchronized") == alert["clock"], (values, alert)


class Outage:
    """No way to the broker: it is stopped, or the cable is out."""

    def __init__(self, way, board, broker):
        self._way, self._machine, self._broker = way, board.machine, broker

    def begin(self):
        if self._way == "broker":
            self._broker.stop()
        else:
            self._machine.set_cable(False)

    def end(self):
        if self._way == "broker":
            if not self._broker.is_running:
                self._broker.start()
        else:
            self._machine.set_cable(True)


@pytest.fixture(params=["broker", pytest.param("cable", marks=pytest.mark.soak)])
def outage(request, board, broker):
    outage = Outage(request.param, board, broker)
    yield outage
    outage.end()


def trusts_its_clock(canal):
    """Until the gateway has told itself that the clock is right: the ledger holds the alert's update that corrects it."""
    wait_until(
        lambda: "revision 3 " in canal.board.ledger("show --limit 100"), 30,
        lambda: f"the clock is noticed; journal:\n{canal.board.journal()}", every=0.3)


@pytest.mark.parametrize("away", [0, pytest.param(70, marks=pytest.mark.soak)])
def test_what_waited_under_a_wrong_clock_arrives_with_right_times(
        board, canal, clock, outage, away, subscriber, measured):
    begin = time.time()
    clock.take_chip_out()
    clock.show(WRONG)
    outage.begin()
    board.start()
    moved = []
    for step, distance in enumerate((CAUTION, DANGER), 1):
        moved.append(time.time())
        canal.sensor.distance = distance
        wait_until(
            lambda number=step: f"revision {number} " in board.ledger("show --limit 100"), 30,
            lambda: f"the alert is in the ledger; journal:\n{board.journal()}", every=0.2)
    canal.wait_siren(True)
    if away:
        assert_holds(lambda: canal.chip.value(SIREN) == 1, away, "the siren sounds on", every=1)
    clock.set(trusted=True)
    trusts_its_clock(canal)
    assert canal.chip.value(SIREN) == 1
    assert not canal.told(subscriber), "nothing arrives before there is a way"
    outage.end()
    told = wait_until(
        lambda: found if len(found := canal.told(subscriber)) >= 3 else None, 90,
        lambda: f"three messages; told {len(canal.told(subscriber))}; journal:\n{board.journal()}")
    arrived = time.time()
    assert [(a["message"], a["reason"], a["revision"], a["sequence"]) for a in told] == [
        ("raise", None, 1, 1), ("update", "step", 2, 2), ("update", "time_corrected", 3, 3)], told
    for alert, moment in zip(told, moved, strict=False):
        assert is_close(alert["detected"], moment) and is_close(alert["onset"], moved[0]), (alert, moved)
        assert alert["delayed"] if away else not alert["delayed"] or arrived - moment > 60, alert
    for alert in told:
        assert alert["clock"] == "synchronized" and NOT_SET not in json.dumps(alert, ensure_ascii=False), alert
        assert seconds(alert["expires"]) > arrived, alert
        # What a receiver makes of the monotonic clock is the same.
        assert abs(seconds(alert["detected"]) - alert["uptime"] - clock.boot) < CLOSE, alert
    assert [seconds(a["detected"]) for a in told] == sorted(seconds(a["detected"]) for a in told)
    agrees_with_cap(subscriber, told)
    canal.sensor.distance = CALM
    wait_until(lambda: canal.told(subscriber)[-1]["message"] == "clear", 40, "the flood ends")
    canal.wait_siren(False)
    account = board.wait_in_order(subscriber)
    assert [a["sequence"] for a in canal.told(subscriber)] == [1, 2, 3, 4]
    wrong = [*wrong_times(account.received, begin)]
    assert not wrong, "\n".join(wrong)
    # The same judge finds what is wrong.
    assert [*wrong_times(account.received, time.time() + 10)] and [*wrong_times(account.received, begin - 1e6)] == []
    furthest = max(abs(seconds(a["detected"]) - moment) for a, moment in zip(told, moved, strict=False))
    measured(f"{len(account.received)} messages, the times of detection right within {furthest:.2f} s")


@pytest.mark.parametrize("kept_by", ["nobody", pytest.param("chip", marks=pytest.mark.soak)])
def test_what_was_sent_under_a_wrong_clock_is_told_once_more(board, canal, clock, subscriber, kept_by, measured):
    if kept_by == "nobody":
        clock.take_chip_out()
        clock.show(WRONG)
    else:
        clock.show_with_chip(PLAUSIBLE)
    board.start()
    moved = time.time()
    raised = canal.move(CAUTION, subscriber, "caution")
    untrusted = {"nobody": "unsynchronized", "chip": "rtc"}[kept_by]
    shown = {"nobody": "2001-01-01T00:0", "chip": "2026-02-01T00:0"}[kept_by]
    assert raised["clock"] == untrusted and raised["detected"].startswith(shown), raised
    assert (NOT_SET in json.dumps(raised["text"], ensure_ascii=False)) == (kept_by == "nobody"), raised["text"]
    agrees_with_cap(subscriber, [raised])
    clock.set(trusted=True)
    corrected = wait_until(
        lambda: next((a for a in canal.told(subscriber) if a["reason"] == "time_corrected"), None), 30,
        lambda: f"the correction; journal:\n{board.journal()}")
    assert (corrected["id"], corrected["revision"], corrected["sequence"]) == (raised["id"], 2, 2)
    assert corrected["clock"] == "synchronized" and is_close(corrected["onset"], moved), (corrected, moved)
    assert time.time() - 15 < seconds(corrected["detected"]) <= time.time() + 1, corrected
    assert seconds(corrected["expires"]) > time.time() and (corrected["step"], corrected["level"]) == ("caution", raised["level"])
    agrees_with_cap(subscriber, [corrected])
    assert canal.chip.value(SIREN) == 0, "nothing has happened"
    # Set again, by some minutes: a clock that was trusted all along corrects nothing.
    clock.set(off_by=-300, trusted=True)
    flood = canal.move(DANGER, subscriber, "danger")
    canal.wait_siren(True)
    assert (flood["revision"], flood["sequence"], flood["reason"]) == (3, 3, "step"), flood
    clock.set(trusted=True)
    canal.sensor.distance = CALM
    wait_until(lambda: canal.told(subscriber)[-1]["message"] == "clear", 40, "the flood ends")
    canal.wait_siren(False)
    board.wait_in_order(subscriber)
    assert [a["reason"] for a in canal.told(subscriber)] == [None, "time_corrected", "step", "released"]
    measured(f"the onset is right within {abs(seconds(corrected['onset']) - moved):.2f} s")


@pytest.mark.parametrize("step", [-3600, pytest.param(86400, marks=pytest.mark.soak)])
def test_a_trusted_clock_that_steps_changes_nothing_but_the_times(board, canal, clock, subscriber, step, measured):
    clock.set(trusted=True)
    board.start()
    canal.move(DANGER, subscriber, "danger")
    canal.wait_siren(True)
    clock.set(off_by=step, trusted=True)
    # Neither the siren's longest time nor the alert's end is counted on the wall clock.
    assert_holds(lambda: canal.chip.value(SIREN) == 1, 3, "the siren sounds on", every=0.3)
    took = []
    for distance, message in ((CALM, "clear"), (DANGER, "raise"), (CALM, "clear")):
        before, moved = len(canal.told(subscriber)), time.time()
        canal.sensor.distance = distance
        alert = wait_until(
            lambda count=before: canal.told(subscriber)[count:], 20, lambda: f"{message}; journal:\n{board.journal()}")[0]
        took.append(time.time() - moved)
        assert alert["message"] == message and alert["clock"] == "synchronized", alert
        assert is_close(alert["detected"], moved + step), (alert, moved, step)
        canal.wait_siren(distance == DANGER)
    told = canal.told(subscriber)
    assert [(a["message"], a["revision"], a["sequence"]) for a in told] == [
        ("raise", 1, 1), ("clear", 2, 2), ("raise", 1, 3), ("clear", 2, 4)], told
    board.wait_in_order(subscriber)
    measured(f"a step of {step} s: told within {max(took):.2f} s")


@pytest.mark.soak
def test_what_waits_while_a_trusted_clock_steps_back_does_not_lie_ahead(board, canal, clock, broker, subscriber):
    clock.set(off_by=3600, trusted=True)
    broker.stop()
    board.start()
    canal.sensor.distance = DANGER
    canal.wait_siren(True)
    begin = time.time() - CLOSE
    clock.set(trusted=True)
    broker.start()
    wait_until(
        lambda: canal.told(subscriber), 60, lambda: f"the flood is told; journal:\n{board.journal()}")
    account = board.wait_in_order(subscriber)
    # `active` repeats it as it was made until the next alert message: docs/alerts.md.
    wrong = [*wrong_times([m for m in account.received if m.topic != board.topic("active")], begin - 30)]
    assert not wrong, "\n".join(wrong)
