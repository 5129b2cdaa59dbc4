"""Judges every message that any test heard from a broker: topics, schemas, CAP, measures for FIWARE, and words."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from .messages import Schemas, rule_of
from .site import ROOT

ANY_GATEWAY = r"[a-z0-9-]{1,40}"
# What others tell a gateway.
TO_GATEWAYS = re.compile(rf"{re.escape(ROOT)}/({ANY_GATEWAY}/command|group/.+|watchlist/.+|reply/.+)")
MEASURES = re.compile(r"/json/[^/]+/[a-z0-9_-]+/attrs")
AGENT_COMMANDS = re.compile(r"/[^/]+/[a-z0-9_-]+/cmd|/json/[^/]+/[a-z0-9_-]+/cmdexe")
CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")
STATUS = {"cap": {"Actual", "System"}, "exercise": {"Exercise"}, "test": {"Test"}}
# A gateway measures: evacuation and official warnings are not its to give.
FORBIDDEN = {
    "ja": "避難|警報|注意報|危険情報|緊急安全確保|高齢者等|命令|逃げ|安全です",
    "ja-x-easy": "避難|警報|注意報|にげ|逃げ|ひなん|けいほう|あんぜんです|めいれい",
    "en": r"(?i)evacuat|\bwarning|\badvisory|emergency|\bflee\b|alert level",
    "vi": "(?i)sơ tán|di tản|lánh nạn|cảnh báo|báo động|khẩn cấp|lệnh",
    "zh-Hans": "疏散|避难|撤离|警报|预警|警告|紧急|命令",
    "pt-BR": r"(?i)evacu|\balerta|\baviso|emergência|\bordem",
}
MARKS = {"exercise": "【訓練】", "test": "【試験】"}


def word_problems(topic, content):
    """What is wrong with the texts of an alert or a notice."""
    expected = MARKS.get(content.get("mode"))
    for text in content["text"]:
        words = " ".join(str(value) for name, value in text.items() if name != "language")
        found = re.search(FORBIDDEN[text["language"]], words)
        if found:
            yield f"{topic}: says {found[0]!r} in {text['language']}: {words}"
        if text["language"] == "ja":
            mark = next((mark for mark in MARKS.values() if text["headline"].startswith(mark)), None)
            if mark != expected:
                yield f"{topic}: the mark of mode {content['mode']}: {text['headline']}"


def cap_problems(topic, document):
    """What breaks the rules of CAP 1.2 that its schema cannot hold."""
    try:
        alert = ElementTree.fromstring(document)
    except ElementTree.ParseError as error:
        yield f"{topic}: no XML: {error}"
        return

    def one(name):
        return alert.findtext(f"{CAP}{name}")

    for name in ("identifier", "sender"):
        if not one(name) or re.search(r"[\s,<&]", one(name)):
            yield f"{topic}: {name} {one(name)!r}"
    if (one("scope") == "Restricted") != (one("restriction") is not None):
        yield f"{topic}: scope {one('scope')} with restriction {one('restriction')}"
    if (one("msgType") == "Alert") != (one("references") is None):
        yield f"{topic}: {one('msgType')} with references {one('references')}"
    for triple in (one("references") or "").split():
        if not re.fullmatch(rf"[^\s,<&]+,[^\s,<&]+,{TIME.pattern}", triple):
            yield f"{topic}: reference {triple}"
    if one("status") not in STATUS[topic.rpartition("/")[2]]:
        yield f"{topic}: status {one('status')}"
    if one("status") in ("Exercise", "Test") and not one("note"):
        yield f"{topic}: {one('status')} without a note"
    infos = alert.findall(f"{CAP}info")
    languages = [info.findtext(f"{CAP}language") for info in infos]
    if not infos or len(set(languages)) != len(languages):
        yield f"{topic}: languages {languages}"
    for element in alert.iter():
        name = element.tag.removeprefix(CAP)
        text = (element.text or "").strip()
        if not len(element) and not text:
            yield f"{topic}: an empty {name}"
        if name in ("sent", "onset", "effective", "expires") and not TIME.fullmatch(text):
            yield f"{topic}: {name} {text}"
        if name == "headline" and len(text) > 160:
            yield f"{topic}: a headline of {len(text)} characters"
        if name == "circle" and not re.fullmatch(r"-?\d+(\.\d+)?,-?\d+(\.\d+)? \d+(\.\d+)?", text):
            yield f"{topic}: circle {text}"
        if name == "responseType" and text not in ("Avoid", "Monitor", "Assess", "None"):
            yield f"{topic}: responseType {text}"


class Judge:
    """Knows what was judged already: a message that many subscribers heard is judged once."""

    def __init__(self, top, shared_data=None):
        self._top = Path(top)
        self._schemas = Schemas(top)
        self._data = shared_data
        self._judged = set()
        self.count = 0

    def problems(self, messages):
        fresh = []
        for message in messages:
            key = (message.topic, message.payload, message.retained, message.qos, message.expiry)
            if key not in self._judged:
                self._judged.add(key)
                fresh.append(message)
        self.count += len(fresh)
        found = []
        documents, measures, own = [], [], []
        for message in fresh:
            if TO_GATEWAYS.fullmatch(message.topic) or AGENT_COMMANDS.fullmatch(message.topic):
                continue
            if MEASURES.fullmatch(message.topic):
                measures.append(message)
            elif not message.payload:
                found += self._empty(message)
            else:
                own.append(message)
                if re.search(r"/cap(/exercise|/test)?$", message.topic):
                    documents.append(message)
        found += self._schemas.problems(own, ANY_GATEWAY)
        for message in own:
            found += self._words(message)
        return found + self._cap(documents) + self._measures(measures)

    def _empty(self, message):
        """Only what is retained is ever cleared."""
        rule = rule_of(message.topic, ANY_GATEWAY)
        if rule is None or not rule[1]:
            yield f"{message.topic}: an empty payload"

    def _words(self, message):
        rule = rule_of(message.topic, ANY_GATEWAY)
        if rule is None or rule[0] not in ("alert", "notice", "active"):
            return
        try:
            content = message.json()
            for alert in content.get("alerts", [content]):
                yield from word_problems(message.topic, alert)
            mode = message.topic.rpartition("/")[2]
            if rule[0] == "alert" and content["mode"] != (mode if mode in MARKS else "actual"):
                yield f"{message.topic}: mode {content['mode']}"
        except (ValueError, KeyError, TypeError, AttributeError):
            return  # It has not even the form; the schemas' judgement says what is wrong.

    def _cap(self, documents):
        if not documents:
            return []
        found = []
        for message in documents:
            found += cap_problems(message.topic, message.payload)
        if self._data is None:
            return found
        with tempfile.TemporaryDirectory(prefix="mimamori-cap-") as folder:
            files = []
            for number, message in enumerate(documents):
                files.append(Path(folder) / f"{number}.xml")
                files[-1].write_bytes(message.payload)
            schema = self._data / "cap/CAP-v1.2.xsd"
            result = subprocess.run(
                ["xmllint", "--noout", "--nonet", "--schema", schema, *files], capture_output=True, text=True, timeout=120)
            if result.returncode:
                wrong = [line for line in result.stderr.splitlines() if not line.endswith(" validates")]
                found += [f"CAP: {line}" for line in wrong or [f"xmllint ended with {result.returncode}"]]
        return found

    def _measures(self, measures):
        found = []
        for message in measures:
            if message.retained or message.qos != 1:
                found.append(f"{message.topic}: retained {message.retained}, quality of service {message.qos}")
            for problem in self._schemas.validator("measure").iter_errors(message.json()):
                found.append(f"{message.topic}: {problem.message[:300]}")
        if not measures or self._data is None:
            return found
        result = subprocess.run(
            [sys.executable, self._top / "Tests/Peers/validate_model.py", self._data / "ngsi"], capture_output=True,
            text=True, input="".join(json.dumps(m.json()) + "\n" for m in measures), timeout=60)
        verdicts = result.stdout.splitlines()
        if len(verdicts) != len(measures):
            found.append(f"the models judged {len(verdicts)} of {len(measures)}: {result.stderr}")
        return found + [
            f"{message.topic}: {verdict}" for message, verdict in zip(measures, verdicts) if verdict != "valid"]


def data_folder(top):
    """Where the schemas of others lie, if they do."""
    folder = Path(os.environ.get("MIMAMORI_SHARED_DATA") or Path(top).parent / "shared" / "data")
    return folder if folder.is_dir() else None
