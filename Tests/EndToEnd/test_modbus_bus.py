"""One Modbus line with several units, answered by pymodbus: a silent unit costs the others nothing."""

import json
import subprocess
import sys
import threading

import pytest
from support.waiting import wait_until

UNITS = (1, 2, 3)
SECONDS = 60


class ModbusLine:
    """The Modbus server of Tests/Peers as a process of its own."""

    def __init__(self, top, link, *options):
        self.path = str(link)
        self._process = subprocess.Popen(
            [sys.executable, top / "Tests/Peers/modbus_server.py", "--link", self.path, *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1)
        self._lines = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        wait_until(lambda: any(line.startswith("READY") for line in self._lines), 20, "the Modbus server is ready")

    def _read(self):
        for line in self._process.stdout:
            self._lines.append(line.rstrip())

    def tell(self, *words):
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()

    def requests(self):
        """How often each unit was asked, by the server's own count."""
        before = sum(line.startswith("STATS") for line in self._lines)
        self.tell("stats")
        wait_until(lambda: sum(line.startswith("STATS") for line in self._lines) > before, 5, "the server's statistics")
        line = [line for line in self._lines if line.startswith("STATS")][-1]
        return {int(unit): count for unit, count in json.loads(line.removeprefix("STATS "))["requests"].items()}

    def close(self):
        self._process.terminate()
        self._process.wait(10)
        self._process.stdin.close()
        self._thread.join()
        self._process.stdout.close()


def add_unit(site, unit, name=None, **options):
    values = {
        "id": name or f"river-{unit}", "name": f"水位計 {unit}", "driver": "modbus", "serial": "rs485", "unit": unit,
        "register": {"table": "input", "address": 0, "type": "uint16"}, "scale": 0.001, "offset": 0.0,
        "quantity": "water_level", "range": [-1.0, 10.0], "every": "1s", "stale_after": "5s", **options}
    site.add("[sensor]", **values)


def modbus_site(site, line, broker):
    site.add("serial.rs485", device=line.path, baud=9600, frame="8E1")
    site.mqtt_table["port"] = broker.port
    return site


def counted(line):
    """Requests to each unit in a minute."""
    before = line.requests()
    threading.Event().wait(SECONDS)  # The measurement itself.
    after = line.requests()
    return {unit: after.get(unit, 0) - before.get(unit, 0) for unit in UNITS}


def test_a_silent_unit_costs_the_others_nothing(top, site, broker, subscriber, peers, tmp_path):
    line = peers(ModbusLine(top, tmp_path / "rs485", "--units", "1,2,3", "--pace", "9600"))
    modbus_site(site, line, broker)
    for unit in UNITS:
        add_unit(site, unit)
    site.start().wait_ready()
    wait_until(lambda: min(line.requests().get(unit, 0) for unit in UNITS) >= 3, 20, "each unit was asked three times")
    before = counted(line)
    assert all(57 <= before[unit] <= 63 for unit in UNITS), f"requests in {SECONDS} s: {before}"
    line.tell("silent", 2)
    after = counted(line)
    print(f"requests in {SECONDS} s: {before}; with unit 2 silent: {after}")
    for unit in (1, 3):
        assert abs(after[unit] - before[unit]) <= 0.05 * before[unit], (before, after)
    assert 1 <= after[2] < before[2] / 2, f"a silent unit is asked now and then: {after}"
    alert = subscriber.wait_for(
        lambda message: message.topic.endswith("/alert") and message.json()["sensor"] == "river-2", 10,
        "the silent unit is a fault").json()
    assert alert["kind"] == "sensor_fault"
    faulty = {message.json()["sensor"] for message in subscriber.on("/alert")}
    assert faulty == {"river-2"}, "only the silent unit is a fault"
    line.tell("heal", 2)
    subscriber.wait_for(
        lambda message: message.topic.endswith("/alert") and message.json()["message"] == "clear", 60,
        "the unit that answers again is sound again")


# What the line does, and the words by which an installer tells one trouble from another.
TROUBLES = {
    "silent": (("silent", 2), "timeout"),
    "late": (("delay", 2, 1.5), "late_reply"),
    "garbled": (("garble", 2), "garbled_reply"),
    "exception": (None, "device_exception"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_each_trouble_has_a_name_of_its_own(top, site, broker, subscriber, peers, tmp_path, trouble):
    order, name = TROUBLES[trouble]
    line = peers(ModbusLine(top, tmp_path / "rs485", "--units", "1,2", "--pace", "9600"))
    modbus_site(site, line, broker)
    add_unit(site, 1)
    # Addresses from 200 on do not exist: asking for one is answered with exception 2.
    table = {"table": "input", "address": 200 if order is None else 0, "type": "uint16"}
    add_unit(site, 2, register=table, stale_after="3s")
    if order:
        line.tell(*order)
    site.start().wait_ready()
    message = subscriber.wait_for(
        lambda message: message.topic == site.topic("observation", "river-2") and message.json().get("fault"), 40,
        "the observation names the fault")
    assert message.json()["fault"] == name
    sound = [message.json() for message in subscriber.on("/observation/river-1")]
    assert all(not observation.get("fault") for observation in sound), sound
