"""What judges every message of every test can tell wrong from right."""

import json
import re

import pytest
from support.broker import Broker
from support.judge import Judge, data_folder
from support.site import Site
from support.subscriber import Message, Subscriber
from support.waiting import wait_until
from test_demo import publish
from ultrasonic import Ultrasonic

KEY = "k3y"


@pytest.fixture(scope="module")
def heard(top, program, tmp_path_factory):
    """All that a gateway says of a flood, once of each topic and kind of message."""
    folder = tmp_path_factory.mktemp("judged")
    broker = Broker(folder / "broker").start()
    sensor = Ultrasonic(folder / "gauge", distance=4000, interval=0.05)
    site = Site(program, folder / "site")
    observer = None
    try:
        site.mqtt_table["port"] = broker.port
        site.gateway_table["languages"] = ["ja", "ja-x-easy", "en", "vi", "zh-Hans", "pt-BR"]
        (site.folder / "agent-key").write_text(KEY + "\n")
        site.add("fiware", api_key_file="agent-key")
        site.add_ultrasonic("river-1", sensor.terminal.path, levels={"caution": 1.2, "danger": 2.6})
        observer = Subscriber(broker.port).wait_subscribed()
        gateway = site.start().wait_ready()
        wait_until(lambda: observer.on("/attrs"), 20, "a measure")
        sensor.distance = 1500
        wait_until(lambda: observer.on("/cap"), 20, "an alert")
        sensor.distance = 4000
        wait_until(lambda: len(observer.on("/cap")) > 1, 20, "its end")
        assert gateway.stop() == 0
        wait_until(lambda: len(observer.on("/status")) > 1, 10, "offline")
        return observer.snapshot()
    finally:
        site.close()
        if observer:
            observer.close()
        sensor.close()
        broker.stop()


def changed(message, **changes):
    return Message(**{**{name: getattr(message, name) for name in message.__dataclass_fields__}, **changes})


def replaced(message, pattern, text, count=1):
    payload = re.sub(pattern, text, message.payload.decode(), count=count)
    assert payload.encode() != message.payload, pattern
    return changed(message, payload=payload.encode())


def test_what_a_gateway_says_is_in_order(heard, top):
    assert Judge(top, data_folder(top)).problems(heard) == []


SPOILT = [
    # Where, what is replaced, by what.
    ("/alert", r'"revision":\d+', '"revision":0'), ("/alert", r'"mode":"actual"', '"mode":"exercise"'),
    ("/alert", r'"headline":"', '"headline":"【訓練】'), ("/alert", r'"description":"', '"description":"避難してください。'),
    ("/alert", r'("language":"en"[^}]*"description":")', r"\1Warning: "),
    ("/alert", r'("language":"vi"[^}]*"description":")', r"\1sơ tán "),
    ("/status", r'"state":"o', '"state":"p'), ("/observation/river-1", r'"value":', '"worth":'),
    ("/active", r'"through":\d+', '"through":-1'), ("/attrs", r'"TimeInstant"', '"Time"'),
    ("/cap", "<identifier>", "<identifier>a b"), ("/cap", "<sender>", "<sender>a,b"),
    ("/cap", "<restriction>.*?</restriction>", ""), ("/cap", "<status>Actual", "<status>Exercise"),
    ("/cap", "<msgType>Alert", "<msgType>Update"), ("/cap", r"<headline>", "<headline>" + "長" * 160),
    ("/cap", r"(<onset>.*?)\+09:00", r"\1Z"), ("/cap", "<event>.*?</event>", "<event></event>"),
    ("/cap", "<responseType>.*?<", "<responseType>Evacuate<"), ("/cap", "<circle>", "<circle>at "),
]


@pytest.mark.parametrize("topic, pattern, text", SPOILT)
def test_one_thing_wrong_is_found(topic, pattern, text, heard, top, shared_data):
    message = next(m for m in heard if m.topic.endswith(topic) and re.search(pattern, m.payload.decode()))
    spoilt = replaced(message, pattern, text)
    assert Judge(top, shared_data).problems([spoilt])


def test_a_topic_a_flag_or_an_empty_payload_that_may_not_be_is_found(heard, top):
    judge = Judge(top)
    alert = next(m for m in heard if m.topic.endswith("/alert"))
    status = next(m for m in heard if m.topic.endswith("/status"))
    for wrong in [
            changed(alert, topic=alert.topic + "s"), changed(alert, retained=True), changed(alert, qos=0),
            changed(alert, expiry=60), changed(alert, payload=b""), changed(alert, payload=b"{}"),
            changed(alert, payload=b"no JSON"), changed(alert, topic=alert.topic + "/exercise"),
            changed(status, retained=False), changed(status, topic="elsewhere/status")]:
        assert judge.problems([wrong]), wrong
    # What a reload removes is cleared.
    assert judge.problems([changed(status, payload=b"")]) == []


def test_what_a_subscriber_heard_is_judged_when_it_is_closed(broker, make_subscriber, top):
    subscriber = make_subscriber(broker.port, hears_inventions=True)
    publish(broker.port, "mimamori/282103/test-001/alert", json.dumps({"schema": "mimamori.alert/1"}))
    wait_until(lambda: subscriber.on("/alert"), 10, "the invention")
    assert Judge(top).problems(subscriber.snapshot())
