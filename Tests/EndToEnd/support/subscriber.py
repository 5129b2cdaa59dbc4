"""An independent subscriber: paho, nothing of the gateway's code."""

import json
import threading
from collections import deque
from dataclasses import dataclass

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from .waiting import wait_until


@dataclass(frozen=True)
class Message:
    topic: str
    payload: bytes
    retained: bool
    qos: int
    expiry: int | None

    def json(self):
        return json.loads(self.payload)


class Subscriber:
    """Records everything under `filter`, in the order of arrival, through a persistent session with QoS 1.

    The retained flag is as the publisher set it (MQTT 5's "retain as published"). What it heard is judged when it is
    closed, unless it listens to what a test made up.
    """

    # What closed subscribers heard and nobody has judged yet.
    unjudged = deque()

    def __init__(self, port, filter="#", name="observer", username=None, password=None, hears_inventions=False):
        self._hears_inventions = hears_inventions
        self.messages = []
        self._filter = filter
        self._lock = threading.Lock()
        self._subscribed = threading.Event()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, name, protocol=paho.MQTTv5)
        if username is not None:
            self._client.username_pw_set(username, password)
        self._client.reconnect_delay_set(0.1, 0.5)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._properties = Properties(PacketTypes.CONNECT)
        self._properties.SessionExpiryInterval = 3600
        self._port = port
        self._connect()

    def _connect(self):
        self._client.connect_async("127.0.0.1", self._port, clean_start=False, properties=self._properties)
        self._client.loop_start()

    def _on_connect(self, client, userdata, flags, reason, properties):
        if reason.is_failure:
            return
        if flags.session_present and self._subscribed.is_set():
            return
        client.subscribe(self._filter, options=SubscribeOptions(qos=1, retainAsPublished=True))

    def _on_message(self, client, userdata, message):
        expiry = getattr(message.properties, "MessageExpiryInterval", None)
        record = Message(message.topic, bytes(message.payload), message.retain, message.qos, expiry)
        with self._lock:
            self.messages.append(record)

    def wait_subscribed(self, seconds=10):
        wait_until(self._subscribed.is_set, seconds, "the subscription is granted")
        return self

    def reconnect(self):
        """A fresh connection of the same session: the broker sends again what was not acknowledged."""
        self._client.disconnect()
        self._client.loop_stop()
        self._connect()

    def snapshot(self):
        with self._lock:
            return list(self.messages)

    def on(self, suffix):
        """The messages whose topic ends with `suffix`, in the order of arrival."""
        return [message for message in self.snapshot() if message.topic.endswith(suffix)]

    def wait_for(self, condition, seconds, what):
        """The first message for which `condition(message)` holds, also among those that came before."""
        def found():
            for message in self.snapshot():
                if condition(message):
                    return message
            return None

        def story():
            topics = "\n  ".join(message.topic for message in self.snapshot()[-20:])
            return f"{what}; the last topics:\n  {topics}"

        return wait_until(found, seconds, story)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()
        if not self._hears_inventions:
            Subscriber.unjudged.extend(self.snapshot())
