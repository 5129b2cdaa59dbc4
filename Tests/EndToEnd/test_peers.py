"""The peers themselves, read back from the gateway's end of the line: a wrong peer would prove a wrong gateway."""

import os
import select
import struct
import time

import pytest
import scripted_controller
import ultrasonic
from scripted_controller import ScriptedController
from support.waiting import wait_until
from terminal import Terminal
from ultrasonic import Ultrasonic


class Port:
    """The gateway's end, opened by the path as the gateway would."""

    def __init__(self, path):
        self.descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    def read(self, count, seconds=2):
        data = b""
        deadline = time.monotonic() + seconds
        while len(data) < count and select.select([self.descriptor], [], [], max(0, deadline - time.monotonic()))[0]:
            data += os.read(self.descriptor, count - len(data))
        return data

    def write(self, data):
        os.write(self.descriptor, data)

    def close(self):
        os.close(self.descriptor)


def test_a_terminal_that_is_pulled_out_ends_the_open_port_and_its_path(tmp_path, peers):
    terminal = peers(Terminal(tmp_path / "port"))
    port = peers(Port(terminal.path))
    assert terminal.write(b"\x00\xff\n\r\x03")
    assert port.read(5) == b"\x00\xff\n\r\x03"
    port.write(b"\x11\x13\x1a")
    assert terminal.read(2) == b"\x11\x13\x1a"
    terminal.unplug()
    assert not os.path.lexists(terminal.path)
    assert os.read(port.descriptor, 1) == b""
    assert not terminal.write(b"x")
    terminal.plug()
    again = peers(Port(terminal.path))
    assert terminal.write(b"back")
    assert again.read(4) == b"back"


def test_what_is_sent_while_nobody_reads_is_lost_in_whole_frames(tmp_path, peers):
    terminal = peers(Terminal(tmp_path / "port"))
    # More than the kernel keeps for a terminal, 64 KiB, however it divides them.
    frames = [bytes([number % 256]) * 7 for number in range(20_000)]
    sent = [frame for frame in frames if terminal.write(frame)]
    assert terminal.lost == len(frames) - len(sent) > 0
    data = peers(Port(terminal.path)).read(200_000, seconds=0.5)
    assert data == b"".join(sent)


# Published examples: 1953 mm and 4500 mm.
@pytest.mark.parametrize("millimetres, expected", [(1953, "ff07a1a7"), (4500, "ff1194a4"), (30, "ff001e1d")])
def test_an_ultrasonic_sensor_sends_the_published_frames(tmp_path, peers, millimetres, expected):
    assert ultrasonic.frame(millimetres).hex() == expected
    sensor = peers(Ultrasonic(tmp_path / "port", distance=millimetres, interval=0.01))
    port = peers(Port(sensor.terminal.path))
    assert port.read(8).hex() == expected * 2


def test_an_ultrasonic_sensor_can_be_garbled_and_silenced(tmp_path, peers):
    sensor = peers(Ultrasonic(tmp_path / "port", distance=1953, interval=0.01))
    port = peers(Port(sensor.terminal.path))
    sensor.garbled = True
    wait_until(lambda: port.read(4).hex() == "ff07a1f2", 2, "a frame with a wrong checksum")
    sensor.silent = True
    wait_until(lambda: port.read(1, seconds=0.1) == b"", 2, "silence")


def command(opcode, parameters=b""):
    return struct.pack("<BHB", 1, opcode, len(parameters)) + parameters


def complete(port):
    """The opcode and status of the next Command Complete, and what follows."""
    header = port.read(3)
    assert header[:2] == b"\x04\x0e", header.hex()
    event = port.read(header[2])
    assert event[0] == 1
    return struct.unpack_from("<H", event, 1)[0], event[3], event[4:]


SCAN_PARAMETERS = struct.pack("<BHHBB", 0, 0x60, 0x60, 0, 0)


def test_a_controller_answers_what_a_host_asks(tmp_path, peers):
    controller = peers(ScriptedController(tmp_path / "port"))
    port = peers(Port(controller.terminal.path))
    script = [
        (0x0C03, b"", 0), (0x0C01, b"\xff" * 8, 0), (0x2001, b"\x1f" + bytes(7), 0), (0x1001, b"", 0), (0x1002, b"", 0),
        (0x1009, b"", 0), (0x2003, b"", 0), (0x2041, bytes(8), 0x01), (0x200B, SCAN_PARAMETERS, 0),
        (0x200B, b"\x00", 0x12), (0x200C, b"\x01\x00", 0), (0x200B, SCAN_PARAMETERS, 0x0C), (0x200C, b"\x00\x00", 0)]
    for opcode, parameters, status in script:
        port.write(command(opcode, parameters))
        answered, answer, _ = complete(port)
        assert (answered, answer) == (opcode, status)
    assert [entry[0] for entry in controller.commands] == [entry[0] for entry in script]


def test_a_controller_reports_tags_in_range_while_it_scans(tmp_path, peers):
    controller = peers(ScriptedController(tmp_path / "port"))
    identifier = bytes(range(20))
    near = controller.add("near", "ibeacon", identifier, interval=0.02)
    controller.add("far", "line", bytes(5), interval=0.02)
    controller.set_signal("near", -60)
    port = peers(Port(controller.terminal.path))
    assert port.read(1, seconds=0.1) == b"" and near.heard == 0
    port.write(command(0x200C, b"\x01\x00"))
    assert complete(port)[:2] == (0x200C, 0)
    for _ in range(5):
        assert port.read(2) == b"\x04\x3e"
        event = port.read(port.read(1)[0])
        assert event[:4] == bytes([2, 1, 3, 1]) and event[4:10] == near.address
        assert event[11:11 + event[10]] == bytes.fromhex("0201061aff4c000215") + identifier + b"\xc5"
        assert -62 <= struct.unpack("b", event[-1:])[0] <= -58
    controller.set_signal("near", None)
    port.read(10_000, seconds=0.1)
    assert port.read(1, seconds=0.1) == b""


@pytest.mark.parametrize("format, length", [("ibeacon", 20), ("altbeacon", 20), ("eddystone-uid", 16), ("line", 5)])
def test_advertisements_are_whole_and_fit_into_a_packet(format, length):
    data = scripted_controller.advertisement(format, bytes(length))
    assert len(data) <= 31
    while data:
        assert 1 <= data[0] < len(data)
        data = data[data[0] + 1:]
