"""A broker of MQTT 5 that says what a test wants it to: odd limits, and packets that no broker sends."""

import socket
import threading
import time


def number(value):
    """A variable byte integer."""
    text = b""
    while True:
        value, low = divmod(value, 128)
        text += bytes([low | (128 if value else 0)])
        if not value:
            return text


def packet(first, body):
    return bytes([first]) + number(len(body)) + body


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return len(data).to_bytes(2, "big") + data


def publish(topic, payload=b"", qos=1, retain=False, properties=b"", id=77):
    body = text(topic) + (id.to_bytes(2, "big") if qos else b"") + number(len(properties)) + properties + payload
    return packet(0x30 | qos << 1 | retain, body)


class ScriptedBroker:
    """Accepts every client, grants what it subscribes to and acknowledges what it publishes, unless told otherwise.

    `grants`: the properties of its CONNACK. `delay`: seconds before it acknowledges. `attack`: bytes that each client gets
    behind the answer to its first subscription; empty when there is nothing to be listened to. `drops`: tells by topic and
    payload over which messages it ends the connection without a word.
    """

    def __init__(self, grants=b"", delay=0.0, attack=b"", drops=lambda topic, payload: False):
        self.grants, self.delay, self.attack, self.drops = grants, delay, attack, drops
        self.dropped = []
        # Topic as it was written, its length on the wire, and the properties.
        self.published, self.subscribed, self.connections, self.pings = [], [], 0, []
        self.most_unacknowledged = 0
        self.attacks = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._open = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            self._talk(client, client.makefile("rb"))
        except (OSError, IndexError, EOFError):
            pass
        client.close()

    @staticmethod
    def _read(stream):
        first = stream.read(1)
        if not first:
            raise EOFError
        length, shift = 0, 0
        while True:
            byte = stream.read(1)[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return first[0], stream.read(length), length

    def _talk(self, client, stream):
        waiting, lock = [], threading.Lock()
        is_attacked = False
        while True:
            first, body, length = self._read(stream)
            match first >> 4:
                case 1:
                    client.sendall(packet(0x20, b"\0\0" + number(len(self.grants)) + self.grants))
                case 3:
                    size = int.from_bytes(body[:2], "big")
                    id, rest = body[2 + size:4 + size], body[4 + size:]
                    properties, payload = rest[1:1 + rest[0]], rest[1 + rest[0]:]
                    if self.drops(body[2:2 + size].decode(), payload):
                        self.dropped.append(payload)
                        return
                    with lock:
                        waiting.append(id)
                        self.most_unacknowledged = max(self.most_unacknowledged, len(waiting))
                    self.published.append((body[2:2 + size].decode(), 1 + len(number(length)) + length, properties, payload))

                    def acknowledge(id=id):
                        with lock:
                            waiting.remove(id)
                        try:
                            client.sendall(packet(0x40, id))
                        except OSError:
                            pass

                    if self.delay:
                        threading.Timer(self.delay, acknowledge).start()
                    else:
                        acknowledge()
                case 8:
                    topics, rest = [], body[3 + body[2]:]
                    while rest:
                        size = int.from_bytes(rest[:2], "big")
                        topics.append(rest[2:2 + size].decode())
                        rest = rest[3 + size:]
                    self.subscribed += topics
                    client.sendall(packet(0x90, body[:2] + b"\0" + b"\1" * len(topics)))
                    if self.attack and not is_attacked:
                        is_attacked = True
                        self.attacks += 1
                        client.sendall(self.attack)
                case 10:
                    client.sendall(packet(0xB0, body[:2] + b"\0\0"))
                case 12:
                    self.pings.append(time.monotonic())
                    client.sendall(packet(0xD0, b""))
                case 14:
                    return

    def on(self, topic):
        return [entry for entry in self.published if entry[0] == topic]

    def cut(self):
        """Ends every connection."""
        for client in self._open:
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()
