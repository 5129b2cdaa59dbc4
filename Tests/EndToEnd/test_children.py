"""The tests' own manners: what they start ends with them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from support.children import holders
from support.waiting import wait_until
from terminal import Terminal

# A test run that is killed in the middle, with no chance to clean up.
KILLED = """
import os, signal, sys
from pathlib import Path
from support.broker import Broker
from support.site import Site
from ultrasonic import Ultrasonic

program, folder = sys.argv[1], Path(sys.argv[2])
broker = Broker(folder / "broker").start()
site = Site(program, folder / "site")
site.mqtt_table["port"] = broker.port
site.add_ultrasonic("river-1", Ultrasonic(folder / "gauge").terminal.path)
gateway = site.start().wait_ready()
print(gateway.process.pid, broker.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_no_child_outlives_tests_that_are_killed(top, program, tmp_path):
    """It would take the ports of the tests that come after it."""
    folders = [str(top / "Tests/EndToEnd"), str(top / "Tests/Peers")]
    result = subprocess.run(
        [sys.executable, "-c", KILLED, program, tmp_path], capture_output=True, text=True, timeout=60,
        env={"PYTHONPATH": ":".join(folders), "PYTHONDONTWRITEBYTECODE": "1"})
    assert result.returncode == -signal.SIGKILL, result.stderr
    children = [Path("/proc", number) for number in result.stdout.split()]
    assert len(children) == 2
    try:
        wait_until(lambda: not any(map(is_running, children)), 10, lambda: f"{[*filter(is_running, children)]} end")
    finally:
        for child in filter(is_running, children):
            os.kill(int(child.name), signal.SIGKILL)


def is_running(process):
    try:
        # pid (name) state …; one that has ended and waits for its new parent is no more than a number.
        return (process / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_who_holds_a_port_can_be_named(tmp_path, peers):
    terminal = peers(Terminal(tmp_path / "port"))
    assert [holder.split()[0] for holder in holders(terminal.path)] == [str(os.getpid())]
