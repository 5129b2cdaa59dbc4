"""Brokers that refuse, hang or are none, and how a gateway ends: told in order, or by its will."""

import os
import signal
import subprocess
import time

import pytest
from support.broker import free_port
from support.brokers_gone_wrong import Listener
from support.one_gauge import CALM, CAUTION, DANGER, LEVELS, messages_of, river, sensor, wait_messages
from support.waiting import wait_until


def test_a_broker_that_refuses_the_login_is_tried_again(
        make_site, make_broker, make_subscriber, sensor, tmp_path):
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "observer", "secret"], check=True)
    os.chmod(passwords, 0o600)
    site, port = make_site(), free_port()
    welcoming, observer = broker_to_come(make_broker, make_subscriber, port)
    refusing = make_broker("refusing", port=port, settings=f"allow_anonymous false\npassword_file {passwords}\n").start()
    site.mqtt_table["port"] = port
    site.add_ultrasonic("river-1", sensor.terminal.path, levels=LEVELS)
    sensor.distance = CAUTION
    gateway = site.start().wait_ready()
    wait_until(lambda: len(site.ledger().undelivered()) >= 2, 10, "the alert waits in the ledger")
    gateway.wait_said("login", seconds=15)
    assert gateway.is_running
    refusing.stop()
    welcoming.start()
    observer.reconnect()
    wait_messages(observer, ["raise"], seconds=60)


def broker_to_come(make_broker, make_subscriber, port):
    """A broker that is not there yet, and its subscriber: whatever it is told first, that subscriber will get."""
    broker = make_broker("right", port=port).start()
    observer = make_subscriber(port)
    observer.close()
    broker.stop()
    return broker, observer


# What answers where a broker should, and the word by which an installer can tell what is wrong.
WRONG_BROKERS = {
    "HTTP": (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "not speak MQTT"),
    "noise": (b"\xff" * 64, "not speak MQTT"),
    "nothing at all": (b"", "no MQTT broker answers"),
}


@pytest.mark.parametrize("kind", WRONG_BROKERS)
def test_what_is_no_broker_holds_nothing_up(make_site, make_broker, make_subscriber, sensor, kind):
    """The gateway watches on and says what is wrong; once there is a broker, that gets everything."""
    greeting, word = WRONG_BROKERS[kind]
    site, port = make_site(), free_port()
    broker, observer = broker_to_come(make_broker, make_subscriber, port)
    site.mqtt_table["port"] = port
    site.add_ultrasonic("river-1", sensor.terminal.path, levels=LEVELS)
    wrong = Listener(port, greeting)
    try:
        gateway = site.start().wait_ready()
        wait_until(lambda: wrong.connections >= 1, 10, "the gateway connects")
        for count, distance in enumerate([CAUTION, DANGER, CALM], start=1):
            sensor.distance = distance
            wait_until(
                lambda: sum(e.sequence is not None for e in site.ledger().entries()) == count, 10,
                "each alert is in the ledger although nobody takes it")
        gateway.wait_said(word, seconds=20)
        assert gateway.is_running
    finally:
        wrong.close()
    broker.start()
    observer.reconnect()
    wait_until(
        lambda: [a["message"] for a in messages_of(observer)] == ["raise", "update", "clear"], 70,
        lambda: f"the broker gets everything; the gateway runs: {gateway.is_running}, and said: {gateway.errors()}")


# Stopping


def test_a_stop_takes_less_than_five_seconds_though_the_broker_is_dead(make_site, sensor):
    site, port = make_site(), free_port()
    site.mqtt_table["port"] = port
    site.add_ultrasonic("river-1", sensor.terminal.path, levels=LEVELS)
    dead = Listener(port)
    try:
        gateway = site.start().wait_ready()
        sensor.distance = CAUTION
        wait_until(lambda: site.ledger().undelivered(), 10, "an alert waits")
        wait_until(lambda: dead.connections >= 1, 10, "the gateway waits for an answer")
        begun = time.monotonic()
        assert gateway.stop(seconds=8) == 0
        assert time.monotonic() - begun < 5
        assert any("STOPPING=1" in text for text in gateway.notified)
    finally:
        dead.close()


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_clean_stop_is_published_as_one(river, subscriber, broker, make_subscriber, signal_number):
    gateway = river.start().wait_ready()
    subscriber.wait_for(lambda m: m.topic.endswith("/status") and m.json()["state"] == "online", 10, "online")
    gateway.process.send_signal(signal_number)
    assert gateway.wait_ended(5) == 0
    subscriber.wait_for(lambda m: m.topic.endswith("/status") and m.json()["state"] == "offline", 10, "offline")
    late = make_subscriber(broker.port, name="late")
    status = late.wait_for(lambda m: m.topic == river.topic("status"), 10, "the retained status")
    assert (status.json()["state"], status.json()["cause"]) == ("offline", "stop") and status.retained


@pytest.mark.parametrize("version, earliest, latest", [("5", 20, 45), ("3.1.1", 0, 10)])
def test_a_killed_gateway_is_told_of_by_its_will(river, subscriber, version, earliest, latest):
    river.mqtt_table["version"] = version
    gateway = river.start().wait_ready()
    online = subscriber.wait_for(
        lambda m: m.topic.endswith("/status") and m.json()["state"] == "online", 10, "online").json()
    gateway.kill()
    killed = time.monotonic()
    will = subscriber.wait_for(
        lambda m: m.topic.endswith("/status") and m.json()["state"] == "offline", latest, "the will")
    # MQTT 5 delays it by 30 s, so that a short drop is no alarm; 3.1.1 cannot.
    assert earliest <= time.monotonic() - killed <= latest
    assert will.retained and will.json()["cause"] == "will"
    assert (will.json()["boot"], will.json()["connection"]) == (online["boot"], online["connection"])
