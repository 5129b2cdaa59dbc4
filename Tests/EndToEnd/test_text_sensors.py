"""Sensors that speak SDI-12, MaxBotix's frames and lines of text, each a peer of its own on a real port."""

import pytest
from support.peer import PeerProcess
from support.waiting import wait_until
from talkers import LineAnswerer, LineTalker, MaxBotix, with_xor


def add_sensor(site, name, **values):
    site.add("[sensor]", **{
        "id": name, "name": f"水位計 {name}", "quantity": "water_level", "stale_after": "12s", **values})


def add_flood(site, name, danger):
    site.add("[flood]", sensor=name, levels={"danger": danger}, confirm=1, release={"margin": 0.0, "hold": "0s"})


def wait_observed(subscriber, site, sensor, seconds=90, **wanted):
    """The first observation of a sensor with these values."""
    return subscriber.wait_for(
        lambda message: message.topic == site.topic("observation", sensor)
        and all(message.json().get(key) == value for key, value in wanted.items()),
        seconds, f"{sensor} is observed with {wanted}").json()


def wait_alert(subscriber, site, sensor, kind, message="raise", seconds=90):
    return subscriber.wait_for(
        lambda each: each.topic == site.topic("alert") and each.json()["sensor"] == sensor
        and each.json()["kind"] == kind and each.json()["message"] == message,
        seconds, f"{sensor}: {message} of {kind}").json()


@pytest.fixture
def sdi12(top, site, broker, peers, tmp_path):
    """An SDI-12 line with a gauge of two values at 0, a slow one at 1 and a concurrent one at 2."""
    def make(*options, break_method=None, frame="7E1"):
        line = peers(PeerProcess(
            top, "sdi12_sensor.py", tmp_path / "sdi", "--sensor", "0", "M:0:+3.14,-2.5", "--sensor", "1", "M:2:1.75",
            "--sensor", "2", "C:1:+0.5", *options))
        site.mqtt_table["port"] = broker.port
        site.add("serial.sdi", device=tmp_path / "sdi", baud=1200, frame=frame, **{"break": break_method})
        common = {"driver": "sdi12", "serial": "sdi", "every": "2s", "timeout": "10s"}
        add_sensor(site, "river-1", **common, address="0", crc=True, identity="MIMAMORI")
        add_sensor(site, "river-2", **common, address="0", crc=True, value=2, identity="MIMAMORI")
        add_sensor(site, "river-3", **common, address="1")
        add_sensor(site, "river-4", **common, address="2", measure="C", crc=True, scale=-1.0, offset=4.2)
        add_flood(site, "river-1", 4.0)
        return line

    return make


# Parity by the program after the port refused it, by configuration; an adapter that speaks SDI-12 by itself.
LINES = {
    "7E1": ((), {}), "8N1": ((), {"frame": "8N1", "break_method": "byte"}), "echo": (("--echo",), {}),
    "adapter": (("--plain",), {"frame": "8N1", "break_method": "none"})}


@pytest.mark.parametrize("kind", LINES)
def test_sdi12_devices_are_measured(site, subscriber, sdi12, kind):
    options, line_options = LINES[kind]
    line = sdi12(*options, **line_options)
    gateway = site.start().wait_ready()
    assert wait_observed(subscriber, site, "river-1", value=3.14)["unit"] == "m"
    wait_observed(subscriber, site, "river-2", value=-2.5)
    wait_observed(subscriber, site, "river-3", value=1.75)
    wait_observed(subscriber, site, "river-4", value=3.7)
    stats = line.stats()
    assert stats["parity"] == 0 and stats["aborted"] == 0, stats
    assert (stats["breaks"] > 0) == (kind != "adapter"), stats
    assert stats["served"] > 0, "the slow device asks for service"
    assert set(stats["commands"]) <= {"0I", "0MC", "0D0", "1M", "1D0", "2CC", "2D0"}, stats
    warned = "in software" in gateway.errors()
    assert warned == (kind in ("7E1", "echo")), gateway.errors()


def test_sdi12_a_level_is_alerted_and_each_trouble_is_told(site, subscriber, sdi12):
    line = sdi12()
    site.start().wait_ready()
    wait_observed(subscriber, site, "river-1", value=3.14)
    line.tell("set", "0", "M", 1, "+4.05")
    alert = wait_alert(subscriber, site, "river-1", "water_level")
    assert alert["observed"]["value"] == 4.05
    # One flipped bit in each answer: the checksum finds it, and the level stays what it was.
    line.tell("garble", "0")
    wait_observed(subscriber, site, "river-1", fault="garbled_reply")
    wait_observed(subscriber, site, "river-3", value=1.75)
    values = {
        message.json()["value"] for message in subscriber.on("/observation/river-1")
        if message.json().get("value") is not None}
    assert values <= {3.14, 4.05}, values
    line.tell("heal", "0")
    line.tell("set", "0", "M", 1, "+2.0")
    wait_alert(subscriber, site, "river-1", "water_level", "clear", 90)
    line.tell("silent", "1")
    wait_observed(subscriber, site, "river-3", fault="timeout")
    line.tell("name", "0", "OTHERMAK" + "GAUGE9001")
    line.tell("silent", "0")
    wait_observed(subscriber, site, "river-2", fault="timeout")
    # Another device answers at the address now: it is asked who it is, and not believed.
    told = len(subscriber.on("/observation/river-2"))
    asked = line.stats()["commands"].get("0I", 0)
    line.tell("heal", "0")
    wait_until(lambda: line.stats()["commands"].get("0I", 0) > asked + 1, 90, "the device is asked who it is")
    values = [each.json().get("value") for each in subscriber.on("/observation/river-2")[told:]]
    assert not any(values), values


def test_sdi12_a_byte_of_wrong_parity_rejects_the_frame(site, subscriber, sdi12):
    line = sdi12()
    site.start().wait_ready()
    wait_observed(subscriber, site, "river-3", value=1.75)
    line.tell("parity", "1")
    wait_observed(subscriber, site, "river-3", fault="garbled_reply")
    values = {message.json().get("value") for message in subscriber.on("/observation/river-3")}
    assert values <= {1.75, None}, values


def test_maxbotix_levels_no_target_and_blind_zone(site, broker, subscriber, peers, tmp_path):
    sonar = peers(MaxBotix(tmp_path / "sonar", distance=2000))
    usb = peers(MaxBotix(tmp_path / "usb", distance=480, space=True))
    site.mqtt_table["port"] = broker.port
    for name in ("sonar", "usb"):
        site.add(f"serial.{name}", device=tmp_path / name, baud=9600, frame="8N1")
        add_sensor(
            site, name, driver="maxbotix", serial=name, output="mm", mount_height=4.2, no_target=5000,
            least_distance=0.3)
    add_flood(site, "sonar", 3.0)
    site.start().wait_ready()
    wait_observed(subscriber, site, "sonar", value=2.2)
    wait_observed(subscriber, site, "usb", value=3.72)
    sonar.distance = 1100
    wait_alert(subscriber, site, "sonar", "water_level")
    sonar.distance = 2000
    wait_alert(subscriber, site, "sonar", "water_level", "clear", 60)
    usb.distance = 5000
    wait_observed(subscriber, site, "usb", fault="no_target")
    usb.distance = 480
    wait_alert(subscriber, site, "usb", "sensor_fault", "clear")
    usb.distance = 300
    wait_observed(subscriber, site, "usb", fault="blind_zone")
    levels = {message.json().get("value") for message in subscriber.on("/observation/usb")}
    assert levels <= {3.72, None}, levels


def test_lines_that_come_by_themselves(site, broker, subscriber, peers, tmp_path):
    state = {"distance": 2.0, "status": "OK", "spoilt": False}

    def text():
        line = with_xor(f"RDR,{state['distance']:.3f},18.5,{state['status']}")
        return line.replace("RDR", "RDX") if state["spoilt"] else line

    peers(LineTalker(tmp_path / "radar", text))
    site.mqtt_table["port"] = broker.port
    site.add("serial.radar", device=tmp_path / "radar", baud=9600)
    pattern = "${begin}RDR,{distance},{temperature},{status:OK}{end}*{checksum:xor}"
    common = {"driver": "line", "serial": "radar", "pattern": pattern}
    add_sensor(site, "pond-1", **common, field="distance", scale=-1.0, offset=4.2)
    add_sensor(site, "pond-2", **common, field="temperature", quantity="temperature")
    add_flood(site, "pond-1", 3.0)
    site.start().wait_ready()
    wait_observed(subscriber, site, "pond-1", value=2.2)
    wait_observed(subscriber, site, "pond-2", value=18.5)
    state["distance"] = 0.9
    wait_alert(subscriber, site, "pond-1", "water_level")
    state["status"] = "NG"
    wait_observed(subscriber, site, "pond-1", fault="device_exception")
    state["status"] = "OK"
    wait_alert(subscriber, site, "pond-2", "sensor_fault", "clear")
    state["spoilt"] = True
    wait_observed(subscriber, site, "pond-2", fault="garbled_reply")


def test_lines_that_are_asked_for(site, broker, subscriber, peers, tmp_path):
    answers = {"LV1?": lambda: "LV1 +123.4 cm", "LV2?": lambda: "LV2  56.7 cm"}
    line = peers(LineAnswerer(tmp_path / "pond", answers))
    site.mqtt_table["port"] = broker.port
    site.add("serial.pond", device=tmp_path / "pond", baud=4800, frame="8N1")
    for number in (1, 2):
        add_sensor(
            site, f"gate-{number}", driver="line", serial="pond", pattern=f"LV{number} {{value}} cm",
            poll=f"LV{number}?{{0x0D}}", every="500ms", timeout="300ms", scale=0.01)
    site.start().wait_ready()
    wait_observed(subscriber, site, "gate-1", value=1.234)
    wait_observed(subscriber, site, "gate-2", value=0.567)
    del answers["LV1?"]
    wait_observed(subscriber, site, "gate-1", fault="timeout")
    before = len([each for each in line.asked if each == "LV2?"])
    wait_until(lambda: len([each for each in line.asked if each == "LV2?"]) >= before + 4, 10, "the other is asked")
    assert not any(message.json().get("fault") for message in subscriber.on("/observation/gate-2"))
