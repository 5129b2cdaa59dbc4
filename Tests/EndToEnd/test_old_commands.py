"""Commands that somebody has kept: played again early, late, elsewhere, in thousands, or to a gateway that has lost its memory."""

import os
import signal
import time

import pytest
from satellite_receiver import SatelliteReceiver
from support.authority import Authority, moment
from support.site import ROOT
from support.waiting import assert_holds, wait_until
from test_commands import Commanded, drill


@pytest.fixture
def commanded(site, broker, subscriber, peers, tmp_path):
    """Satellites keep the clock, wherever this test runs."""
    satellites = peers(SatelliteReceiver(tmp_path / "gnss"))
    site.add("serial.gnss", device=satellites.terminal.path, baud=9600, frame="8N1")
    site.add("[sensor]", id="gnss", name="位置", driver="nmea", serial="gnss", quantity="position", stale_after="1h")
    return Commanded(site, broker, subscriber, peers, tmp_path)


def started(commanded):
    running = commanded.start()
    wait_until(lambda: running.ask("report")["clock"] == "synchronized", 30, "a clock", every=0.3)
    return running


def sent(running, do="exercise", authority=None, **changes):
    """A command that was answered, as whoever reads the broker can keep it."""
    changes.setdefault("boot", running.boot)
    command, text = (authority or running.city).command(do, running.site.name, **changes)
    running.requester.send(running.topic, text)
    return command, text, running.answer(command)


def again(running, command, text):
    times = len(running.replies(command)) + 1
    running.requester.send(running.topic, text)
    return running.answer(command, times=times)


def told(answer):
    return answer["result"], answer["reason"]


def test_what_came_from_the_future_is_not_done_when_its_time_has_come(commanded):
    running = started(commanded)
    command, text, answer = sent(running, issued=moment(64), **{"with": drill()})
    assert told(answer) == ("refused", "from_future")
    time.sleep(6)
    assert again(running, command, text) == answer
    assert running.gateway.stop() == 0
    running.start()
    assert again(running, command, text) == answer
    assert len({m.payload for m in running.replies(command)}) == 1 and not running.drills()
    # The same command, signed now, is done: it was for its time that it was refused.
    assert told(sent(running, **{"with": drill()})[2]) == ("done", None)


def test_what_another_had_refused_in_the_same_words_is_still_done(commanded):
    """Whoever has a key of few rights and guesses a command's words cannot have it refused beforehand."""
    running = started(commanded)
    payload = running.city.payload("exercise", running.site.name, boot=running.boot, **{"with": drill()})
    for authority, expected in [(running.ward, ("refused", "without_right")), (running.city, ("done", None))]:
        running.requester.send(running.topic, authority.sign(payload))
        wait_until(lambda: any(
            m.json()["kid"] == authority.kid and told(m.json()) == expected for m in running.replies(payload["id"])), 10,
            lambda: f"{expected}; said {running.gateway.errors()}")


def test_what_was_beyond_its_rights_is_not_done_when_rights_are_given(commanded):
    running = started(commanded)
    command, text, answer = sent(running, authority=running.ward, **{"with": drill()})
    assert told(answer) == ("refused", "without_right")
    kids = [values for header, values in running.site.tables if header == "[authority]"]
    next(values for values in kids if values["kid"] == "ward-2026")["may"] = ["report", "exercise"]
    running.site.write()
    assert told(sent(running, "reload")[2]) == ("done", None)
    wait_until(lambda: len(running.states("online")) > 1, 20, "the new rights hold")
    assert again(running, command, text) == answer and not running.drills()
    assert told(sent(running, authority=running.ward, **{"with": drill()})[2]) == ("done", None)


@pytest.mark.parametrize("loss", ["deleted", "overwritten"])
def test_what_was_done_before_the_ledger_was_lost_is_not_done_again(commanded, loss):
    running = started(commanded)
    command, text, answer = sent(running, **{"with": drill()})
    assert told(answer) == ("done", None)
    wait_until(running.drills, 10, "the exercise's alert")
    assert told(sent(running, **{"with": {"stop": True}})[2]) == ("done", None)
    assert running.gateway.stop() == 0
    for path in running.site.state.iterdir():
        if loss == "deleted":
            path.unlink()
        elif path.name == "ledger.sqlite":
            # Without its first page nothing of it can be read.
            path.write_bytes(os.urandom(4096) + path.read_bytes()[4096:])
    running.start()
    if loss == "overwritten":
        # Without a clock nothing tells whether it was done: not even the boot, which is the same.
        assert told(again(running, command, text)) == ("refused", "memory_lost")
    wait_until(lambda: running.ask("report")["clock"] == "synchronized", 30, "a clock", every=0.3)
    assert told(again(running, command, text)) == ("refused", "memory_lost")
    assert len(running.drills()) == 1
    wait_until(
        lambda: told(sent(running, **{"with": drill()})[2]) == ("done", None), 30, "what is signed now is new", every=1)


def test_a_command_that_is_played_again_does_not_take_the_gateway_from_its_broker(commanded):
    """Brokers end the connection of whoever writes to a topic of too many levels: and where an answer goes, the sender says."""
    running = started(commanded)
    command, text, answer = sent(running, "report")
    running.requester.listen(f"{ROOT}/reply/#")
    for response in ("/".join(["x"] * 250), "/".join(["x"] * 199), "/".join(["x"] * 100), "/" * 240, "a/" * 8):
        times = len(running.replies(command)) + 1
        running.requester.send(running.topic, text, response=f"{ROOT}/reply/{response}")
        assert running.answer(command, times=times) == answer
    running.requester.send(running.topic, text, response=f"{ROOT}/reply/a/b/c/d/e/f/g/h")
    running.requester.wait_answer(lambda a: a[0] == f"{ROOT}/reply/a/b/c/d/e/f/g/h")
    assert {a[0] for a in running.requester.answers} == {f"{ROOT}/reply/a/b/c/d/e/f/g/h"}
    assert running.gateway.errors().count("Connected to the broker") == 1, running.gateway.errors()


def test_an_old_command_in_thousands_fills_neither_log_nor_ledger(commanded):
    running = started(commanded)
    command, text, answer = sent(running, issued=moment(-600), expires=moment(-5), **{"with": drill()})
    assert told(answer) == ("refused", "expired")
    for _ in range(150):
        running.requester.send(running.topic, text)
        # As fast as commands are looked at, and no faster.
        time.sleep(0.105)
    wait_until(lambda: len(running.replies(command)) >= 140, 10, "each that is looked at is answered")
    said = running.gateway.errors()
    recorded = [e for e in running.site.ledger().entries() if e.stream == "command" and e.id and b"expired" in e.payload]
    assert said.count("Refused the command") <= 60, said
    assert len(recorded) <= 60 and not running.drills()
    assert told(sent(running, "report")[2]) == ("done", None), "who is entitled is still heard"


def test_a_key_that_is_full_leaves_the_others_their_room(commanded):
    running = started(commanded)
    for _ in range(270):
        running.requester.send(running.topic, running.ward.command("report", running.site.name, boot=running.boot)[1])
        time.sleep(0.105)
    wait_until(
        lambda: any(told(m.json()) == ("refused", "memory_full") for m in running.replies()), 10, "the memory is full")
    of_the_ward = [m.json() for m in running.replies() if m.json()["kid"] == "ward-2026"]
    assert [told(a) for a in of_the_ward].count(("done", None)) == 256
    assert told(sent(running, **{"with": drill()})[2]) == ("done", None), "the city's own"


def test_what_is_for_another_gateway_is_refused_wherever_it_is_sent(commanded):
    running = started(commanded)
    for to in (["another-001"], ["another-group", "test-0011", "TEST-001"]):
        command, text, answer = sent(running, to=to, **{"with": drill()})
        assert told(answer) == ("refused", "not_addressed")
        running.requester.send(running.site.topic("command").replace(running.site.name, "group/kakogawa"), text)
        assert running.answer(command, times=2) == answer
    assert not running.drills()


def test_a_key_that_was_taken_back_commands_nothing_more(commanded):
    running = started(commanded)
    lost = Authority("lost-2026").allow(running.site)
    running.site.write()
    assert told(sent(running, "reload")[2]) == ("done", None)
    wait_until(lambda: len(running.states("online")) > 1, 20, "the key is known")
    done, done_text, answer = sent(running, authority=lost, **{"with": {**drill(), "value": 1.3}})
    assert told(answer) == ("done", None)
    # Taken back: also what it had signed before is worth nothing.
    unsent, unsent_text = lost.command("exercise", running.site.name, boot=running.boot, **{"with": drill()})
    running.site.tables = [
        (header, values) for header, values in running.site.tables if values.get("kid") != "lost-2026"]
    running.site.write()
    running.gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(running.states("online")) > 2, 20, "the key is not known any more")
    before = len(running.drills())
    for text in (done_text, unsent_text):
        running.requester.send(running.topic, text)
    assert running.counters()["ignored_unsigned"] == 2
    assert_holds(lambda: len(running.replies(done)) == 1 and not running.replies(unsent), 1, "nobody is answered")
    assert len(running.drills()) == before
