"""One Modbus line with several units, answered by pymodbus: a silent unit costs the others nothing."""

import pytest
from support.modbus_line import SECONDS, ModbusLine, add_unit, use_line


def test_a_silent_unit_costs_the_others_nothing(two_minutes, measured):
    watched = two_minutes.wait()
    measured(f"requests in {SECONDS} s: {watched.before}; with unit 2 silent: {watched.silent}")
    assert all(57 <= count <= 63 for count in watched.before.values()), watched.before
    for unit in (1, 3):
        assert abs(watched.silent[unit] - watched.before[unit]) <= 0.05 * watched.before[unit], watched.silent
    assert 1 <= watched.silent[2] < watched.before[2] / 2, "a silent unit is asked now and then"
    assert [(alert["sensor"], alert["kind"], alert["message"]) for alert in watched.alerts] == [
        ("river-2", "sensor_fault", "raise")], "only the silent unit is a fault, and is one once"
    assert watched.recovered


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
    use_line(site, line, broker)
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
