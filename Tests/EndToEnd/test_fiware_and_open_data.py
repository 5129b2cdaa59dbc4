"""What others take up: measures for a FIWARE IoT Agent, CAP's chain over a crash, open data and the month's evidence."""

import csv
import io
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest
from support.waiting import wait_until
from ultrasonic import Ultrasonic

LEVELS = {"caution": 1.2, "danger": 2.6}
CALM, CAUTION, DANGER = 4000, 3000, 1500  # millimetres below a mount height of 4.5 m
KEY = "k3y-of-the-agent"
TOPIC = f"/json/{KEY}/test-001_river-1/attrs"
CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"
LANGUAGES = ["ja", "ja-x-easy", "en", "vi", "zh-Hans", "pt-BR"]


@pytest.fixture
def sensor(peers, tmp_path):
    return peers(Ultrasonic(tmp_path / "gauge", distance=CALM, interval=0.05))


@pytest.fixture
def river(site, sensor, broker):
    site.mqtt_table["port"] = broker.port
    site.gateway_table["languages"] = LANGUAGES
    site.add_ultrasonic("river-1", sensor.terminal.path, levels=LEVELS, stale_after="1s")
    return site


def once(messages):
    """Without what came twice, as QoS 1 may after a crash."""
    return list({message.payload: message for message in messages}.values())


def wait_alerts(subscriber, expected):
    wait_until(
        lambda: [m.json()["message"] for m in once(subscriber.on("/alert"))] == expected, 20,
        lambda: f"{expected}; there are {[m.payload for m in subscriber.on('/alert')]}")


@pytest.mark.parametrize("format", ["ngsi-v2", "ngsi-ld"])
def test_measures_fit_the_published_models_and_the_key_is_nowhere_else(
        format, river, sensor, subscriber, shared_data, top):
    (river.folder / "agent-key").write_text(KEY + "\n")
    river.add("fiware", api_key_file="agent-key", format=format)
    gateway = river.start().wait_ready()
    # What is measured before the broker is there comes within the first minute of the connection.
    wait_until(lambda: subscriber.on(TOPIC), 80, "the first measure")
    sensor.distance = DANGER
    wait_alerts(subscriber, ["raise"])
    sensor.distance = CALM
    wait_alerts(subscriber, ["raise", "clear"])
    wait_until(
        lambda: [m for m in subscriber.on(TOPIC) if m.json().get("type") == "Alert"][1:], 20, "both alerts as measures")
    assert gateway.stop() == 0
    measures = subscriber.on(TOPIC)
    assert all(not m.retained and m.qos == 1 for m in measures)
    result = subprocess.run(
        [sys.executable, top / "Tests/Peers/validate_model.py", shared_data / "ngsi"], capture_output=True, text=True,
        input="".join(json.dumps(m.json()) + "\n" for m in measures), timeout=60)
    assert set(result.stdout.split("\n")[:-1]) == {"valid"}, result.stdout + result.stderr
    assert {m.json()["type"] for m in measures} == {"FloodMonitoring", "Alert"}
    for message in measures:
        assert not re.search(r"[<>'=;()]", json.dumps(list(strings(message.json())))), message.payload
    rules = river.call("acl", "--config", river.configuration).stdout
    assert "topic write /json/+/test-001_river-1/attrs" in rules
    others = [m.payload for m in subscriber.messages if m.topic != TOPIC]
    assert not any(KEY.encode() in payload for payload in others)
    assert KEY not in gateway.errors() + gateway.output() + rules
    for file in river.state.iterdir():
        assert KEY.encode() not in file.read_bytes(), file


def strings(value):
    if isinstance(value, dict):
        for name, part in value.items():
            yield name
            yield from strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part)
    elif isinstance(value, str):
        yield value


def test_a_key_that_no_topic_can_hold_ends_the_start_with_78(river):
    (river.folder / "agent-key").write_text("a/b\n")
    river.add("fiware", api_key_file="agent-key")
    gateway = river.start()
    assert gateway.wait_ended() == 78
    assert "without space, slash" in gateway.errors()
    assert "a/b" not in gateway.errors()


def test_the_chain_of_cap_is_whole_over_a_crash(river, sensor, subscriber, shared_data, tmp_path):
    first = river.start().wait_ready()
    sensor.distance = CAUTION
    wait_alerts(subscriber, ["raise"])
    sensor.distance = DANGER
    wait_alerts(subscriber, ["raise", "update"])
    wait_until(lambda: len(once(subscriber.on("/cap"))) == 2, 10, "two documents")
    first.kill()
    river.start().wait_ready()
    sensor.distance = CALM
    wait_alerts(subscriber, ["raise", "update", "clear"])
    wait_until(lambda: len(once(subscriber.on("/cap"))) == 3, 10, "three documents")
    chain = []
    for number, message in enumerate(once(subscriber.on("/cap"))):
        path = tmp_path / f"{number}.xml"
        path.write_bytes(message.payload)
        subprocess.run(
            ["xmllint", "--noout", "--nonet", "--schema", shared_data / "cap/CAP-v1.2.xsd", path], check=True,
            capture_output=True, timeout=30)
        document = ElementTree.fromstring(message.payload)
        assert (document.findtext(f"{CAP}references") or "").split() == chain
        chain.append(",".join(document.findtext(f"{CAP}{name}") for name in ("sender", "identifier", "sent")))
        assert len(document.findall(f"{CAP}info")) == len(LANGUAGES)
    assert document.findtext(f"{CAP}msgType") == "Cancel"


def test_observations_and_the_months_evidence_can_be_exported(river, sensor, subscriber):
    gateway = river.start().wait_ready()
    wait_until(lambda: subscriber.on("/observation/river-1"), 80, "an observation")
    sensor.distance = DANGER
    wait_alerts(subscriber, ["raise"])
    sensor.distance = CALM
    wait_alerts(subscriber, ["raise", "clear"])
    assert gateway.stop() == 0
    result = river.call("ledger", "export", "--config", river.configuration)
    assert result.returncode == 0, result.stderr
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    told = [m.json() for m in subscriber.on("/observation/river-1")]
    assert [row["time"] for row in rows] == [t["time"] for t in told]
    assert [row["value"] for row in rows] == [str(t["value"]) for t in told]
    for row in rows:
        assert row["municipality_code"] == "282103" and row["unit"] == "m" and row["name"] == "水位計 river-1"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?\+09:00", row["time"])
    day = rows[0]["time"][:10]
    later = river.call("ledger", "export", "--config", river.configuration, "--from", "2100-01-01")
    assert later.stdout.count("\n") == 1
    same = river.call("ledger", "export", "--config", river.configuration, "--from", day, "--to", rows[-1]["time"][:10])
    assert same.stdout == result.stdout
    summary = river.call("ledger", "export", "--config", river.configuration, "--summary", day[:7])
    assert summary.returncode == 0, summary.stderr
    assert f"# 月次記録 {day[:7]}" in summary.stdout
    assert re.search(r"\| water_level \| 4 \| 1 \| 0 \|", summary.stdout), summary.stdout
    assert "稼働時間" in summary.stdout
    wrong = river.call("ledger", "export", "--config", river.configuration, "--summary", "2026-13")
    assert wrong.returncode == 64
