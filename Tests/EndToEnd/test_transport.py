"""Who may reach whom, by certificates and by the access rules of docs/broker.md, at real brokers."""

import re
import signal
import time

import paho.mqtt.client as paho
import pytest
from satellite_receiver import SatelliteReceiver
from support.authority import Authority, Requester
from support.certificates import CertificateAuthority
from support.guarded import Guarded
from support.site import ROOT, WATCH_ROOT
from support.waiting import assert_holds, wait_until
from ultrasonic import Ultrasonic

CALM, CAUTION, DANGER = 4000, 3000, 1000
FAMILY = "7f3a9c52e1b84d0f9a61c2d3"


@pytest.fixture
def guarded(top, make_broker, tmp_path):
    return Guarded(top, tmp_path, make_broker)


@pytest.fixture
def gauge(peers, tmp_path):
    return peers(Ultrasonic(tmp_path / "gauge", distance=CALM, interval=0.05))


@pytest.fixture
def river(site, gauge):
    site.add_ultrasonic("river-1", gauge.terminal.path, levels={"caution": 1.2, "danger": 2.0})
    return site


def messages(requester, site):
    """What the desk heard of alerts, the first time that each came."""
    seen = dict.fromkeys(answer[1] for answer in requester.answers if answer[0] == site.topic("alert"))
    return [re.search(rb'"message":"(\w+)"', payload)[1].decode() for payload in seen]


def test_a_gateways_certificate_opens_its_own_topics_alone(guarded, river, gauge, peers):
    guarded.admit(river)
    city = Authority().allow(river)
    desk = peers(guarded.requester("desk"))
    desk.listen(f"{ROOT}/#")
    stolen = peers(guarded.requester("kakogawa-042"))
    stolen.listen("#")
    family = peers(guarded.requester("family-0417"))
    family.listen("#")
    gateway = river.start().wait_ready()
    gauge.distance = CAUTION
    desk.wait_answer(lambda answer: answer[0] == river.topic("alert"), 20)
    desk.send(river.topic("command"), city.command("report", river.name)[1], response=f"{ROOT}/reply/desk")
    desk.wait_answer(lambda answer: answer[0] == f"{ROOT}/reply/desk")
    # What the stolen certificate says in the other's name, or of a person, or as the desk, reaches nobody.
    forbidden = [
        river.topic("status"), river.topic("alert"), river.topic("command"), f"{ROOT}/watchlist/east",
        f"{ROOT}/group/east/command", f"{WATCH_ROOT}/{FAMILY}/{river.name}", f"{WATCH_ROOT}/{FAMILY}/{river.name}/head"]
    for number, topic in enumerate(forbidden):
        # One connection each: mosquitto 2.0.11 ends it with a message that it denies.
        forger = peers(Requester(guarded.broker.port, f"forger-{number}", tls=guarded.files("kakogawa-042")))
        forger.send(topic, b"forged", qos=0)
        wait_until(lambda: f"Denied PUBLISH from forger-{number}" in guarded.broker.log_text(), 10, "the broker denies")
    stolen.send(f"{WATCH_ROOT}/{FAMILY}/kakogawa-042", b"its own notice")
    family.wait_answer(lambda answer: answer[1] == b"its own notice")
    desk.send(f"{ROOT}/kakogawa-042/command", b"for it alone")
    stolen.wait_answer(lambda answer: answer[1] == b"for it alone")
    heard = desk.answers + family.answers + stolen.answers
    assert not [answer for answer in heard if answer[1] == b"forged"]
    assert {topic for topic, *_ in stolen.answers} == {f"{ROOT}/kakogawa-042/command"}
    assert {topic for topic, *_ in family.answers} == {f"{WATCH_ROOT}/{FAMILY}/kakogawa-042"}
    assert "ignored" not in gateway.errors() and "Passed over" not in gateway.errors()


@pytest.mark.parametrize("fault, said", [
    ("wrong authority", "no authority of mqtt.tls.ca signed"),
    ("wrong authority of the same name", "no authority of mqtt.tls.ca signed"), ("wrong name", "does not name 127.0.0.1"),
    ("expired", "has expired")])
def test_a_broker_that_proves_nothing_hears_nothing(river, gauge, make_broker, tmp_path, fault, said):
    city = CertificateAuthority(tmp_path / "keys")
    signer = {
        "wrong authority": lambda: CertificateAuthority(tmp_path / "strangers", name="strangers"),
        "wrong authority of the same name": lambda: CertificateAuthority(tmp_path / "strangers"),
    }.get(fault, lambda: city)()
    files = signer.issue(
        "broker", address="127.0.0.9" if fault == "wrong name" else "127.0.0.1", days=-1 if fault == "expired" else 9)
    broker = make_broker(settings=(
        f"allow_anonymous true\ncafile {signer.path}\ncertfile {files[0]}\nkeyfile {files[1]}\n")).start()
    river.mqtt_table.update(port=broker.port, username="test-001", password_file="password")
    (river.folder / "password").write_text("a-secret-word\n")
    river.add("mqtt.tls", ca=city.path)
    gateway = river.start().wait_ready()
    gateway.wait_said(said, seconds=20)
    gauge.distance = CAUTION
    wait_until(lambda: river.ledger().undelivered(), 10, "the alert waits in the ledger")
    assert_holds(lambda: "connected from" not in broker.log_text(), 3, "nobody logs in")
    assert gateway.errors().count(said) == 1, "said once"
    assert "a-secret-word" not in gateway.errors() and "PRIVATE KEY" not in gateway.errors()


@pytest.mark.parametrize("revoked", ["alerts", "everything"])
def test_a_revoked_rule_holds_alerts_back_in_order(guarded, river, gauge, peers, revoked):
    guarded.admit(river)
    desk = peers(guarded.requester("desk"))
    desk.listen(f"{ROOT}/#")
    gateway = river.start().wait_ready()
    desk.wait_answer(lambda answer: answer[0] == river.topic("status"), 20)
    line = "pattern write mimamori/282103/%u/#\n"
    assert line in guarded.rules
    others = "".join(line.replace("#", part) for part in ("status", "info", "health", "active", "cap", "observation/#"))
    guarded.allow(guarded.rules.replace(line, others if revoked == "alerts" else ""))
    gauge.distance = CAUTION
    # A refused status says it for all: what comes after it is not even tried.
    gateway.wait_said(f"[lane={'alert' if revoked == 'alerts' else 'state'} problem=not_authorized]", seconds=20)
    assert "not authorized: compare the broker's ACL" in gateway.errors()
    # The second revision would be taken again; it must wait for the first.
    guarded.allow(guarded.rules)
    gauge.distance = DANGER
    wait_until(
        lambda: messages(desk, river) == ["raise", "update"], 100,
        lambda: f"both come, in order; heard {messages(desk, river)}; said {gateway.errors()}")


def test_a_revoked_right_to_hear_commands_lets_none_through_until_it_is_given_again(guarded, river, peers):
    """Mosquitto grants any subscription and keeps back what may not be read: nobody but the sender sees that."""
    guarded.admit(river)
    city = Authority().allow(river)
    desk = peers(guarded.requester("desk"))
    desk.listen(f"{ROOT}/#")
    line = "pattern read  mimamori/282103/%u/command\n"
    assert line in guarded.rules
    guarded.allow(guarded.rules.replace(line, ""))
    river.start().wait_ready()
    status = desk.wait_answer(lambda answer: answer[0] == river.topic("status") and b"online" in answer[1], 20)
    id, text = city.command("report", river.name, boot=re.search(rb'"boot":"([^"]+)"', status[1])[1].decode())

    def answered():
        return [answer for answer in desk.answers if answer[0] == river.topic("reply") and id.encode() in answer[1]]

    desk.send(river.topic("command"), text)
    assert_holds(lambda: not answered(), 3, "it does not arrive")
    guarded.allow(guarded.rules)
    desk.send(river.topic("command"), text)
    wait_until(answered, 20, "the same is answered")
    assert b'"done"' in answered()[0][1]


def test_who_takes_the_id_over_is_told_and_starts_no_storm(river, gauge, broker):
    river.mqtt_table["port"] = broker.port
    gateway = river.start().wait_ready()
    wait_until(lambda: "as test-001" in broker.log_text(), 10, "the gateway is connected")
    thief = paho.Client(paho.CallbackAPIVersion.VERSION2, river.name, protocol=paho.MQTTv5)
    thief.reconnect_delay_set(0.1, 0.2)
    thief.connect("127.0.0.1", broker.port)
    thief.loop_start()
    try:
        # Mosquitto 2.0 does not tell who is thrown out why; others do.
        gateway.wait_said("another client has the same id", seconds=20)
        time.sleep(12)
    finally:
        thief.disconnect()
        thief.loop_stop()
    # It waits at least half of 1, 2, 4, 8, 16, … s: no more than five times in 12 s.
    came_back = gateway.errors().count("Connected to the broker") - 1
    assert came_back <= 6, came_back
    gauge.distance = CAUTION
    wait_until(lambda: not river.ledger().undelivered(), 70, "once it is alone, everything is delivered")


def test_a_certificate_that_ends_soon_is_an_alert_until_it_is_renewed(guarded, river, peers, tmp_path):
    # Satellites keep the clock, wherever this test runs: without a clock nothing is known of an end.
    satellites = peers(SatelliteReceiver(tmp_path / "gnss"))
    river.add("serial.gnss", device=satellites.terminal.path, baud=9600, frame="8N1")
    river.add("[sensor]", id="gnss", name="位置", driver="nmea", serial="gnss", quantity="position", stale_after="1h")
    guarded.admit(river, days=20)
    desk = peers(guarded.requester("desk"))
    desk.listen(f"{ROOT}/#")
    gateway = river.start().wait_ready()
    told = desk.wait_answer(lambda a: a[0] == river.topic("alert") and b'"kind":"certificate"' in a[1], 60)
    assert b'"message":"raise"' in told[1] and b"certificate_expiring" in told[1] and b"mqtt.tls.certificate" in told[1]
    gateway.wait_said("mqtt.tls.certificate ends in 1")
    guarded.city.issue(river.name)
    gateway.process.send_signal(signal.SIGHUP)
    desk.wait_answer(lambda a: a[0] == river.topic("alert") and b'"message":"clear"' in a[1], 60)


def test_a_key_among_the_services_credentials_is_used_and_stays_there(guarded, river, gauge, tmp_path):
    """As systemd's LoadCredential= hands it over: in a folder that only this service can read."""
    credentials = tmp_path / "credentials"
    credentials.mkdir(mode=0o500)
    ca, certificate, key = guarded.files(river.name)
    secret = key.read_text()
    # The broker reads the authority's file as well, a moment after it listens.
    (credentials / ca.name).write_bytes(ca.read_bytes())
    for path in (certificate, key):
        path.rename(credentials / path.name)
        (credentials / path.name).chmod(0o400)
    # What lies beside the configuration under the same name is not what counts.
    (river.folder / key.name).write_text("no key at all\n")
    river.mqtt_table["port"] = guarded.broker.port
    river.add("mqtt.tls", ca=ca.name, certificate=certificate.name, key=key.name)
    gateway = river.start(environment={"CREDENTIALS_DIRECTORY": str(credentials)}).wait_ready()
    gateway.wait_said("Connected to the broker", seconds=20)
    gauge.distance = CAUTION
    wait_until(lambda: river.ledger().entries() and not river.ledger().undelivered(), 20, "the alert is delivered")
    assert gateway.stop() == 0
    line = secret.splitlines()[1].encode()
    for path in [*river.outputs(), *river.state.iterdir(), guarded.broker.log]:
        assert line not in path.read_bytes(), path


def test_a_shared_key_is_named_when_others_can_read_it_and_never_shown(river, make_broker, gauge):
    key = "0123456789abcdef" * 4
    keys = river.folder / "keys-of-the-broker"
    keys.write_text(f"test-001:{key}\n")
    broker = make_broker(settings=(
        f"psk_hint m\nuse_identity_as_username true\nallow_anonymous false\npsk_file {keys}\n"))
    (river.folder / "psk").write_text(key + "\n")
    (river.folder / "psk").chmod(0o644)
    broker.start()
    river.mqtt_table.update(port=broker.port)
    river.add("mqtt.tls", psk_identity="test-001", psk_file="psk", minimum_version="1.2")
    gateway = river.start().wait_ready()
    gateway.wait_said("Connected to the broker", seconds=20)
    gateway.wait_said("is open to every user of this machine")
    gauge.distance = CAUTION
    wait_until(lambda: river.ledger().entries() and not river.ledger().undelivered(), 20, "the alert is delivered")
    assert gateway.stop() == 0
    assert key not in gateway.errors() and key[:16] not in gateway.errors()


def test_the_fallback_is_used_and_left_again_and_the_heartbeat_says_so(
        river, gauge, make_broker, make_subscriber):
    first, fallback = make_broker("first"), make_broker("fallback").start()
    river.mqtt_table["port"] = first.port
    river.add("mqtt.fallback", host="127.0.0.1", port=fallback.port, return_every="2s")
    there = make_subscriber(fallback.port)
    gateway = river.start().wait_ready()
    gauge.distance = CAUTION
    wait_until(lambda: there.on(river.topic("alert")), 20, "the fallback hears the alert")
    wait_until(lambda: there.on(river.topic("health")), 20, "a heartbeat")
    assert there.on(river.topic("health"))[-1].json()["broker"]["in_use"] == "fallback"
    first.start()
    here = make_subscriber(first.port)
    wait_until(lambda: here.on(river.topic("status")), 20, "the first is used again")
    gauge.distance = DANGER
    wait_until(lambda: here.on(river.topic("alert")), 20, "the first hears the next")
    left = [message.json() for message in there.on(river.topic("status"))]
    assert [(s["state"], s["cause"]) for s in left] == [("online", "connected"), ("offline", "moved")]
    assert here.on(river.topic("status"))[-1].json()["connection"] > left[-1]["connection"]
    assert gateway.is_running
