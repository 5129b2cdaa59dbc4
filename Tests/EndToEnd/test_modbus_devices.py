"""Contacts, ranges, identities and a siren on one Modbus line, answered by pymodbus."""

import pytest
from support.modbus_line import ModbusLine, add_unit, use_line
from support.waiting import wait_until

SIREN = 3


@pytest.fixture
def line(top, site, broker, subscriber, peers, tmp_path):
    """Units 1 to 3 at 9600 baud, and a site on their line with a broker that is listened to."""
    line = peers(ModbusLine(top, tmp_path / "rs485", "--units", f"1,2,{SIREN}", "--pace", "9600"))
    use_line(site, line, broker)
    return line


def add_contact(site, **options):
    site.add("[sensor]", **{
        "id": "underpass-1", "name": "アンダーパス", "driver": "modbus", "serial": "rs485", "unit": 2,
        "register": {"table": "discrete", "address": 5}, "wet": "closed", "quantity": "flood_contact", "every": "200ms",
        "stale_after": "5s", **options})
    site.add("[contact]", sensor="underpass-1", severity="severe", wet_after="1s", dry_after="1s")


def add_siren(site, **options):
    site.add("[output]", **{
        "id": "siren", "driver": "modbus", "serial": "rs485", "unit": SIREN, "coil": 7, "safe": "off", "max_on": "3m",
        "cool_down": "0s", "refresh": "1s", "sound_at": {"severity": "severe", "all_of": ["underpass-1"]}, **options})


def sounds(line):
    return 7 in line.coils(SIREN)


def test_a_siren_on_a_coil_sounds_on_a_flood_and_stops_with_it(site, line, subscriber):
    add_contact(site)
    add_siren(site)
    site.start().wait_ready()
    subscriber.wait_for(lambda message: message.topic == site.topic("observation", "underpass-1"), 20, "the contact speaks")
    assert not sounds(line)
    line.tell("bit", 2, 5, 1)
    wait_until(lambda: sounds(line), 10, "the siren sounds")
    alert = subscriber.wait_for(lambda message: message.topic.endswith("/alert"), 10, "the alert").json()
    assert (alert["kind"], alert["message"]) == ("flood_contact", "raise")
    line.tell("forget", SIREN)
    wait_until(lambda: sounds(line), 5, "a converter that forgot its coils is set again")
    line.tell("bit", 2, 5, 0)
    wait_until(lambda: not sounds(line), 10, "the siren stops")


def test_sigterm_leaves_the_siren_in_its_safe_state(site, line):
    add_contact(site)
    add_siren(site, pattern=["5s", "1s"])
    gateway = site.start().wait_ready()
    line.tell("bit", 2, 5, 1)
    wait_until(lambda: sounds(line), 20, "the siren sounds")
    assert gateway.stop() == 0
    assert not sounds(line)
    assert "has not told" not in gateway.errors()


def test_after_kill_the_coil_stays_until_the_next_start_sets_it_safe(site, line):
    add_contact(site)
    add_siren(site)
    gateway = site.start().wait_ready()
    line.tell("bit", 2, 5, 1)
    wait_until(lambda: sounds(line), 20, "the siren sounds")
    gateway.kill()
    # The documented limit: nobody is there who could write. The flood is over meanwhile.
    assert sounds(line)
    line.tell("bit", 2, 5, 0)
    site.start().wait_ready()
    wait_until(lambda: not sounds(line), 10, "the restart has set the siren safe")


def test_a_dead_converter_is_said_and_set_right_when_it_is_back(site, line):
    add_contact(site)
    add_siren(site)
    gateway = site.start().wait_ready()
    line.tell("silent", SIREN)
    line.tell("bit", 2, 5, 1)
    gateway.wait_said("The output siren cannot be switched: timeout", 20)
    line.tell("forget", SIREN)
    line.tell("heal", SIREN)
    wait_until(lambda: sounds(line), 15, "the siren sounds as soon as its converter is back")
    gateway.wait_said("The output siren can be switched again", 10)


@pytest.mark.parametrize("refuses", [False, True])
def test_registers_beside_each_other_are_read_at_once_or_one_by_one(site, line, subscriber, refuses):
    for number in range(3):
        register = {"table": "input", "address": number, "type": "uint16"}
        add_unit(site, 1, id=f"river-{number}", register=register, every="500ms")
    if refuses:
        line.tell("single", 1)
    gateway = site.start().wait_ready()
    for number in range(3):
        message = subscriber.wait_for(
            lambda message: message.topic == site.topic("observation", f"river-{number}"), 20, "an observation")
        assert message.json()["value"] == pytest.approx(1.0 + number / 1000)
        assert not message.json().get("fault")
    wait_until(lambda: line.requests().get(1, 0) >= 6, 20, "the unit was asked six times", every=0.2)
    assert line.ranges(1) == 1 if refuses else line.ranges(1) > 1
    assert "fault" not in gateway.errors()


def test_a_wrong_device_is_not_believed(site, line, subscriber):
    add_unit(site, 1, identity={"table": "holding", "address": 100, "value": 4711}, stale_after="3s")
    site.start().wait_ready()
    message = subscriber.wait_for(
        lambda message: message.topic == site.topic("observation", "river-1") and message.json().get("fault"), 40,
        "the observation names the fault")
    assert message.json()["fault"] == "wrong_device"
    line.tell("set", 1, 100, 4711)
    subscriber.wait_for(
        lambda message: message.topic == site.topic("observation", "river-1") and message.json().get("value") is not None,
        40, "the right device is believed")
