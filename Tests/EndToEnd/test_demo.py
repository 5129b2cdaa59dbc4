"""The demo as a newcomer runs it: what it prints, and that nothing of it stays behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.children import bound
from support.waiting import assert_holds, wait_until

SECONDS = 150


def processes_of(session):
    """The commands of the processes that belong to a session, zombies excluded."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # pid (name) state parent group session …; the name may hold spaces and brackets.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(f"{entry.name} {command}")
    return found


class Demo:
    """demo.sh in a session of its own, as from a terminal."""

    def __init__(self, top, program, folder, speed):
        self.output_file = folder / "demo.out"
        with open(self.output_file, "wb") as output:
            self.process = subprocess.Popen(
                bound(top / "examples/demo/demo.sh", program, speed, signal="TERM"), stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True, cwd=folder)

    def output(self):
        return self.output_file.read_text(errors="replace")

    def wait_printed(self, pattern, seconds=60):
        def printed():
            assert self.process.poll() is None, f"the demo ended with {self.process.returncode}: {self.output()}"
            return re.search(pattern, self.output())

        wait_until(printed, seconds, lambda: f"the demo prints {pattern}; it printed: {self.output()}")

    def left(self):
        return processes_of(self.process.pid)

    def close(self):
        if self.process.poll() is None or self.left():
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(10)


def in_order(patterns, text):
    """The first of the patterns that does not follow those before it; None if all do."""
    position = 0
    for pattern in patterns:
        match = re.compile(pattern).search(text, position)
        if not match:
            return pattern
        position = match.end()
    return None


def test_the_demo_tells_of_a_flood_and_a_school_morning(top, program, tmp_path, peers):
    demo = peers(Demo(top, program, tmp_path, speed=1))
    begun = time.monotonic()
    demo.wait_printed(r"(防災|家族)", seconds=20)
    assert demo.process.wait(SECONDS) == 0, demo.output()
    text = demo.output()
    flood = [r"防災 発表 raise.*国包橋", r"防災 更新 update.*国包橋", r"サイレン siren ON", r"防災 解除 clear.*国包橋"]
    assert in_order(flood, text) is None
    assert "サイレン siren off" in text[text.index("siren ON"):]
    morning = [r"家族 notice.*person 7f3a9c", r"家族 notice.*person 1c4e8d", r"家族 notice.*person 7f3a9c"]
    assert in_order(morning, text) is None
    # The child on the far side of the road has not arrived, and of the passer-by nobody is told.
    assert text.count("家族 notice") == 3
    assert re.search(r"[ぁ-ん]", text) and re.search(r"[A-Za-z]{4} [a-z]+", text), "Japanese, with English beside it"
    assert "8deefbb9" not in text and "Traceback" not in text
    assert not demo.left()
    assert 55 <= time.monotonic() - begun <= 90


MOMENTS = {
    "before the broker is there": r"^1\. ",
    "while the gateway starts": r"^4\. ",
    "in the middle of the flood": r"発表 raise",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_interrupting_the_demo_leaves_nothing_running(top, program, tmp_path, peers, moment):
    demo = peers(Demo(top, program, tmp_path, speed=3))
    demo.wait_printed(rf"(?m){MOMENTS[moment]}")
    os.killpg(demo.process.pid, signal.SIGINT)  # What Ctrl-C does to everything in the foreground.
    assert demo.process.wait(15) == 130, demo.output()
    assert demo.left() == []


def test_a_failing_gateway_is_said_and_leaves_nothing_running(top, tmp_path, peers):
    demo = peers(Demo(top, "/bin/false", tmp_path, speed=1))
    assert demo.process.wait(30) != 0
    assert demo.left() == []


class Receiver:
    """receiver.py in a session of its own."""

    def __init__(self, top, port, folder):
        self.output_file = folder / "receiver.out"
        with open(self.output_file, "wb") as output:
            self.process = subprocess.Popen(
                bound(sys.executable, top / "examples/demo/receiver.py", port), stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True)

    def output(self):
        return self.output_file.read_text()

    def left(self):
        return processes_of(self.process.pid)

    def close(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(10)


ALERT = {
    "message": "raise", "kind": "water_level", "level": 4, "severity": "severe", "detected": "2026-11-21T15:02:20+09:00",
    "text": [{"language": "ja", "headline": "見出し", "description": "説明"}]}


def test_the_printing_process_knows_nothing_but_what_the_broker_hands_it(
        top, make_broker, make_subscriber, peers, tmp_path):
    """With its messages withheld, by the broker's own access rules, it prints nothing."""
    rules = tmp_path / "rules"
    rules.write_text("topic write #\nuser observer\ntopic readwrite #\n")
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "observer", "secret"], check=True)
    os.chmod(passwords, 0o600)
    withholding = make_broker(
        settings=f"allow_anonymous true\npassword_file {passwords}\nacl_file {rules}\n").start()
    observer = make_subscriber(withholding.port, username="observer", password="secret", hears_inventions=True)
    receiver = peers(Receiver(top, withholding.port, tmp_path))
    wait_until(lambda: "mimamori-watch" in withholding.log_text(), 10, "the receiver has subscribed")
    topic = "mimamori/282103/test-001/alert"
    publish(withholding.port, topic, json.dumps(ALERT))
    observer.wait_for(lambda message: message.topic == topic, 10, "the alert reaches the one who may read it")
    assert_holds(lambda: receiver.process.poll() is None and not receiver.output(), 1, receiver.output)


def test_the_printing_process_prints_what_it_is_handed_and_ends_with_all_its_own(top, broker, peers, tmp_path):
    receiver = peers(Receiver(top, broker.port, tmp_path))
    wait_until(lambda: "mimamori-watch" in broker.log_text(), 10, "the receiver has subscribed")
    publish(broker.port, "mimamori/282103/test-001/alert", json.dumps(ALERT))
    wait_until(lambda: "見出し" in receiver.output(), 10, receiver.output)
    assert "発表 raise" in receiver.output()
    receiver.process.terminate()  # As demo.sh ends it.
    receiver.process.wait(10)
    assert receiver.left() == []


def publish(port, topic, payload):
    subprocess.run(
        ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-q", "1", "-t", topic, "-m", payload], check=True)
