"""The 16550: frames and breaks as a real port has them, which a pseudo-terminal does not."""

import subprocess
import sys

import pytest
from bench.contacts import add_contact, add_relay
from bench.lines import Plug
from support.waiting import wait_until

# Reads the line as a program with parity checking does: a break is FF 00 00.
LISTEN = """
import os, termios
port = os.open("/dev/ttyS1", os.O_RDWR | os.O_NOCTTY)
settings = termios.tcgetattr(port)
settings[0] = termios.INPCK | termios.PARMRK
settings[1] = settings[3] = 0
settings[2] = termios.CS7 | termios.PARENB | termios.CREAD | termios.CLOCAL
settings[4] = settings[5] = termios.B1200
settings[6][termios.VMIN], settings[6][termios.VTIME] = 1, 0
termios.tcsetattr(port, termios.TCSAFLUSH, settings)
open("/run/listening", "w").close()
received = b""
while not received.endswith(b"!"):
    received += os.read(port, 100)
os.write(port, b"?")
termios.tcsendbreak(port, 0)
print(received.hex())
"""


def test_breaks_go_both_ways(machine, wire, peers):
    plug = peers(Plug(machine.serial_line))
    listener = machine.start("rm -f /run/listening; exec python3 -", input=LISTEN.encode())
    machine.wait_until("test -e /run/listening", 30)
    machine.send_break()
    plug.write(b"B!")
    assert plug.read(1) == b"?"
    lengths = wire.wait_break()
    assert listener.wait().output.strip() == b"\xff\x00\x00B!".hex()
    # tcsendbreak's own quarter of a second.
    assert lengths[0] >= 0.2
    assert wire.settings()[-1] == (1200, "E", 7, 1)


class Sensors:
    """The SDI-12 sensors of Tests/Peers, at the end of a port that makes parity and breaks itself."""

    def __init__(self, top, link, *sensors):
        arguments = [part for sensor in sensors for part in ("--sensor", *sensor)]
        self.path = link
        self._process = subprocess.Popen(
            [sys.executable, top / "Tests/Peers/sdi12_sensor.py", link, "--plain", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout.readline().startswith("READY")

    def close(self):
        self._process.terminate()
        self._process.wait(10)
        self._process.stdin.close()
        self._process.stdout.close()


# The specification's section on timing: the line is spacing for at least 12 ms, and then marking for at least 8.33 ms.
BREAK, MARK = 0.012, 0.00833


@pytest.fixture
def sdi12(board, bridge, peers, top, tmp_path):
    sensors = peers(Sensors(top, tmp_path / "sdi12", ("0", "M:1:3.14,-2.718"), ("1", "C:1:1.5")))
    bridge(board.machine.serial_line, sensors.path)
    board.site.add("serial.field", device="/dev/ttyS1", baud=1200, frame="7E1")
    for name, address, measure, value in (
            ("river-1", "0", "M", 1), ("river-2", "0", "M", 2), ("well-1", "1", "C", 1)):
        board.site.add(
            "[sensor]", id=name, name=f"水位計 {name}", driver="sdi12", serial="field", address=address,
            measure=measure, value=value, crc=True, quantity="water_level", range=[-10.0, 10.0], every="2s",
            timeout="20s", stale_after="60s")
    return board


def test_sdi12_runs_at_1200_7e1_with_breaks_on_a_real_port(sdi12, wire, subscriber):
    sdi12.start()
    for name, value in (("river-1", 3.14), ("river-2", -2.718), ("well-1", 1.5)):
        message = subscriber.wait_for(
            lambda message: message.topic == sdi12.topic("observation", name) and message.json().get("value") is not None,
            90, f"{name} is read")
        assert message.json()["value"] == pytest.approx(value)
    # What the port was set to, by QEMU's word and by the kernel's.
    assert wire.settings()[-1] == (1200, "E", 7, 1)
    settings = sdi12.machine.says("stty -F /dev/ttyS1 -a")
    assert "speed 1200 baud" in settings
    assert {"cs7", "parenb", "-parodd", "-cstopb", "-crtscts", "clocal"} <= set(settings.replace(";", "").split())
    assert "not set as configured" not in sdi12.journal()
    assert "cannot make a break" not in sdi12.journal()
    sdi12.stop()
    sent = wire.sent()
    assert sent[0][2] is None, "the first command follows a break"
    # The gateway counts both from when the port had it: however long the emulation stands still, each is long enough.
    breaks = [end - begin for begin, end, character in sent if character is None]
    marks = [now[0] - before[1] for before, now in zip(sent, sent[1:]) if before[2] is None]
    assert min(breaks) >= BREAK and min(marks) >= MARK, (breaks, marks)
    assert all(character is None or character < 0x80 for _, _, character in sent), "seven bits, parity by the port"
    commands = "".join("|" if character is None else chr(character) for _, _, character in sent)
    assert "|0MC!" in commands and "0D0!" in commands and "1CC!" in commands and "1D0!" in commands


# Holds the port's output back, or lets it go on, whoever writes.
HOLD = """
import os, sys, termios
termios.tcflow(os.open("/dev/ttyS1", os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY), getattr(termios, sys.argv[1]))
"""


def test_a_port_that_sends_nothing_holds_up_neither_the_siren_nor_the_gateway(sdi12, make_chip, subscriber):
    chip = make_chip()
    add_contact(sdi12, "underpass", 4, bias="as-is")
    add_relay(sdi12, 7, "underpass")
    chip.pull(4, True)
    chip.pull(7, False)
    sdi12.start()

    def river(is_read):
        told = [message.json() for message in subscriber.snapshot() if message.topic == sdi12.topic("observation", "river-1")]
        return bool(told) and (told[-1]["value"] is not None) == is_read

    wait_until(lambda: river(True), 90, sdi12.journal)
    sdi12.machine.run("python3 - TCOOFF", input=HOLD.encode())
    wait_until(lambda: river(False), 90, sdi12.journal)
    chip.pull(4, False)
    wait_until(lambda: chip.value(7) == 1, 10, sdi12.journal)
    sdi12.machine.run("python3 - TCOON", input=HOLD.encode())
    wait_until(lambda: river(True), 90, sdi12.journal)
    assert sdi12.properties("NRestarts") == {"NRestarts": "0"}, sdi12.journal()
