"""A USB serial adapter that is pulled out and put back, with a Modbus gauge behind it and a flood going on."""

import time

import pytest
from support.modbus_line import ModbusLine
from support.waiting import assert_holds, wait_until

RIVER = "/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_RIVER-if00-port0"
# What is asked for: readings resume so soon after plugging in.
RESUME_SECONDS = 5


class Adapter:
    """The river's adapter: which plug it is in changes nothing about what is behind it."""

    def __init__(self, machine):
        self._machine = machine
        self._count = 0

    def plug(self):
        self._count += 1
        self._machine.plug_usb_serial(f"river-{self._count}", "usb-a", "RIVER")

    def unplug(self):
        self._machine.unplug(f"river-{self._count}")
        self._machine.wait_until(f"! test -e {RIVER}", 20)

    def node(self):
        return self._machine.says(f"readlink -f {RIVER}")


@pytest.fixture
def adapter(board, top, bridge, peers, tmp_path):
    line = peers(ModbusLine(top, tmp_path / "gauge", "--units", "1", "--set", "1:0=4200"))
    bridge(board.machine.usb_line("usb-a"), line.path)
    board.site.add("serial.rs485", device=RIVER, baud=9600, frame="8E1")
    board.site.add(
        "[sensor]", id="river-1", name="加古川 国包橋", driver="modbus", serial="rs485", unit=1, scale=0.001, offset=0.0,
        register={"table": "input", "address": 0, "type": "uint16"}, quantity="water_level", range=[-1.0, 10.0],
        every="1s", stale_after="5s")
    board.site.add(
        "[flood]", sensor="river-1", levels={"danger": 4.0}, confirm=2, release={"margin": 0.1, "hold": "10m"})
    adapter = Adapter(board.machine)
    yield adapter
    if board.machine.run(f"test -e {RIVER}", check=False).status == 0:
        adapter.unplug()


class Watch:
    """What people were told."""

    def __init__(self, board, subscriber):
        self._board = board
        self._subscriber = subscriber

    def alerts(self):
        alerts = [message.json() for message in self._subscriber.on("/alert")]
        return [(alert["kind"], alert["message"]) for alert in alerts]

    def wait(self, kind, message, seconds, times=1):
        wait_until(
            lambda: self.alerts().count((kind, message)) >= times, seconds,
            lambda: f"{times} times {kind} {message}; alerts: {self.alerts()}\n{self._board.journal()}")

    def is_flood_active(self):
        active = [message for message in self._subscriber.on("/active") if message.payload]
        return any(alert["kind"] == "water_level" for alert in active[-1].json()["alerts"])

    def sound_readings(self):
        """When and what the last sound reading was, as told."""
        readings = [message.json() for message in self._subscriber.on("/observation/river-1")]
        return [reading for reading in readings if reading.get("fault") is None]


def pull_and_wait_for_the_fault(adapter, watch, times):
    adapter.unplug()
    watch.wait("sensor_fault", "raise", 40, times)
    # It stays one fault, and the flood stays a flood, while the adapter is out.
    assert_holds(
        lambda: watch.alerts().count(("sensor_fault", "raise")) == times and watch.is_flood_active(), 4,
        lambda: f"one fault and the flood: {watch.alerts()}", every=0.2)


def plug_and_wait_for_readings(adapter, watch, capsys, told, times):
    before = len(watch.sound_readings())
    adapter.plug()
    plugged = time.monotonic()
    wait_until(lambda: len(watch.sound_readings()) > before, 40, lambda: f"a reading; {watch.alerts()}")
    seconds = time.monotonic() - plugged
    with capsys.disabled():
        print(f"\na reading {seconds:.1f} s after plugging in ({adapter.node()})")
    assert seconds < RESUME_SECONDS
    watch.wait("sensor_fault", told, 40, times)
    assert watch.is_flood_active()


def test_an_adapter_pulled_out_during_a_flood(board, adapter, subscriber, capsys):
    machine = board.machine
    # The board was switched on without it: not even the driver's module has been loaded.
    machine.run("modprobe -r ftdi_sio usbserial")
    watch = Watch(board, subscriber)
    board.start()
    watch.wait("sensor_fault", "raise", 60)
    adapter.plug()
    watch.wait("water_level", "raise", 60)
    watch.wait("sensor_fault", "clear", 40)
    assert adapter.node() == "/dev/ttyUSB0"

    pull_and_wait_for_the_fault(adapter, watch, 2)
    plug_and_wait_for_readings(adapter, watch, capsys, "clear", 2)
    assert adapter.node() == "/dev/ttyUSB0"

    # Another adapter takes its number meanwhile.
    pull_and_wait_for_the_fault(adapter, watch, 3)
    machine.plug_usb_serial("stranger", "usb-b", "STRANGER")
    try:
        machine.wait_until("test -e /dev/ttyUSB0", 30)
        # For the third time: from now on the fault is told as one that comes and goes.
        plug_and_wait_for_readings(adapter, watch, capsys, "update", 1)
        assert adapter.node() == "/dev/ttyUSB1"
    finally:
        machine.unplug("stranger")
    assert watch.alerts().count(("water_level", "raise")) == 1
    assert ("water_level", "clear") not in watch.alerts()
    assert board.properties("NRestarts")["NRestarts"] == "0"
