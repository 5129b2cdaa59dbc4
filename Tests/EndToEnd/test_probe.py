"""`probe` on real terminals: names what it finds, writes what `check` accepts, and shows nobody who is near."""

import re
import signal
import subprocess
import time

import pytest
from scripted_controller import ScriptedController
from support.modbus_line import ModbusLine
from support.waiting import wait_until
from terminal import Terminal
from ultrasonic import Ultrasonic

TAG = bytes.fromhex("e2c56db5dffb48d2b060d0f5a71096e003e90007")


@pytest.fixture
def probe(program, tmp_path):
    def run(*arguments, status=0, seconds=120):
        result = subprocess.run(
            [program, "probe", *map(str, arguments)], cwd=tmp_path, capture_output=True, text=True, timeout=seconds)
        assert result.returncode == status, result.stderr
        return result

    return run


def block_of(output):
    """The tables to paste."""
    start = output.index("[serial.probed]")
    return output[start:]


def check(site, block):
    text = site.write().read_text() + "\n" + block
    site.configuration.write_text(text)
    result = site.call("check", "--config", site.configuration)
    assert result.returncode == 0, result.stderr + result.stdout


def test_a_sensor_that_talks_by_itself_is_named_and_its_block_reads_it(probe, site, peers, broker, subscriber, tmp_path):
    gauge = peers(Ultrasonic(tmp_path / "gauge", distance=1953))
    result = probe("serial", gauge.terminal.path, "--for", "1s")
    assert "A02YYUW" in result.stdout and "9600 8N1" in result.stdout
    assert re.search(r"ff07a1a7 +1953 mm", result.stdout), "raw frames stand beside what they mean"
    assert "listening at 9600 8N1" in result.stderr and "listening" not in result.stdout
    site.mqtt_table["port"] = broker.port
    block = block_of(result.stdout).split("   0.0")[0]
    check(site, "\n".join(line for line in block.splitlines() if not re.match(r" +\d+\.\d+ s", line)))
    # The pasted block is enough to measure: 4.0 - 1.953 m.
    gateway = site.start().wait_ready()
    reading = subscriber.wait_for(
        lambda message: message.topic == site.topic("observation", "level-1"), 70, "the probed sensor is read")
    assert reading.json()["value"] == 2.047
    # A port that the gateway has is not taken from it.
    held = probe("serial", gauge.terminal.path, status=75)
    assert str(gateway.process.pid) in held.stderr and "uses it" in held.stderr and held.stdout == ""
    assert gateway.stop() == 0


def test_modbus_addresses_are_found_and_their_registers_shown(top, probe, site, peers, tmp_path):
    line = peers(ModbusLine(top, tmp_path / "rs485", "--units", "3,17", "--pace", "9600"))
    # The server answers for absent units, too: those are made silent.
    for unit in range(1, 21):
        if unit not in (3, 17):
            line.tell("silent", unit)
    line.tell("set", 3, 2, 65535)
    result = probe("serial", line.path, "--addresses", "1-20", "--for", "1s")
    assert re.findall(r"Modbus address (\d+) at 9600 8E1", result.stdout) == ["3", "17"]
    assert "input 2 = 65535 (signed -1)" in result.stdout and "holding 0 = 17000" in result.stdout
    assert re.search(r"110400000001335a > 110402426849bd +unit 17 input 0: 17000", result.stdout)
    assert "asking Modbus addresses at 9600 8E1" in result.stderr
    block = [text for text in block_of(result.stdout).splitlines() if not re.match(r" +\d+\.\d+ s", text)]
    check(site, "\n".join(block))


def test_a_line_on_which_nothing_answers_ends_with_1(probe, peers, tmp_path):
    terminal = peers(Terminal(tmp_path / "empty"))
    result = probe("serial", terminal.path, "--baud", "19200", "--frame", "8E1", "--addresses", "1-3", status=1)
    assert "nothing answers" in result.stdout and "Nothing was found" in result.stderr
    asked = b""
    while piece := terminal.read(0.1):
        asked += piece
    # Whatever is asked only reads: functions 3 and 4, and a controller's version.
    frames = asked.replace(bytes.fromhex("01011000"), b"")
    assert len(frames) % 8 == 0 and {frames[i + 1] for i in range(0, len(frames), 8)} == {3, 4}


def test_a_bluetooth_controller_is_found_and_heard_without_naming_anybody(probe, site, program, peers, tmp_path):
    controller = peers(ScriptedController(tmp_path / "beacon"))
    controller.add("bag", "ibeacon", TAG, interval=0.05)
    controller.set_signal("bag", -63)
    found = probe("serial", controller.terminal.path)
    assert "a Bluetooth controller (HCI) at 1000000 8N1" in found.stdout
    check(site, block_of(found.stdout))

    first = probe("ble", controller.terminal.path, "--for", "2s")
    second = probe("ble", controller.terminal.path, "--for", "2s")
    assert "ibeacon: 1 tags" in first.stdout and "listening" in first.stdout and "█" in first.stdout
    hashes = [re.search(r"^([0-9a-f]{16}) ", result.stdout, re.M)[1] for result in (first, second)]
    assert hashes[0] != hashes[1], "a key of its own for each run"
    for result in (found, first, second):
        assert TAG.hex()[:16] not in result.stdout + result.stderr
    clear = probe("ble", controller.terminal.path, "--for", "1s", "--clear-ids")
    assert TAG.hex() in clear.stdout and "in the clear" in clear.stderr

    # With the group's key the hash is the watch list's own.
    (site.folder / "tag-key").write_text(bytes(range(32)).hex() + "\n")
    site.add_receiver("gate", controller.terminal.path)
    site.add("watchlist", group="east", tag_keys={"2026-11": "tag-key"})
    site.write()
    known = probe("ble", "--config", site.configuration, "--for", "2s")
    assert "4bf5b741cefc52ec" in known.stdout
    assert controller.noise == 0 or TAG.hex() not in known.stdout


def test_a_receiver_that_says_nothing_ends_with_1(probe, peers, tmp_path):
    terminal = peers(Terminal(tmp_path / "mute"))
    result = probe("ble", terminal.path, "--for", "2s", status=1)
    assert "not listening" in result.stdout and "does not say that it listens" in result.stderr


def test_control_c_ends_it_cleanly_with_what_there_is(program, peers, tmp_path):
    gauge = peers(Ultrasonic(tmp_path / "gauge", distance=1000))
    process = subprocess.Popen(
        [program, "probe", "serial", gauge.terminal.path, "--for", "10m"], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)
    line = ""
    while "1000 mm" not in line:
        line = process.stdout.readline()
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    output, error = process.communicate(timeout=10)
    assert process.returncode == 0 and time.monotonic() - began < 2, error
    # The port is free again at once.
    wait_until(lambda: gauge.terminal.is_plugged, 1, "the terminal is there")
    assert subprocess.run(
        [program, "probe", "serial", gauge.terminal.path], capture_output=True, timeout=60).returncode == 0


@pytest.mark.parametrize("arguments, status", [
    (["serial", "nowhere"], 69), (["serial", "/dev/null"], 74), (["gpio", "/dev/gpiochip99"], 69),
    (["gpio", "/dev/gpiochip99", "4", "--for", "1s"], 69), (["ble", "nowhere"], 69),
    (["serial", "/dev/null", "--addresses", "0-300"], 64), (["serial", "/dev/null", "--frame", "9X9"], 64),
    (["serial", "/dev/null", "--for", "soon"], 64), (["gpio", "--bias", "sideways"], 64), (["smell"], 64),
    (["ble", "--config", "nowhere.toml"], 66),
])
def test_what_cannot_be_done_has_its_own_status(probe, arguments, status):
    result = probe(*arguments, status=status)
    assert result.stderr.strip() and result.stdout == ""


def test_without_arguments_it_shows_the_board(probe):
    result = probe()
    for word in ("Serial ports", "GPIO chip", "Bluetooth"):
        assert word in result.stdout
    assert probe("serial").returncode == 0 and probe("gpio").returncode == 0
