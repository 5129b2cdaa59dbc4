"""The account of an outage: what a subscriber received against what the ledger says was raised. Nothing of the gateway's code.

`Account.problems()` is empty when nothing was lost, nothing altered, nothing invented, the revisions of each alert came in
order, each stream's numbers are whole within its epoch, and whatever came twice came in the same bytes.
"""

import re
from collections import defaultdict
from dataclasses import dataclass

from .site import WATCH_ROOT

# A line of `ledger show` about a message; CAP has no number of its own.
SHOWN = re.compile(
    r"^\S+  (?P<stream>\S+) (?P<sequence>-|\d+)  (?P<id>\S+) revision (?P<revision>\d+)  (?P<length>\d+) bytes  "
    r"(?P<progress>waiting|handed over|given up|acknowledged \S+)(  .*)?$")
NO_MESSAGE = re.compile(r"^\S+  (output|mark)  ?\S+")
# A line of `ledger verify` about a stream.
VERIFIED = re.compile(r"^(?P<stream>\S+): 1 to (?P<last>\d+), delivered through (?P<through>\d+)(?P<rest>.*)$")
ALERT = re.compile(r"/alert(/exercise|/test)?$")
CAP = re.compile(r"/cap(/exercise|/test)?$")


@dataclass(frozen=True)
class Shown:
    """A message as `ledger show` tells it."""

    stream: str
    sequence: int | None
    id: str
    revision: int
    length: int
    progress: str


def read_shown(text):
    """The messages of `ledger show`, in its order. A line of no known form is an error."""
    found = []
    for line in text.splitlines():
        match = SHOWN.match(line)
        if match:
            number = match["sequence"]
            found.append(Shown(
                match["stream"], None if number == "-" else int(number), match["id"], int(match["revision"]),
                int(match["length"]), match["progress"].split()[0]))
        elif not NO_MESSAGE.match(line):
            raise ValueError(f"no line of a ledger: {line!r}")
    return found


def read_verified(text):
    """Of each stream of `ledger verify`: the last number, and through which it was delivered."""
    matches = filter(None, map(VERIFIED.match, text.splitlines()))
    return {match["stream"]: (int(match["last"]), int(match["through"])) for match in matches}


def is_notice(topic):
    return topic.startswith(f"{WATCH_ROOT}/") and not topic.endswith("/head")


def is_told(topic):
    """Whether it is news with an id and a revision: an alert or a notice."""
    return bool(ALERT.search(topic)) or is_notice(topic)


def is_kept(topic):
    """Whether what is published there is kept in the ledger: news, CAP, and answers to commands."""
    return is_told(topic) or bool(CAP.search(topic)) or topic.endswith("/reply")


class Account:
    """Of one gateway: `received` in the order of arrival, `entries` as another program reads the ledger's file, `shown` and
    `verified` as the gateway's own commands tell it."""

    def __init__(self, received, entries, shown, verified, epochs=1):
        self.received = [message for message in received if message.payload]
        self.entries = entries
        self.shown = shown
        self.verified = verified
        self.epochs = epochs
        # The first arrival of each (id, revision) of alerts and notices, in order.
        self.told = {}
        self.duplicates = 0
        self._found = []

    def problems(self):
        self._found = []
        self._read_told()
        self._nothing_lost_or_invented()
        self._revisions_in_order()
        self._streams_whole()
        self._claims_kept()
        self._commands_agree()
        return self._found

    def stories(self):
        """The news of each sensor and each person, in the order of their numbers."""
        found = defaultdict(list)
        for content in sorted(self.told.values(), key=lambda content: content["sequence"]):
            found[content["sensor"] if content["stream"] == "alert" else content["stream"]].append(content)
        return dict(found)

    def _say(self, text):
        self._found.append(text)

    def _read_told(self):
        self.told = {}
        self.duplicates = 0
        first = {}
        for message in self.received:
            if not is_told(message.topic):
                continue
            content = message.json()
            key = content["id"], content["revision"]
            if key not in first:
                first[key] = message
                self.told[key] = content
                continue
            self.duplicates += 1
            if (first[key].topic, first[key].payload) != (message.topic, message.payload):
                self._say(f"altered: {key} came again with other bytes")

    def _nothing_lost_or_invented(self):
        kept = {(entry.topic, entry.payload): entry for entry in self.entries}
        came = {(message.topic, message.payload) for message in self.received if is_kept(message.topic)}
        for key, entry in kept.items():
            if key not in came:
                self._say(f"lost or altered: {entry.id} revision {entry.revision} of {entry.topic} never came as it was kept")
        for topic, payload in sorted(came - kept.keys()):
            self._say(f"invented or altered: on {topic} came what the ledger does not hold: {payload[:120]!r}")
        for entry in self.entries:
            if not entry.is_delivered:
                self._say(f"undelivered: {entry.id} revision {entry.revision} of {entry.topic}")

    def _revisions_in_order(self):
        arrived = defaultdict(list)
        for (identifier, revision), content in self.told.items():
            arrived[identifier].append((revision, content.get("message")))
        for identifier, pairs in arrived.items():
            revisions = [revision for revision, _ in pairs]
            if revisions != list(range(1, len(revisions) + 1)):
                self._say(f"out of order: {identifier} came as revisions {revisions}")
            kinds = [kind for _, kind in pairs]
            if kinds[0] is not None and (
                    kinds[0] != "raise" or "raise" in kinds[1:] or "clear" in kinds[:-1]):
                self._say(f"out of order: {identifier} came as {kinds}")
        kept = {(entry.topic, entry.payload): entry for entry in self.entries}
        documents = defaultdict(list)
        for topic, payload in dict.fromkeys((m.topic, m.payload) for m in self.received if CAP.search(m.topic)):
            if (topic, payload) in kept:
                documents[kept[topic, payload].id].append(kept[topic, payload].revision)
        for identifier, revisions in documents.items():
            if revisions != sorted(revisions):
                self._say(f"out of order: the CAP of {identifier} came as revisions {revisions}")

    def _streams_whole(self):
        numbers = defaultdict(list)
        for content in self.told.values():
            numbers[content["stream"], content["epoch"]].append(content["sequence"])
        for (stream, epoch), found in numbers.items():
            if sorted(found) != list(range(1, len(found) + 1)):
                missing = sorted(set(range(1, max(found) + 1)) - set(found))
                twice = sorted(number for number in set(found) if found.count(number) > 1)
                self._say(f"not whole: {stream} in {epoch}: missing {missing[:20]}, given twice {twice[:20]}")
        epochs = {epoch for _, epoch in numbers}
        if len(epochs) != self.epochs:
            self._say(f"{len(epochs)} epochs, not {self.epochs}: the ledger was begun anew")

    def _claims_kept(self):
        """What is said to be delivered was delivered: a missing number at or below `delivered_through` is lost."""
        highest = defaultdict(set)
        for message in self.received:
            if is_told(message.topic):
                content = message.json()
                highest[content["stream"], content["epoch"]].add(content["sequence"])
                continue
            if message.topic.endswith("/head"):
                content = message.json()
                claims = {content["stream"]: content} if "stream" in content else {}
            elif message.topic.endswith("/health"):
                claims = message.json().get("streams", {})
            else:
                continue
            for stream, claim in claims.items():
                if stream == "command":
                    continue  # Answers carry no number of their own.
                missing = set(range(1, claim["delivered_through"] + 1)) - highest[stream, claim["epoch"]]
                if missing:
                    self._say(
                        f"{message.topic} claims {stream} through {claim['delivered_through']} before "
                        f"{sorted(missing)[:20]} came")

    def _commands_agree(self):
        """`ledger show` and `ledger verify` tell of the same messages as the file."""
        told = sorted((s.stream, s.sequence or 0, s.id, s.revision, s.length) for s in self.shown)
        held = sorted((e.stream, e.sequence or 0, e.id, e.revision, len(e.payload)) for e in self.entries)
        if told != held:
            self._say(f"`ledger show` tells of {sorted(set(told) ^ set(held))[:5]} otherwise than the file")
        for shown in self.shown:
            if shown.progress != "acknowledged":
                self._say(f"`ledger show`: {shown.id} revision {shown.revision} is {shown.progress}")
        last = defaultdict(int)
        for entry in self.entries:
            last[entry.stream] = max(last[entry.stream], entry.sequence or 0)
        for stream, number in last.items():
            if self.verified.get(stream) != (number, number):
                self._say(f"`ledger verify` says {self.verified.get(stream)} of {stream}, whose last number is {number}")
