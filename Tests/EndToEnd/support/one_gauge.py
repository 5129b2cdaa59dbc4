"""A site with one gauge and a broker, for what goes wrong around them."""

import os

import pytest
from support.waiting import wait_until
from ultrasonic import Ultrasonic

LEVELS = {"caution": 1.2, "danger": 2.6}
CALM, CAUTION, DANGER = 4000, 3000, 1500  # millimetres below a mount height of 4.5 m


@pytest.fixture
def sensor(peers, tmp_path):
    return peers(Ultrasonic(tmp_path / "gauge", distance=CALM, interval=0.05))


@pytest.fixture
def river(site, sensor, broker):
    """A site with one gauge and a broker."""
    site.mqtt_table["port"] = broker.port
    site.add_ultrasonic("river-1", sensor.terminal.path, levels=LEVELS, stale_after="2s")
    return site


def without(*capabilities):
    """Runs a program without these rights of root; anybody else has none of them anyway."""
    if os.geteuid() != 0:
        return ()
    return ("setpriv", "--bounding-set=" + ",".join(f"-{capability}" for capability in capabilities))


def messages_of(subscriber, sensor="river-1", kind="water_level"):
    alerts = [message.json() for message in subscriber.on("/alert")]
    return [a for a in alerts if a["sensor"] == sensor and a["kind"] == kind]


def wait_messages(subscriber, expected, seconds=15, **which):
    wait_until(
        lambda: [a["message"] for a in messages_of(subscriber, **which)] == expected, seconds,
        lambda: f"messages {expected}; there are {[m.json() for m in subscriber.on('/alert')]}")
