"""Ports and sensors that fail or never were there: the gateway says so clearly, once, and watches on."""

import fcntl
import os
import termios
import time

import pytest
from support.children import holders
from support.one_gauge import CAUTION, DANGER, LEVELS, messages_of, river, sensor, wait_messages, without
from support.waiting import assert_holds, wait_until
from terminal import Terminal
from ultrasonic import NO_TARGET


def test_a_port_that_is_missing_at_the_start_is_used_as_soon_as_it_is_there(river, sensor, subscriber):
    sensor.terminal.unplug()
    sensor.distance = CAUTION
    gateway = river.start().wait_ready()
    gateway.wait_said(sensor.terminal.path)
    wait_messages(subscriber, ["raise"], kind="sensor_fault")
    assert messages_of(subscriber, kind="sensor_fault")[0]["fault"] == "port_missing"
    said = gateway.errors().count(sensor.terminal.path)
    # It is tried again all the time; that is not said again.
    assert_holds(lambda: gateway.errors().count(sensor.terminal.path) == said, 2, gateway.errors)
    assert gateway.is_running and said <= 2, gateway.errors()
    sensor.terminal.plug()
    wait_messages(subscriber, ["raise"])
    wait_messages(subscriber, ["raise", "clear"], kind="sensor_fault")
    assert f"{sensor.terminal.path} is back" in gateway.errors()


def test_a_port_that_goes_away_and_comes_back_recovers(river, sensor, subscriber):
    sensor.distance = CAUTION
    gateway = river.start().wait_ready()
    wait_messages(subscriber, ["raise"])
    for turn in (1, 2):
        sensor.terminal.unplug()
        wait_until(lambda: "raise" == [a["message"] for a in messages_of(subscriber, kind="sensor_fault")][-1:][0]
                   if len(messages_of(subscriber, kind="sensor_fault")) == 2 * turn - 1 else False, 15, "the fault")
        said = gateway.errors().count(sensor.terminal.path)
        assert_holds(lambda: gateway.errors().count(sensor.terminal.path) == said, 1, gateway.errors)
        sensor.terminal.plug()
        wait_messages(subscriber, ["raise", "clear"] * turn, kind="sensor_fault")
    assert gateway.errors().count(f"{sensor.terminal.path} is back") == 2
    assert gateway.errors().count(sensor.terminal.path) <= 6, "for each turn: lost, missing, back"
    # Losing the port cleared nothing; the river is believed again.
    assert [a["message"] for a in messages_of(subscriber)] == ["raise"]
    sensor.distance = DANGER
    wait_messages(subscriber, ["raise", "update"])
    assert gateway.is_running


@pytest.mark.parametrize("claim", ["lock", "exclusive mode"])
def test_a_port_that_another_program_holds_is_left_to_it_until_it_is_free(river, sensor, subscriber, claim):
    """What serial programs do to be alone on a port: a lock, or the terminal's exclusive mode."""
    sensor.distance = CAUTION
    other = os.open(sensor.terminal.path, os.O_RDWR | os.O_NOCTTY)
    try:
        if claim == "lock":
            fcntl.flock(other, fcntl.LOCK_EX)
        else:
            fcntl.ioctl(other, termios.TIOCEXCL)
        # The exclusive mode does not count for an administrator, so the gateway is none here.
        gateway = river.start(wrapper=without("sys_admin")).wait_ready()
        wait_messages(subscriber, ["raise"], kind="sensor_fault")
        assert messages_of(subscriber, kind="sensor_fault")[0]["fault"] == "port_busy"
        assert gateway.errors().count(sensor.terminal.path) <= 2 and "program" in gateway.errors()
    finally:
        fcntl.ioctl(other, termios.TIOCNXCL)
        os.close(other)
    wait_until(
        lambda: f"{sensor.terminal.path} is back" in gateway.errors(), 15,
        lambda: f"the gateway takes the port; {holders(sensor.terminal.path)} hold it, and it said: {gateway.errors()}")
    wait_messages(subscriber, ["raise"])


def test_a_device_that_is_no_serial_port_fails_alone(river, sensor, subscriber, tmp_path):
    (tmp_path / "file").write_text("not a port")
    river.add_ultrasonic("canal-1", tmp_path / "file", levels=LEVELS, stale_after="1s")
    sensor.distance = CAUTION
    gateway = river.start().wait_ready()
    wait_messages(subscriber, ["raise"])
    wait_messages(subscriber, ["raise"], sensor="canal-1", kind="sensor_fault")
    assert "no serial port" in gateway.errors()


@pytest.mark.parametrize("trouble, fault", [("garbled", None), ("silent", None), ("no target", "no_target"),
                                            ("blind zone", "blind_zone")])
def test_a_sensor_without_a_believable_value_is_a_fault_and_clears_nothing(river, sensor, subscriber, trouble, fault):
    sensor.distance = DANGER
    river.start().wait_ready()
    wait_messages(subscriber, ["raise"])
    match trouble:
        case "no target": sensor.distance = NO_TARGET
        case "blind zone": sensor.distance = 20
        case _: setattr(sensor, trouble, True)
    wait_messages(subscriber, ["raise"], kind="sensor_fault")
    word = messages_of(subscriber, kind="sensor_fault")[0]["fault"]
    assert word == fault if fault else word, word
    assert [a["message"] for a in messages_of(subscriber)] == ["raise"]


def test_a_terminal_that_only_makes_noise_stops_nothing(river, sensor, subscriber, peers, tmp_path, chance):
    """Random bytes on one port: the other goes on, and the noise is a fault and no level."""
    noisy = peers(Terminal(tmp_path / "noise"))
    river.add_ultrasonic("canal-1", noisy.path, levels={"caution": 0.1}, stale_after="1s", confirm=3)
    gateway = river.start().wait_ready()
    begun = time.monotonic()
    while time.monotonic() - begun < 2:
        # No 0xFF: what could be a frame with a right checksum would be one.
        noisy.write(bytes(chance.randrange(255) for _ in range(64)))
        time.sleep(0.01)
    sensor.distance = CAUTION
    wait_messages(subscriber, ["raise"])
    assert gateway.is_running
    assert messages_of(subscriber, sensor="canal-1") == []
