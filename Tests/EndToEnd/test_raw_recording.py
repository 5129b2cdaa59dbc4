"""A recording of bytes and edges replays through the codecs to what was raised, tick for tick."""

import json
import os
import resource
import signal
import subprocess
import threading
import time

import pytest
from scripted_controller import ScriptedController
from support.modbus_line import ModbusLine, add_unit
from support.recordings import all_comparable, call, numbered, replayed
from support.waiting import wait_until
from ultrasonic import Ultrasonic

TAG = bytes.fromhex("e2c56db5dffb48d2b060d0f5a71096e003e90007")
STRANGER = bytes.fromhex("8deefbb9f7384297804096668bb4428113880f4e")


def raised(folder):
    return all_comparable(numbered(folder))


def raised_again(program, folder, recording, *arguments):
    return all_comparable(replayed(program, folder, recording, *arguments))


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


SCENARIO = """
duration = "26s"
[[tag]]
name = "first-grader"
format = "ibeacon"
identifier = "e2c56db5dffb48d2b060d0f5a71096e003e90007"
interval = "300ms"
[[tag]]
name = "passer-by"
format = "ibeacon"
identifier = "8deefbb9f7384297804096668bb4428113880f4e"
interval = "300ms"
"""
EVENTS = [
    ("0s", "river-1", "level = 1.4"), ("0s", "canal-1", "level = 0.8"), ("1s", "gate-north", 'tag = "passer-by", signal = -60'),
    ("2s", "gate-north", 'tag = "first-grader", signal = -62'), ("2s", "underpass-1", "wet = true"),
    ("3s", "rain-1", 'tips = 12, over = "6s"'), ("4s", "river-1", 'level = 4.6, over = "4s"'),
    ("5s", "canal-1", "garbled = true"), ("7s", "canal-1", "garbled = false"), ("8s", "canal-1", "level = 1.9"),
    ("11s", "river-1", "silent = true"), ("14s", "river-1", "silent = false"), ("14s", "river-1", "garbled = true"),
    ("17s", "river-1", "garbled = false"), ("15s", "underpass-1", "wet = false"), ("18s", "ultrasonic", "unplugged = true"),
    ("21s", "ultrasonic", "unplugged = false"), ("20s", "gate-north", "silent = true"),
]


def test_a_simulated_site_with_troubles_replays_through_the_codecs(program, demo_site):
    events = sorted(EVENTS, key=lambda event: float(event[0][:-1]))
    (demo_site / "scenario.toml").write_text(SCENARIO + "".join(
        f'[[event]]\nat = "{at}"\ndevice = "{device}"\nset = {{ {setting} }}\n' for at, device, setting in events))
    call(program, "simulate", "--config", "gateway.toml", "--scenario", "scenario.toml", "--record", "site.jsonl",
         "--raw", folder=demo_site)
    live = raised(demo_site / "state")
    recording = demo_site / "site.jsonl"

    assert {message.get("kind") for message in live} >= {"water_level", "arrival"}, live
    assert raised_again(program, demo_site, "site.jsonl") == live
    assert raised_again(program, demo_site, "site.jsonl", "--readings") == live

    lines = lines_of(recording)
    assert {line["port"] for line in lines if "rx" in line} == {"rs485", "ultrasonic"}
    assert {line["sensor"] for line in lines if "edge" in line} == {"underpass-1", "rain-1"}
    assert any("tx" in line for line in lines) and any(line.get("event") == "failed" for line in lines)
    # A port that hears tags is told by the lengths of its frames, and by the hashes of those on the list.
    assert any(line.get("frames") for line in lines if line.get("port") == "beacon")
    text = recording.read_text()
    for tag in (TAG, STRANGER):
        assert tag.hex() not in text
    assert recording.stat().st_mode & 0o777 == 0o600

    # Without the readings beside them, the bytes and edges tell the same: of the sensors whose wires were recorded.
    raw = {"river-1", "canal-1", "underpass-1", "rain-1"}
    bare = [line for line in recording.read_text().splitlines()
            if json.loads(line).get("sensor") not in raw or "edge" in line or '"event"' in line]
    assert len(bare) < len(lines)
    (demo_site / "bare.jsonl").write_text("\n".join(bare) + "\n")
    assert raised_again(program, demo_site, "bare.jsonl") == live
    # The same bytes for the same bytes, whatever is cut off at the end of a line.
    whole = call(program, "replay", "--config", "gateway.toml", "--input", "site.jsonl", folder=demo_site)
    for share in (0.1, 0.35, 0.6, 0.9):
        part = recording.read_text().splitlines(keepends=True)
        (demo_site / "part.jsonl").write_text("".join(part[:int(len(part) * share)]))
        said = call(program, "replay", "--config", "gateway.toml", "--input", "part.jsonl", folder=demo_site)
        assert whole.startswith(said)


def spoil(sensor, chance, ended):
    """Noise between the frames of a sensor."""
    while not ended.wait(0.13):
        sensor.terminal.write(bytes(chance.randrange(256) for _ in range(chance.randrange(1, 9))))


def test_independent_peers_with_noise_replay_to_the_same_readings_and_alerts(
        top, program, site, broker, peers, chance, tmp_path):
    line = peers(ModbusLine(top, tmp_path / "rs485", "--units", "1,2", "--pace", "9600"))
    gauge = peers(Ultrasonic(tmp_path / "gauge", distance=3500))
    site.mqtt_table["port"] = broker.port
    site.add("serial.rs485", device=line.path, baud=9600, frame="8E1")
    for unit in (1, 2):
        add_unit(site, unit, every="200ms", stale_after="2s")
    site.add("[flood]", sensor="river-1", levels={"danger": 3.0}, confirm=1, release={"margin": 0.0, "hold": "0s"})
    site.add_ultrasonic("canal-1", gauge.terminal.path, levels={"danger": 2.0}, stale_after="2s")
    gateway = site.start(arguments=["--record", "site.jsonl", "--raw"]).wait_ready()
    ended = threading.Event()
    noise = threading.Thread(target=spoil, args=(gauge, chance, ended), daemon=True)
    noise.start()
    try:
        for action in (
                lambda: line.tell("set", 1, 0, 3100), lambda: line.tell("garble", 2), lambda: setattr(gauge, "distance", 2300),
                lambda: line.tell("silent", 1), lambda: line.tell("heal", 2), lambda: line.tell("heal", 1),
                gauge.terminal.unplug, gauge.terminal.plug, lambda: setattr(gauge, "distance", 3500)):
            time.sleep(1)
            action()
        time.sleep(3)
    finally:
        ended.set()
        noise.join()
    assert gateway.stop() == 0
    live = raised(site.state)
    assert {(m["sensor"], m["kind"]) for m in live} >= {("river-1", "water_level"), ("canal-1", "water_level")}
    assert raised_again(program, site.folder, "site.jsonl") == live
    assert raised_again(program, site.folder, "site.jsonl", "--readings") == live
    result = site.call("replay", "--config", site.configuration, "--input", "site.jsonl")
    assert "not those that this configuration makes" not in result.stderr
    # With another register the requests are others: that is said.
    text = site.configuration.read_text()
    other = site.folder / "other.toml"
    other.write_text(text.replace("address = 0", "address = 3", 1))
    result = site.call("replay", "--config", other, "--input", "site.jsonl")
    assert result.returncode == 0 and "not those that this configuration makes" in result.stderr


def answer(value):
    """What unit 1 answers when its input register is read, with the CRC of the Modbus serial line specification."""
    frame = bytes([1, 4, 2]) + value.to_bytes(2, "big")
    crc = 0xFFFF
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return (frame + crc.to_bytes(2, "little")).hex()


def test_bytes_alone_replay_as_a_line_analyser_wrote_them(site):
    site.add("serial.rs485", device="/dev/ttyS98", baud=9600, frame="8E1")
    add_unit(site, 1, every="10s", stale_after="60s")
    site.add("[flood]", sensor="river-1", levels={"danger": 4.0}, confirm=1, release={"margin": 0.0, "hold": "0s"})
    site.add_ultrasonic("canal-1", "/dev/ttyS99", levels={"danger": 2.0})
    site.write()
    # Unit 1 holds millimetres. The distance of 2.3 m under 4.5 m is 2.2 m; a frame so soon after a stray byte is doubted,
    # and the next one is not.
    lines = [
        '{"mono":80.9,"time":"2025-09-24T02:50:00+09:00","boot":"b1","event":"start"}',
        '{"mono":81.020,"port":"rs485","rx":"' + answer(4120) + '"}',
        '{"mono":81.5,"port":"ultrasonic","rx":"00ff08"}',
        '{"mono":82.0,"port":"canal-1","rx":"00ff08fc"}', '{"mono":82.002,"port":"canal-1","rx":"03"}',
        '{"mono":82.102,"port":"canal-1","rx":"ff08fc03"}',
        '{"mono":91.020,"port":"rs485","rx":"' + answer(3900) + '"}',
    ]
    result = site.call("replay", "--config", site.configuration, input="\n".join(lines) + "\n")
    assert result.returncode == 0, result.stderr
    alerts = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(a["sensor"], a["message"], a["observed"]["value"]) for a in alerts] == [
        ("river-1", "raise", 4.12), ("canal-1", "raise", 2.2), ("river-1", "clear", 3.9)], alerts
    assert "1 lines with raw bytes or edges were passed over" in result.stderr


@pytest.mark.parametrize("line, reason", [
    ('{"mono":5,"port":"rs485","rx":"0104021"}', "pairs of hexadecimal digits"),
    ('{"mono":5,"port":"rs485","rx":"01040210', "ends in the middle"),
    ('{"mono":5,"port":"rs485","rx":7}', "not a string"), ('{"mono":5,"port":"rs485"}', '"rx" or "tx"'),
    ('{"mono":5,"port":"rs485","event":"eaten"}', '"opened", "woken", "commanded" or "failed"'),
    ('{"mono":5,"sensor":"rain-1","event":"opened"}', '"levels"'), ('{"mono":3,"port":"rs485","rx":"00"}', "out of order"),
])
def test_a_raw_line_that_cannot_be_read_ends_with_65(site, line, reason):
    site.add("serial.rs485", device="/dev/ttyS98", baud=9600, frame="8E1")
    add_unit(site, 1)
    site.write()
    recording = site.folder / "bad.jsonl"
    recording.write_text('{"mono":4,"time":"2025-09-24T02:50:00+09:00","port":"rs485","event":"opened"}\n' + line + "\n")
    result = site.call("replay", "--config", site.configuration, "--input", recording)
    assert result.returncode == 65
    assert f"{recording}:2: " in result.stderr and reason in result.stderr


def test_a_bluetooth_port_is_recorded_in_the_clear_only_when_asked_for(site, peers, tmp_path):
    controller = peers(ScriptedController(tmp_path / "beacon"))
    controller.add("bag", "ibeacon", TAG, interval=0.05)
    controller.set_signal("bag", -60)
    site.add_receiver("gate", controller.terminal.path)
    site.write()
    for name, options in (("hashed.jsonl", []), ("clear.jsonl", ["--clear-ids"])):
        recorder = site.start(command="record", arguments=["--output", name, "--raw", *options])
        wait_until((site.folder / name).exists, 20, "it records")
        before = controller.tags["bag"].heard
        wait_until(lambda: controller.tags["bag"].heard > before + 20, 20, "the tag is heard")
        assert recorder.stop() == 0
        text = (site.folder / name).read_text()
        lines = lines_of(site.folder / name)
        assert (site.folder / name).stat().st_mode & 0o777 == 0o600
        if options:
            assert any(TAG.hex() in line.get("rx", "") for line in lines) and "in the clear" in recorder.errors()
            assert TAG.hex() in [line.get("id") for line in lines]
        else:
            assert not any("rx" in line or "tx" in line for line in lines) and TAG.hex() not in text
            assert sum(len(line.get("frames", [])) for line in lines) > 20
        assert site.call("replay", "--config", site.configuration, "--input", name).returncode == 0


def test_a_disk_that_is_full_ends_the_recording_with_74_and_is_said_once(site, peers, tmp_path):
    gauge = peers(Ultrasonic(tmp_path / "gauge", interval=0.01))
    site.add_ultrasonic("river-1", gauge.terminal.path)
    site.write()

    def limit():
        # A file of 20 kB is all that the disk takes.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    result = subprocess.run(
        [site.program, "record", "--config", site.configuration, "--output", "site.jsonl", "--raw"], cwd=site.folder,
        preexec_fn=limit, restore_signals=False, capture_output=True, text=True, timeout=60)
    assert result.returncode == 74
    assert "make room on the disk" in result.stderr
    assert (site.folder / "site.jsonl").stat().st_size <= 20_000


def test_a_reload_is_an_event_in_the_recording_that_goes_on(site, broker, peers, tmp_path):
    gauge = peers(Ultrasonic(tmp_path / "gauge", interval=0.05))
    site.mqtt_table["port"] = broker.port
    site.add_ultrasonic("river-1", gauge.terminal.path, levels={"danger": 2.0}, stale_after="5s")
    gateway = site.start(arguments=["--record", "site.jsonl", "--raw"]).wait_ready()
    recording = site.folder / "site.jsonl"
    wait_until(lambda: '"rx"' in recording.read_text(), 10, "bytes are recorded")
    gateway.process.send_signal(signal.SIGHUP)
    gateway.wait_said("Watching.", times=2)
    gauge.distance = 2000
    wait_until(lambda: '"value":2.5' in recording.read_text(), 10, "the recording goes on")
    assert gateway.stop() == 0
    events = [line["event"] for line in lines_of(recording) if "event" in line and "port" not in line]
    assert events == ["start", "reload", "stop"]
    alerts = raised_again(site.program, site.folder, "site.jsonl")
    assert [(alert["message"], alert["observed"]["value"]) for alert in alerts] == [("raise", 2.5)]
    assert os.path.getsize(recording) > 0
