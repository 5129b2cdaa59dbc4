"""The judge of outages on trial itself: whatever is planted, it must find; of a sound account it must say nothing."""

import json

import pytest
from support.account import Account, read_shown, read_verified
from support.ledger import Entry
from support.site import ROOT, WATCH_ROOT
from support.subscriber import Message

GATEWAY = "test-001"
EPOCH = "e" * 16
SUBJECT = "7f3a9c52e1b84d0f9a61c2d3"
ALERT, CAP, REPLY = (f"{ROOT}/{GATEWAY}/{name}" for name in ("alert", "cap", "reply"))
NOTICE = f"{WATCH_ROOT}/{SUBJECT}/{GATEWAY}"


class Sound:
    """Two alerts of three and two revisions, each with its CAP, two notices, an answer, and what is claimed of them."""

    def __init__(self):
        self.received, self.entries = [], []
        for number, (alert, revision, message) in enumerate([
                ("a", 1, "raise"), ("b", 1, "raise"), ("a", 2, "update"), ("b", 2, "clear"), ("a", 3, "clear")], 1):
            self.tell(ALERT, "alert", number, alert, revision, message=message, sensor=f"river-{alert}")
            self.keep(CAP, "alert", None, alert, revision, f"<alert><identifier>{alert}.{revision}</identifier></alert>")
        for number in (1, 2):
            self.tell(NOTICE, SUBJECT, number, f"n{number}", 1, sensor="gate")
        self.keep(REPLY, "command", 1, "command/1", 1, json.dumps({"id": "city-1", "result": "done"}))
        self.claim("health", streams={"alert": {"epoch": EPOCH, "last": 5, "delivered_through": 5}})
        self.hear(f"{NOTICE}/head", json.dumps(
            {"stream": SUBJECT, "epoch": EPOCH, "last": 2, "delivered_through": 2}).encode())

    def tell(self, topic, stream, sequence, identifier, revision, **members):
        self.keep(topic, stream, sequence, identifier, revision, json.dumps({
            "id": identifier, "revision": revision, "stream": stream, "epoch": EPOCH, "sequence": sequence, **members}))

    def keep(self, topic, stream, sequence, identifier, revision, text):
        payload = text.encode()
        self.entries.append(Entry(
            len(self.entries) + 1, stream, sequence, identifier, revision, topic, True, True, payload))
        self.hear(topic, payload)

    def claim(self, topic, **members):
        self.hear(f"{ROOT}/{GATEWAY}/{topic}", json.dumps(members).encode())

    def hear(self, topic, payload, at=None):
        message = Message(topic, payload, False, 1, None)
        self.received.insert(len(self.received) if at is None else at, message)

    def index(self, topic, occurrence=0):
        return [number for number, message in enumerate(self.received) if message.topic == topic][occurrence]

    def shown(self):
        return "".join(
            f"2026-11-21T15:02:20+09:00  {e.stream} {e.sequence or '-'}  {e.id} revision {e.revision}  {len(e.payload)} bytes  "
            f"acknowledged 2026-11-21T15:02:21+09:00\n" for e in self.entries)

    def account(self, shown=None, verified=None):
        text = f"epoch {EPOCH}\nalert: 1 to 5, delivered through 5\n{SUBJECT}: 1 to 2, delivered through 2\n" \
               "command: 1 to 1, delivered through 1\nchain: 13 links, head 00\nwhole\n"
        return Account(
            self.received, self.entries, read_shown(shown or self.shown()), read_verified(verified or text))


@pytest.fixture
def sound():
    return Sound()


def test_a_sound_account_is_in_order(sound):
    account = sound.account()
    assert account.problems() == []
    assert account.duplicates == 0 and len(account.told) == 7
    assert [content["message"] for content in account.stories()["river-a"]] == ["raise", "update", "clear"]
    assert len(account.stories()[SUBJECT]) == 2


def test_what_comes_twice_in_the_same_bytes_is_in_order(sound):
    for topic in (ALERT, CAP, NOTICE, REPLY):
        sound.received.append(sound.received[sound.index(topic)])
    account = sound.account()
    assert account.problems() == [] and account.duplicates == 2


def lose(topic, occurrence=0):
    def plant(sound):
        del sound.received[sound.index(topic, occurrence)]
    return plant


def alter(topic, again):
    """Another byte in a message, or in a second arrival of it."""
    def plant(sound):
        place = sound.index(topic)
        message = sound.received[place]
        other = Message(topic, message.payload + b" ", False, 1, None)
        if again:
            sound.received.append(other)
        else:
            sound.received[place] = other
    return plant


def swap(sound, topic, one, other):
    first, second = sound.index(topic, one), sound.index(topic, other)
    sound.received[first], sound.received[second] = sound.received[second], sound.received[first]


def change(sound, topic, occurrence, **members):
    """The same change in what arrived and in what is kept: only what it says is wrong, not how it came."""
    place = sound.index(topic, occurrence)
    old = sound.received[place].payload
    new = json.dumps({**json.loads(old), **members}).encode()
    sound.received[place] = Message(topic, new, False, 1, None)
    row = next(n for n, entry in enumerate(sound.entries) if entry.payload == old)
    entry = sound.entries[row]
    sound.entries[row] = Entry(
        entry.row, entry.stream, members.get("sequence", entry.sequence), entry.id, entry.revision, topic, True, True, new)


def claim_too_early(sound):
    sound.received.insert(0, sound.received.pop(sound.index(f"{ROOT}/{GATEWAY}/health")))


def claim_too_early_of_a_person(sound):
    sound.received.insert(0, sound.received.pop(sound.index(f"{NOTICE}/head")))


def leave_in_the_outbox(sound):
    entry = sound.entries[0]
    sound.entries[0] = Entry(
        entry.row, entry.stream, entry.sequence, entry.id, entry.revision, entry.topic, False, True, entry.payload)


def lose_from_both(sound):
    """Neither the ledger nor the subscriber has it: only the numbers tell."""
    place = sound.index(NOTICE)
    payload = sound.received.pop(place).payload
    sound.entries = [entry for entry in sound.entries if entry.payload != payload]


PLANTED = {
    "a lost alert": (lose(ALERT, 2), "lost"),
    "a lost last alert": (lose(ALERT, 4), "lost"),
    "a lost notice": (lose(NOTICE), "lost"),
    "a lost CAP": (lose(CAP, 1), "lost"),
    "a lost answer": (lose(REPLY), "lost"),
    "an altered alert": (alter(ALERT, again=False), "altered"),
    "an altered CAP": (alter(CAP, again=False), "altered"),
    "an altered notice": (alter(NOTICE, again=False), "altered"),
    "an altered answer": (alter(REPLY, again=False), "altered"),
    "an alert again in other bytes": (alter(ALERT, again=True), "came again with other bytes"),
    "a notice again in other bytes": (alter(NOTICE, again=True), "came again with other bytes"),
    "an answer again in other bytes": (alter(REPLY, again=True), "invented"),
    "revisions swapped": (lambda sound: swap(sound, ALERT, 0, 2), "out of order"),
    "revisions of CAP swapped": (lambda sound: swap(sound, CAP, 0, 2), "out of order"),
    "two that raise": (lambda sound: change(sound, ALERT, 2, message="raise"), "out of order"),
    "one that goes on after its end": (lambda sound: change(sound, ALERT, 0, message="clear"), "out of order"),
    "a number given twice": (lambda sound: change(sound, ALERT, 2, sequence=2), "given twice [2]"),
    "a number left out": (lose_from_both, "missing [1]"),
    "a second epoch": (lambda sound: change(sound, ALERT, 2, epoch="f" * 16), "epochs, not 1"),
    "an invented alert": (
        lambda sound: sound.hear(ALERT, sound.received[0].payload.replace(b'"a"', b'"c"')), "invented"),
    "a claim before its message": (claim_too_early, "claims alert through 5"),
    "a claim before a person's message": (claim_too_early_of_a_person, f"claims {SUBJECT} through 2"),
    "one left in the outbox": (leave_in_the_outbox, "undelivered"),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_whatever_is_planted_is_found(sound, fault):
    plant, said = PLANTED[fault]
    plant(sound)
    problems = sound.account().problems()
    assert any(said in problem for problem in problems), problems


def test_what_the_commands_say_otherwise_is_found(sound):
    lines = sound.shown().splitlines(keepends=True)
    assert any("otherwise" in p for p in sound.account(shown="".join(lines[1:])).problems())
    assert any("otherwise" in p for p in sound.account(shown="".join(lines).replace("a revision 2", "a revision 4")).problems())
    waiting = "".join(lines).replace("acknowledged 2026-11-21T15:02:21+09:00", "handed over", 1)
    assert any("is handed" in p for p in sound.account(shown=waiting).problems())
    short = f"alert: 1 to 4, delivered through 4\n{SUBJECT}: 1 to 2, delivered through 2\ncommand: 1 to 1, delivered through 1\n"
    assert any("`ledger verify` says (4, 4) of alert" in p for p in sound.account(verified=short).problems())


def test_a_line_of_no_known_form_is_an_error():
    assert read_shown("2026-11-21T15:02:20+09:00  output siren  on  level\n") == []
    with pytest.raises(ValueError):
        read_shown("the dog ate it\n")
