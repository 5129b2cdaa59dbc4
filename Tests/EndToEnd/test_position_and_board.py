"""A vehicle that passes a child, a clock that only satellites keep, and a board that says so before it fails."""

import datetime
import json
import time

import jsonschema
from satellite_receiver import SatelliteReceiver
from scripted_controller import ScriptedController
from support.city import City, random_persons
from support.site import WATCH_ROOT
from support.waiting import wait_until

HERE = (34.75668, 134.84137)


def add_satellite_receiver(site, peer):
    site.add("serial.gnss", device=peer.terminal.path, baud=9600, frame="8N1")
    site.add("[sensor]", id="gnss", name="位置", driver="nmea", serial="gnss", quantity="position", stale_after="1h")


def test_a_passage_carries_the_position_and_time_of_its_moment(site, broker, subscriber, peers, chance, tmp_path):
    satellites = peers(SatelliteReceiver(tmp_path / "gnss", HERE))
    ears = peers(ScriptedController(tmp_path / "beacon"))
    site.mqtt_table["port"] = broker.port
    add_satellite_receiver(site, satellites)
    site.add_receiver("ears", ears.terminal.path)
    site.add(
        "[place]", id="bike-7", name="郵便バイク 7号", sensors=["ears"], position_from="gnss", enter=-80, leave=-90,
        gone_after="3s")
    persons = random_persons(chance, 2, ["bike-7"])
    for person in persons:
        ears.add(person.subject, person.format, person.identifier, interval=0.1)
    city = City(site, tmp_path / "city")
    city.equip(city.list_for(persons))
    gateway = site.start().wait_ready()
    wait_until(
        lambda: any(message.json().get("working") for message in subscriber.on("/observation/gnss")), 20,
        "the position receiver works")

    def passages(person):
        return [message.json() for message in subscriber.snapshot()
                if message.topic == f"{WATCH_ROOT}/{person.subject}/{site.name}"]

    ears.set_signal(persons[0].subject, -60)
    wait_until(lambda: passages(persons[0]), 10, "the first passage")
    first = passages(persons[0])[0]
    assert first["kind"] == "passage" and first["place"] == "bike-7"
    assert abs(first["position"]["latitude"] - HERE[0]) < 1e-5 and abs(first["position"]["longitude"] - HERE[1]) < 1e-5
    assert first["position"]["accuracy_m"] == 6
    age = datetime.datetime.fromisoformat(first["detected"]) - datetime.datetime.fromisoformat(first["position"]["time"])
    assert abs(age.total_seconds()) < 3
    schema = site.call("schema", "notice")
    assert schema.returncode == 0, schema.stderr
    jsonschema.validate(first, json.loads(schema.stdout))

    # Into a tunnel: no fix is no position, neither the last one nor the configured one.
    satellites.position = None
    ears.set_signal(persons[0].subject, None)
    time.sleep(3.5)  # A fix of three seconds ago is no position any more.
    ears.set_signal(persons[1].subject, -60)
    wait_until(lambda: passages(persons[1]), 10, "the second passage")
    assert passages(persons[1])[0]["position"] is None
    assert not [m for m in subscriber.snapshot() if b"34.756" in m.payload and not m.topic.startswith(WATCH_ROOT)]
    assert gateway.stop() == 0
    assert not [p for p in passages(persons[0]) + passages(persons[1]) if p["kind"] != "passage"]


def test_a_nearly_full_memory_is_an_alert_before_anything_fails(site, broker, subscriber):
    site.mqtt_table["port"] = broker.port
    site.add("[sensor]", id="memory", name="国包局 メモリ", driver="board", read="memory", quantity="memory_free",
             every="1s")
    site.add("[sensor]", id="disk", name="国包局 記録", driver="board", read="disk:/", quantity="storage_free", every="1s")
    site.add("[sensor]", id="gone", name="国包局 電源", driver="board", read="power_supply:none/voltage_now",
             quantity="voltage", every="1s", stale_after="3s")
    # No machine has this much free: the limit is crossed at once.
    site.add("[limit]", sensor="memory", below=100.0, confirm="0s", severity="minor")
    site.start().wait_ready()
    alert = subscriber.wait_for(
        lambda m: m.topic.endswith("/alert") and m.json()["sensor"] == "memory", 15, "the limit's alert").json()
    assert alert["kind"] == "board" and alert["message"] == "raise" and 0 < alert["observed"]["value"] < 100
    assert "国包局 メモリ" in alert["text"][0]["headline"]
    # What was read before the broker was there is spread over the first minute after it is.
    observation = subscriber.wait_for(
        lambda m: m.topic.endswith("/observation/disk") and m.json()["value"] is not None, 75, "the disk").json()
    assert observation["unit"] == "%" and 0 < observation["value"] <= 100
    fault = subscriber.wait_for(
        lambda m: m.topic.endswith("/alert") and m.json()["sensor"] == "gone", 15, "the missing supply's fault").json()
    assert fault["kind"] == "sensor_fault"
