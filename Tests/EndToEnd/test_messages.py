"""Every published message, against the published schemas, the OASIS schema of CAP and the contract's table of topics."""

import json
import re
import shutil
import subprocess
from collections import Counter, defaultdict
from datetime import datetime
from xml.etree import ElementTree

import pytest
from scripted_controller import ScriptedController
from support.city import City, random_persons
from support.messages import Schemas, rule_of
from support.site import ROOT, WATCH_ROOT
from support.waiting import wait_until
from ultrasonic import NO_TARGET, Ultrasonic

LEVELS = {"caution": 1.2, "danger": 2.6, "flooding": 3.4}
NAMESPACE = "{urn:oasis:names:tc:emergency:cap:1.2}"


@pytest.fixture(scope="session")
def schemas(top):
    return Schemas(top)


@pytest.fixture(scope="session")
def demo_messages(played_demo):
    """What the demo's site publishes in its own time, as an independent subscriber gets it."""
    return played_demo.messages()


def test_all_that_the_demo_publishes_is_valid(demo_messages, schemas):
    assert schemas.problems(demo_messages, "demo-001") == []
    seen = {rule_of(message.topic, "demo-001")[0] for message in demo_messages}
    assert {"status", "info", "alert", "active", "observation", "output", "place", "notice", "head"} <= seen


def test_the_demo_tells_its_story(demo_messages):
    alerts = [message.json() for message in demo_messages if message.topic.endswith("/alert")]
    told = {(alert["sensor"], alert["message"], alert["step"]) for alert in alerts if alert["kind"] == "water_level"}
    assert {("river-1", "raise", "standby"), ("river-1", "update", "caution"), ("river-1", "update", "danger"),
            ("river-1", "update", "flooding"), ("canal-1", "raise", "caution")} <= told
    assert ("river-1", "clear") in {entry[:2] for entry in told}
    assert ("underpass-1", "flood_contact") in {(alert["sensor"], alert["kind"]) for alert in alerts}
    notices = [message.json() for message in demo_messages
               if message.topic.startswith(WATCH_ROOT) and not message.topic.endswith("/head")]
    assert Counter((notice["subject"][:4], notice["kind"]) for notice in notices) == {
        ("7f3a", "arrival"): 1, ("7f3a", "departure"): 1, ("1c4e", "arrival"): 1}
    siren = [message.json()["state"] for message in demo_messages if message.topic.endswith("/output/siren")]
    assert "on" in siren and siren[-1] == "off"


def test_a_schema_refuses_what_is_not_in_the_contract(demo_messages, schemas):
    """The validation itself can fail: each kind of message, spoilt, is refused."""
    spoilt = Counter()
    for message in demo_messages:
        name = rule_of(message.topic, "demo-001")[0]
        content = message.json() if name else None
        if name is None or spoilt[name] or not schemas.validator(name).is_valid(content):
            continue
        spoilt[name] += 1
        for member in content:
            without = {key: value for key, value in content.items() if key != member}
            if member in schemas.validator(name).schema["required"]:
                assert not schemas.validator(name).is_valid(without), f"{name} without {member}"
        assert not schemas.validator(name).is_valid({**content, "schema": f"mimamori.{name}/9"})
    assert len(spoilt) >= 9


def test_after_a_connect_come_status_then_active_then_the_rest(demo_messages):
    first = [message.topic.removeprefix(f"{ROOT}/demo-001/") for message in demo_messages[:3]]
    assert first[:2] == ["status", "active"], first
    assert demo_messages[0].json()["state"] == "online"
    assert demo_messages[1].json()["alerts"] == []
    assert demo_messages[-1].topic == f"{ROOT}/demo-001/status"
    online, last = demo_messages[0].json(), demo_messages[-1].json()
    assert (last["state"], last["cause"]) == ("offline", "stop")
    assert (last["boot"], last["connection"]) == (online["boot"], online["connection"])


def test_texts_are_in_every_language_and_order_nobody_about(demo_messages):
    texts = 0
    for message in demo_messages:
        name = rule_of(message.topic, "demo-001")[0]
        if name not in ("alert", "notice"):
            continue
        content = message.json()
        assert [entry["language"] for entry in content["text"]] == ["ja", "ja-x-easy", "en"]
        for entry in content["text"]:
            texts += 1
            assert entry["headline"].strip() and entry["description"].strip()
            words = " ".join(str(part) for part in entry.values())
            # A gateway measures; evacuation and official warnings are not its to give.
            assert not re.search(r"避難指示|高齢者等避難|緊急安全確保|避難せよ|避難して|警報|注意報|危険情報", words), words
            assert not re.search(r"(?i)evacuate|evacuation order|warning", words), words
            assert "訓練" not in words and "試験" not in words
    assert texts >= 30


def test_times_are_of_the_configured_zone_and_never_in_the_future(demo_messages):
    for message in demo_messages:
        if rule_of(message.topic, "demo-001")[0] != "alert":
            continue
        alert = message.json()
        onset, detected, expires = (datetime.fromisoformat(alert[name]) for name in ("onset", "detected", "expires"))
        assert onset <= detected < expires
        assert detected.utcoffset().total_seconds() == 9 * 3600
        assert detected <= datetime.now(detected.tzinfo)


def test_every_alert_is_told_as_cap_that_the_oasis_schema_accepts(demo_messages, shared_data, tmp_path):
    documents = [message.payload for message in demo_messages if message.topic.endswith("/cap")]
    alerts = [message.json() for message in demo_messages if message.topic.endswith("/alert")]
    assert len(documents) == len(alerts) > 5
    files = []
    for number, document in enumerate(documents):
        files.append(tmp_path / f"{number}.xml")
        files[-1].write_bytes(document)
    schema = shared_data / "cap" / "CAP-v1.2.xsd"
    result = subprocess.run(
        [shutil.which("xmllint") or "xmllint", "--nonet", "--noout", "--schema", schema, *files],
        capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stderr.count(" validates") == len(files)
    cap_chains_are_whole([ElementTree.fromstring(document) for document in documents])


def parameters(document):
    return {
        element.findtext(f"{NAMESPACE}valueName"): element.findtext(f"{NAMESPACE}value")
        for element in document.iter(f"{NAMESPACE}parameter")}


def cap_chains_are_whole(documents):
    """An Update or a Cancel refers to every earlier message of its alert, byte for byte as that was sent."""
    identifiers, sent = set(), {}
    kinds = Counter()
    for document in documents:
        text = {element.tag.removeprefix(NAMESPACE): element.text for element in document}
        kind = parameters(document)["kind"]
        # A sensor's trouble is between machines and those who mend them.
        assert text["status"] == ("System" if kind in ("sensor_fault", "blind") else "Actual"), kind
        assert text["scope"] == "Restricted" and text["restriction"]
        assert text["identifier"] not in identifiers
        assert not re.search(r"[\s,<&]", text["identifier"] + text["sender"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+09:00", text["sent"])
        identifiers.add(text["identifier"])
        triple = ",".join((text["sender"], text["identifier"], text["sent"]))
        kinds[text["msgType"]] += 1
        references = (text.get("references") or "").split()
        if text["msgType"] == "Alert":
            assert not references
        else:
            assert references and all(reference in sent for reference in references)
            assert references == sent[references[0]]
        chain = sent[references[0]] if references else []
        chain.append(triple)
        sent[triple] = chain
        codes = {element.findtext(f"{NAMESPACE}value") for element in document.iter(f"{NAMESPACE}geocode")}
        assert "282103" in codes
    assert kinds["Alert"] and kinds["Update"] and kinds["Cancel"]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_all_that_a_running_gateway_publishes_is_valid(
        site, broker, subscriber, schemas, peers, tmp_path, chance, version):
    sensor = peers(Ultrasonic(tmp_path / "gauge", distance=4000, interval=0.05))
    controller = peers(ScriptedController(tmp_path / "beacon"))
    site.mqtt_table.update(port=broker.port, version=version)
    site.add_ultrasonic("river-1", sensor.terminal.path, levels=LEVELS, stale_after="2s")
    site.add_receiver("gate", controller.terminal.path)
    site.add_place("school", ["gate"], gone_after="2s")
    [person] = random_persons(chance, 1, ["school"])
    controller.add("child", person.format, person.identifier, interval=0.1)
    city = City(site, tmp_path / "city")
    city.equip(city.list_for([person]))
    gateway = site.start().wait_ready()

    def alerts(kind):
        return [message.json() for message in subscriber.on("/alert") if message.json()["kind"] == kind]

    def notices():
        return [m.json() for m in subscriber.snapshot() if rule_of(m.topic, site.name)[0] == "notice"]

    for count, distance in enumerate([3000, 1500, 1000, 3000, 4400], start=1):
        sensor.distance = distance
        wait_until(lambda: len(alerts("water_level")) == count, 10, f"message {count} of the river")
    controller.set_signal("child", -60)
    wait_until(lambda: len(notices()) == 1, 10, "the arrival")
    controller.set_signal("child", None)
    wait_until(lambda: len(notices()) == 2, 10, "the departure")
    sensor.distance = NO_TARGET
    wait_until(lambda: len(alerts("sensor_fault")) == 1, 10, "the fault of a sensor without a target")
    assert alerts("sensor_fault")[0]["fault"] == "no_target"
    sensor.distance = 3000
    wait_until(lambda: [a["message"] for a in alerts("sensor_fault")] == ["raise", "clear"], 10, "the fault's end")
    controller.terminal.unplug()
    wait_until(lambda: [a["message"] for a in alerts("blind")] == ["raise"], 15, "a place without a receiver is blind")
    assert gateway.stop() == 0
    subscriber.wait_for(
        lambda message: message.topic.endswith("/status") and message.json()["state"] == "offline", 10, "offline")
    assert schemas.problems(subscriber.snapshot(), site.name) == []
    assert [notice["kind"] for notice in notices()] == ["arrival", "departure"]


def test_a_new_connection_begins_with_status_and_active_again(site, broker, subscriber, peers, tmp_path):
    sensor = peers(Ultrasonic(tmp_path / "gauge", distance=1500, interval=0.05))
    site.mqtt_table["port"] = broker.port
    site.add_ultrasonic("river-1", sensor.terminal.path, levels=LEVELS)
    site.start().wait_ready()
    subscriber.wait_for(lambda message: message.topic.endswith("/alert"), 10, "the alert")
    connections = defaultdict(list)

    def online():
        return [m.json()["connection"] for m in subscriber.on("/status") if m.json()["state"] == "online"]

    broker.stop()
    broker.start()
    wait_until(lambda: len(set(online())) == 2, 60, "the gateway is online again")
    subscriber.wait_for(
        lambda message: message.topic.endswith("/active") and connection_of(message, subscriber) == max(online()), 10,
        "the active alerts again")
    current = 0
    for message in subscriber.snapshot():
        if message.topic.endswith("/status") and message.json()["state"] == "online":
            current = message.json()["connection"]
        connections[current].append(message.topic.removeprefix(f"{ROOT}/{site.name}/"))
    assert max(online()) > min(online())
    assert connections[max(online())][:2] == ["status", "active"]


def connection_of(message, subscriber):
    """The number of the connection under which a message came."""
    current = 0
    for other in subscriber.snapshot():
        if other.topic.endswith("/status") and other.json()["state"] == "online":
            current = other.json()["connection"]
        if other is message:
            return current
    return current


def test_the_program_prints_the_schemas_that_are_documented(site, schemas):
    files = sorted(schemas.folder.glob("*.schema.json"))
    assert len(files) >= 10
    for file in files:
        result = site.call("schema", file.name.removesuffix(".schema.json"))
        assert result.returncode == 0, result.stderr
        assert json.loads(result.stdout) == json.loads(file.read_text()), file.name
    assert site.call("schema", "nonsense").returncode == 64
