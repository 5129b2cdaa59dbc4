"""The city's side of commands: signs with Python's cryptography and asks through paho. Nothing of the gateway's code."""

import base64
import datetime
import json
import threading

import paho.mqtt.client as paho
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from .site import ROOT
from .waiting import wait_until

RIGHTS = ["acknowledge", "silence", "exercise", "test", "maintenance", "report", "reload", "search"]


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def moment(seconds=0):
    """A time so many seconds from now."""
    time = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return time.isoformat(timespec="milliseconds")


class Authority:
    """A key of its own, and commands signed with it."""

    def __init__(self, kid="city-2026"):
        self.kid = kid
        self.key = Ed25519PrivateKey.generate()
        self._count = 0

    def allow(self, site, rights=RIGHTS):
        """Adds this authority to a site that is not written yet."""
        path = site.folder / f"{self.kid}.pub"
        path.write_bytes(self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
        site.add("[authority]", kid=self.kid, public_key_file=str(path), may=rights)
        return self

    def payload(self, do, gateway, **changes):
        self._count += 1
        members = {
            "id": f"{self.kid}-{self._count}", "root": ROOT, "to": [gateway], "issued": moment(), "expires": moment(600),
            "do": do}
        members.update(changes)
        return {name: value for name, value in members.items() if value is not None}

    def sign(self, payload, header=None):
        """A JWS in compact form over any payload, bytes or not, under any header."""
        if not isinstance(payload, bytes):
            payload = json.dumps(payload).encode()
        header = header or {"alg": "EdDSA", "typ": "mimamori-command", "kid": self.kid}
        text = encode(json.dumps(header).encode()) + b"." + encode(payload)
        return text + b"." + encode(self.key.sign(text))

    def command(self, do, gateway, **changes):
        payload = self.payload(do, gateway, **changes)
        return payload["id"], self.sign(payload)


class Requester:
    """Publishes, also with a response topic, and waits for what comes back there."""

    def __init__(self, port, name="requester", username=None, tls=None):
        """`tls`: the files of the authority, the certificate and the key."""
        self.answers = []
        self._ready = threading.Event()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, name, protocol=paho.MQTTv5)
        if username is not None:
            self._client.username_pw_set(username, username)
        if tls is not None:
            self._client.tls_set(*map(str, tls))
        self._client.on_message = lambda client, userdata, message: self.answers.append(
            (message.topic, bytes(message.payload), getattr(message.properties, "CorrelationData", None)))
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.reconnect_delay_set(0.1, 0.5)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def listen(self, topic):
        self._ready.clear()
        self._client.subscribe(topic, 1)
        assert self._ready.wait(10)

    def send(self, topic, payload, retain=False, response=None, correlation=None, qos=1):
        properties = Properties(PacketTypes.PUBLISH)
        if response is not None:
            properties.ResponseTopic = response
        if correlation is not None:
            properties.CorrelationData = correlation
        self._client.publish(topic, payload, qos, retain, properties).wait_for_publish(10)

    def post(self, topic, payload):
        """Hands a message over and waits for nothing; while there is no broker it is thrown away."""
        if self._client.is_connected():
            self._client.publish(topic, payload, 1)

    def wait_answer(self, what, seconds=10):
        return wait_until(lambda: next((a for a in self.answers if what(a)), None), seconds, "an answer comes")

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()
