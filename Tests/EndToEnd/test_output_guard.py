"""The guard of the outputs as a process: what it does when its gateway ends in any way, with files in place of lines.

The kernel's own lines are in Tests/VirtualMachine/test_gpio.py.
"""

import os
import shutil
import signal
import subprocess
import time

import pytest
from support.children import bound
from support.waiting import wait_until

SAID = "test: The gateway has ended without switching its outputs: "


@pytest.fixture(scope="module")
def guarded(top, tmp_path_factory):
    program = tmp_path_factory.mktemp("guard") / "guarded"
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("clang")
    sources = top / "Sources/CGPIOD"
    subprocess.run(
        [compiler, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-I", sources / "include", "-o", program,
         top / "Tests/Peers/guarded.c", sources / "guard.c"], check=True)
    return program


class Guarded:
    """A stand-in for the gateway, and its guard."""

    def __init__(self, program, folder, error=None):
        self.folder = folder
        self.error = folder / "error"
        with open(self.error, "wb") as file:
            self.process = subprocess.Popen(
                bound(program), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=error or file, text=True, bufsize=1,
                start_new_session=True)
        self.guard = int(self.process.stdout.readline())

    def order(self, text):
        self.process.stdin.write(f"{text}\n")
        return self.process.stdout.readline().strip()

    def hold(self, name, safe):
        path = self.folder / name
        path.touch()
        number = self.order(f"hold {safe} {path}")
        return number, path

    def settle(self):
        return int(self.order("settle"))

    @property
    def is_guard_there(self):
        try:
            with open(f"/proc/{self.guard}/stat") as stat:
                return stat.read().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    def wait_guard_gone(self):
        wait_until(lambda: not self.is_guard_there, 10, "the guard ends")

    def said(self):
        return self.error.read_text()

    def close(self):
        self.process.kill()
        self.process.wait(10)
        for file in (self.process.stdin, self.process.stdout):
            file.close()
        if self.is_guard_there:
            os.kill(self.guard, signal.SIGKILL)


@pytest.fixture
def gateway(guarded, peers, tmp_path):
    return peers(Guarded(guarded, tmp_path))


def test_lines_are_safe_at_once_after_kill_9_and_the_guard_goes(gateway):
    siren, pump = gateway.hold("siren", 0)[1], gateway.hold("pump", 1)[1]
    assert gateway.settle() == 2
    killed = time.monotonic()
    gateway.process.kill()
    wait_until(lambda: (siren.read_text(), pump.read_text()) == ("0\n", "1\n"), 1, "both are safe", every=0.001)
    print(f"safe {(time.monotonic() - killed) * 1000:.1f} ms after the kill")
    gateway.wait_guard_gone()
    assert (siren.read_text(), pump.read_text()) == ("0\n", "1\n"), "once"
    assert gateway.said() == f"{SAID}2 set to their safe state by the guard.\n"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGKILL"])
def test_it_outlives_what_is_sent_to_the_gateway_s_processes(gateway, name):
    siren = gateway.hold("siren", 0)[1]
    assert gateway.settle() == 1
    if name != "SIGKILL":
        os.kill(gateway.guard, signal.Signals[name])
        assert gateway.settle() == 1
        gateway.hold("lamp", 0)
        assert gateway.settle() == 2, "it serves"
    assert siren.read_text() == ""
    os.killpg(gateway.process.pid, signal.Signals[name])
    gateway.process.wait(10)
    wait_until(lambda: siren.read_text() == "0\n", 1, "it is safe")
    gateway.wait_guard_gone()


def test_a_watchdog_s_signal_makes_the_lines_safe_while_the_gateway_hangs(gateway):
    siren = gateway.hold("siren", 0)[1]
    assert gateway.settle() == 1
    os.kill(gateway.process.pid, signal.SIGSTOP)
    os.kill(gateway.guard, signal.SIGABRT)
    wait_until(lambda: siren.read_text() == "0\n", 1, "it is safe")
    os.kill(gateway.process.pid, signal.SIGCONT)
    # It was no hang after all: the gateway goes on, and is guarded still.
    assert gateway.hold("lamp", 1)[0] == "1"
    assert gateway.settle() == 2
    assert gateway.is_guard_there
    gateway.process.kill()
    wait_until(lambda: (gateway.folder / "lamp").read_text() == "1\n", 1, "the new one is safe too")
    gateway.wait_guard_gone()


def test_a_line_that_was_handed_over_in_the_last_moment_is_safe_too(gateway):
    assert gateway.settle() == 0
    os.kill(gateway.guard, signal.SIGSTOP)
    siren = gateway.hold("siren", 1)[1]
    gateway.process.kill()
    gateway.process.wait(10)
    os.kill(gateway.guard, signal.SIGCONT)
    wait_until(lambda: siren.read_text() == "1\n", 1, "it is safe")
    gateway.wait_guard_gone()


def test_a_line_that_cannot_be_set_keeps_no_other_from_being_safe(gateway):
    for path in ("/dev/full", gateway.hold("siren", 0)[1], "/dev/full"):
        gateway.order(f"hold 0 {path}")
    assert gateway.settle() == 4
    gateway.process.kill()
    gateway.wait_guard_gone()
    assert (gateway.folder / "siren").read_text() == "0\n0\n", "held twice"
    assert gateway.said() == f"{SAID}2 set to their safe state by the guard, 2 could not be set.\n"


def test_what_was_dropped_is_left_alone_and_an_orderly_end_is_not_spoken_of(gateway):
    number, siren = gateway.hold("siren", 0)
    assert gateway.settle() == 1
    gateway.order(f"drop {number}")
    assert gateway.settle() == 0
    gateway.process.stdin.close()
    assert gateway.process.wait(10) == 0
    gateway.wait_guard_gone()
    assert siren.read_text() == "" and gateway.said() == ""


def test_a_full_standard_error_keeps_it_from_nothing(guarded, peers, tmp_path):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writer, bytes(4096))
    os.set_blocking(writer, True)
    gateway = peers(Guarded(guarded, tmp_path, error=writer))
    siren = gateway.hold("siren", 0)[1]
    assert gateway.settle() == 1
    gateway.process.kill()
    gateway.wait_guard_gone()
    assert siren.read_text() == "0\n"
    os.close(reader)
    os.close(writer)
