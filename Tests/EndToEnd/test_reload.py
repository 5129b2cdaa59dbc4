"""SIGHUP: a configuration that can be used is taken up, one that cannot leaves everything as it was."""

import signal
import subprocess
import time

import pytest
from support.children import bound
from support.waiting import wait_until
from ultrasonic import Ultrasonic

LEVELS = {"caution": 1.2, "danger": 2.6}
CALM, CAUTION = 4000, 3000  # millimetres below a mount height of 4.5 m


@pytest.fixture
def sensor(peers, tmp_path):
    return peers(Ultrasonic(tmp_path / "gauge", distance=CALM, interval=0.05))


@pytest.fixture
def river(site, sensor, broker):
    """A site with one gauge and a broker."""
    site.mqtt_table["port"] = broker.port
    site.add_ultrasonic("river-1", sensor.terminal.path, levels=LEVELS, stale_after="5s")
    return site


def reload(gateway):
    gateway.process.send_signal(signal.SIGHUP)


def alerts(subscriber, **which):
    said = [message.json() for message in subscriber.on("/alert")]
    return [a for a in said if all(a[key] == value for key, value in which.items())]


def connections(subscriber):
    return [m.json()["connection"] for m in subscriber.on("/status") if m.json()["state"] == "online"]


def test_a_sensor_that_a_reload_removes_is_cleared_and_the_others_go_on(river, sensor, subscriber, tmp_path, peers):
    other = peers(Ultrasonic(tmp_path / "canal", distance=CAUTION, interval=0.05))
    tables = list(river.tables)
    river.add_ultrasonic("canal-1", other.terminal.path, levels=LEVELS, stale_after="5s")
    gateway = river.start().wait_ready()
    topic = river.topic("observation", "canal-1")
    subscriber.wait_for(lambda m: m.topic == topic and m.payload, 70, "the canal's level")
    wait_until(lambda: alerts(subscriber, sensor="canal-1"), 10, "the canal's alert")
    river.tables = tables
    river.write()
    reload(gateway)
    cleared = subscriber.wait_for(lambda m: m.topic == topic and not m.payload, 70, "the canal is cleared")
    assert cleared.retained
    # What nothing can clear any more is cleared by the reload: the city must not wait for it.
    assert [(a["message"], a["reason"]) for a in alerts(subscriber, sensor="canal-1")] == [
        ("raise", None), ("clear", "removed")]
    sensor.distance = CAUTION
    wait_until(lambda: alerts(subscriber, sensor="river-1", kind="water_level"), 10, "the river's alert")
    assert connections(subscriber) == sorted(set(connections(subscriber))), "a receiver ignores a lower number"
    assert gateway.stop() == 0


def test_a_configuration_with_a_mistake_is_refused_and_nothing_is_interrupted(river, sensor, subscriber):
    gateway = river.start().wait_ready()
    wait_until(lambda: connections(subscriber), 10, "the status")
    river.mqtt_table["colour"] = "red"
    river.write()
    reload(gateway)
    gateway.wait_said("the old one stays")
    assert "colour" in gateway.errors()
    sensor.distance = CAUTION
    wait_until(lambda: alerts(subscriber, kind="water_level"), 10, "the alert")
    assert len(connections(subscriber)) == 1
    assert gateway.stop() == 0


def test_a_configuration_whose_key_cannot_be_used_is_refused_and_the_old_one_watches_on(river, sensor, subscriber):
    gateway = river.start().wait_ready()
    wait_until(lambda: connections(subscriber), 10, "the status")
    (river.folder / "city.pem").write_text("this is no key\n")
    (river.folder / "tag-key").write_text("00" * 32 + "\n")
    tables = list(river.tables)
    river.add("[authority]", kid="city-1", public_key_file="city.pem", may=["watchlist"])
    river.add("watchlist", group="east", tag_keys={"2026-11": "tag-key"})
    river.write()
    reload(gateway)
    gateway.wait_said("the old one stays")
    assert "city.pem" in gateway.errors()
    sensor.distance = CAUTION
    wait_until(lambda: alerts(subscriber, kind="water_level"), 15, "the alert")
    # It can still be reloaded.
    river.tables = tables
    river.gateway_table["name"] = "another name"
    river.write()
    reload(gateway)
    subscriber.wait_for(
        lambda m: m.topic == river.topic("info") and m.json()["name"] == "another name", 70, "the new name")
    assert [a["message"] for a in alerts(subscriber, kind="water_level")] == ["raise"]
    assert gateway.stop() == 0


def test_a_stop_that_comes_with_a_reload_is_a_stop(river, subscriber):
    gateway = river.start().wait_ready()
    wait_until(lambda: connections(subscriber), 10, "the status")
    gateway.process.send_signal(signal.SIGSTOP)
    gateway.process.send_signal(signal.SIGTERM)
    reload(gateway)
    gateway.process.send_signal(signal.SIGCONT)
    began = time.monotonic()
    assert gateway.wait_ended(5) == 0
    assert time.monotonic() - began < 5


def test_a_reader_of_the_log_that_ends_does_not_end_the_gateway(river, sensor, subscriber):
    configuration = river.write()
    process = subprocess.Popen(
        bound(river.program, "run", "--config", configuration), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, cwd=river.folder)
    try:
        while b"Watching." not in process.stderr.readline():
            assert process.poll() is None
        process.stderr.close()
        # It has something to say, which nobody reads.
        configuration.write_text("this is no configuration")
        process.send_signal(signal.SIGHUP)
        sensor.distance = CAUTION
        wait_until(lambda: alerts(subscriber, kind="water_level"), 10, "the alert")
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()


def test_the_service_manager_is_told_of_a_reload_and_given_signs_of_life_around_what_waits_for_the_disk(river, subscriber):
    gateway = river.start().wait_ready()
    wait_until(lambda: connections(subscriber), 10, "the status")
    reload(gateway)
    wait_until(lambda: len(connections(subscriber)) == 2, 20, "it is reloaded")
    assert gateway.stop() == 0
    told = [text.split("\n")[0].split("=")[0] for text in gateway.notified]
    assert told == [
        "EXTEND_TIMEOUT_USEC", "READY", "RELOADING", "WATCHDOG", "WATCHDOG", "READY", "STOPPING"], gateway.notified
