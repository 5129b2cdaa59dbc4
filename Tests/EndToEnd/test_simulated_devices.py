"""`simulate` plays the sensors that talk by themselves, names what it cannot play, and clears up what a killed one left."""

import os
import subprocess

import pytest

SCENARIO = """
duration = "100s"
[[tag]]
name = "coin"
format = "ibeacon"
identifier = "5f1c3a7e0b5d4c589e1e6a2b8d4f000100010001"
[[event]]
at = "0s"
device = "canal-1"
set = { level = 1.25 }
[[event]]
at = "0s"
device = "pond-1"
set = { level = 2.5 }
[[event]]
at = "0s"
device = "ears"
set = { tag = "coin", signal = -60 }
"""


@pytest.fixture
def simulated(site, broker):
    """A site with one sensor of each kind, its ports in the scenario's folder; returns how to simulate it."""
    ports = site.folder
    site.mqtt_table["port"] = broker.port
    common = {"stale_after": "4s"}
    for port, baud in (("sonar", 9600), ("radar", 9600), ("sdi", 1200), ("gnss", 9600), ("beacon", 1_000_000)):
        site.add(f"serial.{port}", device=ports / port, baud=baud)
    site.add("[sensor]", id="canal-1", name="用水路", driver="maxbotix", serial="sonar", output="mm", mount_height=4.2,
             quantity="water_level", **common)
    site.add("[sensor]", id="pond-1", name="池", driver="line", serial="radar", pattern="LVL {value} m*{checksum:xor}",
             quantity="water_level", **common)
    site.add("[sensor]", id="river-1", name="川", driver="sdi12", serial="sdi", address="0", every="2s",
             quantity="water_level", **common)
    site.add("[sensor]", id="gnss", name="位置", driver="nmea", serial="gnss", quantity="position", **common)
    site.add("[sensor]", id="ears", name="受信機", driver="hci", serial="beacon", quantity="beacon")
    for number in (1, 2):
        site.add("[sensor]", id=f"coin-{number}", name="浸水", driver="radio_contact", receiver="ears",
                 tag={"format": "ibeacon", "id": f"5f1c3a7e-0b5d-4c58-9e1e-6a2b8d4f0001-0001-000{number}"},
                 quantity="flood_contact")
    site.write()
    scenario = site.folder / "site.toml"

    def start(text=SCENARIO):
        scenario.write_text(text)
        return site.start(command="simulate", arguments=("--scenario", scenario))

    return start


def test_talkers_are_played_and_what_is_not_is_said(site, broker, subscriber, simulated):
    gateway = simulated(SCENARIO + """
[[event]]
at = "20s"
device = "canal-1"
set = { silent = true }
[[event]]
at = "30s"
device = "canal-1"
set = { silent = false }
""")
    for sensor, expected in (("canal-1", {"value": 1.25}), ("pond-1", {"value": 2.5}), ("gnss", {"fault": None})):
        subscriber.wait_for(
            lambda message: message.topic == site.topic("observation", sensor)
            and all(message.json()[key] == value for key, value in expected.items()),
            70, f"{sensor} says {expected}")
    errors = gateway.errors()
    assert "river-1 is not simulated: there is no simulated device for sdi12." in errors
    assert "coin-2 is silent: no [[tag]] of the scenario has its format and identifier" in errors
    assert "coin-1 is silent" not in errors and "canal-1 is not simulated" not in errors
    gateway.wait_said("river-1 is faulty: port_missing. Its page in docs/sensors says what to do.", 20)
    gateway.wait_said("canal-1 is faulty: silent. Its page in docs/sensors says what to do.", 60)
    gateway.wait_said("canal-1 is not faulty any more: silent is over.", 30)
    assert gateway.stop() == 0
    assert not [entry for entry in os.listdir(site.folder) if os.path.islink(site.folder / entry)]


def test_what_a_killed_simulation_left_is_removed_and_named(site, simulated):
    gateway = simulated().wait_ready()
    left = [name for name in ("sonar", "radar", "gnss", "beacon") if os.path.islink(site.folder / name)]
    assert len(left) == 4
    gateway.kill()
    # An earlier configuration had one more port; what is no link to a pseudo-terminal is nobody's business.
    os.symlink("/dev/pts/987654", site.folder / "old")
    os.symlink("/dev/null", site.folder / "null")
    (site.folder / "file").write_text("kept")
    again = simulated().wait_ready()
    for name in [*left, "old"]:
        assert f"Removed {site.folder}/{name}, which an earlier simulation left behind; it led to /dev/pts/" in again.errors()
    assert not os.path.lexists(site.folder / "old")
    assert os.readlink(site.folder / "null") == "/dev/null" and (site.folder / "file").read_text() == "kept"
    assert again.stop() == 0


@pytest.mark.parametrize("device", ["river-1", "coin-2", "sdi"])
def test_an_event_for_what_is_not_simulated_is_an_error(site, simulated, device):
    gateway = simulated(SCENARIO + f'[[event]]\nat = "1s"\ndevice = "{device}"\nset = {{ silent = true }}\n')
    assert gateway.wait_ended() == 65
    assert f'The scenario sets "{device}", which is not simulated: use one of beacon, canal-1' in gateway.errors()


@pytest.mark.parametrize("setting, said", [
    ("position = { latitude = 91.0, longitude = 0.0 }", "latitude"), ("position = { latitude = 1.0 }", "longitude"),
    ("fix = 3", "fix"), ("position = { latitude = 1.0, longitude = 0.0, height = 2.0 }", "height")])
def test_a_wrong_setting_is_named(site, simulated, setting, said):
    gateway = simulated(SCENARIO + f'[[event]]\nat = "1s"\ndevice = "gnss"\nset = {{ {setting} }}\n')
    assert gateway.wait_ended() == 65
    assert said in gateway.errors() and "site.toml:" in gateway.errors()
