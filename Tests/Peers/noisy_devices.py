"""Devices on a wire that is spoilt: what each says is right, and what arrives is not, until the noise ends.

Each device is a thread on a pseudo-terminal. While `noise` is set its frames are halved, lose bytes, repeat bytes or,
where they carry a check, have a bit flipped, and bytes that belong to nothing come between them. A new device is a class
with `answer`, `frame` or both.
"""

import random
import threading
import time

from terminal import Terminal

# Metres of water during the noise and after it.
LOW, HIGH = 1.2, 3.5


def modbus_checksum(data):
    """CRC-16/MODBUS, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


class NoisyDevice:
    """One wire. `good` is set to let whole frames through; what came first is then in `first_good`."""

    KINDS = ("random_stream", "random_bursts", "half_frames", "dropped_bytes", "repeated_bytes", "flipped_bits")
    has_check = True
    bytes_per_second = 960
    # Seconds between two frames that it sends by itself.
    interval = 0.1
    # Seconds that the gateway may be busy with itself after noise.
    settle = 1.0

    def __init__(self, path, seed):
        self.terminal = Terminal(path)
        self.chance = random.Random(seed)
        self.noise = True
        self.level = LOW
        self.may_talk = True
        self.first_good = None
        self.bytes_sent = 0
        self._started = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"noise {path}", daemon=True)
        self._thread.start()

    # What a device is

    def answer(self, request):
        """What it answers to bytes from the gateway."""
        return b""

    def frame(self):
        """What it says by itself."""
        return b""

    # What the wire does

    @property
    def kind(self):
        return self.KINDS[int((time.monotonic() - self._started) / 3) % len(self.KINDS)]

    def _spoil(self, frame):
        if not self.noise or not frame:
            return frame
        place = self.chance.randrange(len(frame))
        match self.kind:
            case "half_frames":
                return frame[:place] if self.chance.random() < 0.5 else frame[place + 1:]
            case "dropped_bytes":
                return frame[:place] + frame[place + 1:]
            case "repeated_bytes":
                return frame[:place] + frame[place:place + 1] * self.chance.randint(2, 4) + frame[place + 1:]
            case "flipped_bits" if self.has_check:
                return frame[:place] + bytes([frame[place] ^ 1 << self.chance.randrange(8)]) + frame[place + 1:]
        return frame

    def _send(self, frame, is_good=False):
        if frame and self.terminal.write(frame):
            self.bytes_sent += len(frame)
            if is_good and not self.noise and self.first_good is None:
                self.first_good = time.monotonic()

    def _run(self):
        next_talk = next_noise = time.monotonic()
        while not self._ended.is_set():
            request = self.terminal.read(0.02)
            if request:
                self._send(self._spoil(self.answer(request)), is_good=self.frame() == b"")
            now = time.monotonic()
            if self.noise and now >= next_noise:
                next_noise = now + 0.05
                self._stray()
            if now >= next_talk and (self.noise or self.may_talk):
                next_talk = now + self.interval
                self._send(self._spoil(self.frame()), is_good=True)

    def _stray(self):
        match self.kind:
            case "random_stream":
                self._send(self.chance.randbytes(min(self.bytes_per_second // 20, 512)))
            case "random_bursts" if self.chance.random() < 0.5:
                self._send(self.chance.randbytes(self.chance.randint(1, 40)))

    def quieten(self):
        """The noise ends; nothing is said until the gateway has come to rest."""
        self.may_talk = False
        self.noise = False

    def rise(self):
        """Whole frames from now on, with the high water."""
        self.level = HIGH
        self.first_good = None
        self.may_talk = True

    def close(self):
        self._ended.set()
        self._thread.join()
        self.terminal.close()


class NoisyModbus(NoisyDevice):
    """One register with millimetres in every place of unit 1."""

    def answer(self, request):
        if len(request) != 8 or request[:2] != b"\x01\x04" or modbus_checksum(request[:6]) != request[6:]:
            return b""
        count = int.from_bytes(request[4:6])
        body = bytes([1, 4, 2 * count]) + round(self.level * 1000).to_bytes(2) * count
        return body + modbus_checksum(body)


def sdi12_checksum(data):
    """CRC-16/ARC in three characters."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return bytes([0x40 | crc >> 12, 0x40 | crc >> 6 & 0x3F, 0x40 | crc & 0x3F])


class NoisySDI12(NoisyDevice):
    """A device at address 0 that measures all the time and sends its values with a check.

    A pseudo-terminal has eight bits: each character carries its even parity in the highest one.
    """

    bytes_per_second = 120

    def answer(self, request):
        if not bytes(character & 0x7F for character in request).endswith(b"0RC0!"):
            return b""
        body = f"0+{self.level:.3f}".encode()
        line = body + sdi12_checksum(body) + b"\r\n"
        return bytes(character | (character.bit_count() & 1) << 7 for character in line)


class NoisyMaxBotix(NoisyDevice):
    """An HRXL 4.5 m above the gauge's zero: R and four digits, without any check."""

    has_check = False
    interval = 0.15

    def frame(self):
        return f"R{4500 - round(self.level * 1000):04}\r".encode()


class NoisyText(NoisyDevice):
    """A sensor that nobody has thought of: a line of text whose last digits are its sum."""

    interval = 0.2

    def frame(self):
        body = f"WL {self.level:.3f} m".encode()
        return b"$" + body + f"*{modbus_checksum(body)[::-1].hex().upper()}\r\n".encode()


class NoisyUltrasonic(NoisyDevice):
    """An A02YYUW 4.5 m above the gauge's zero: FF high low sum."""

    def frame(self):
        distance = 4500 - round(self.level * 1000)
        body = bytes([0xFF, distance >> 8, distance & 0xFF])
        return body + bytes([sum(body) & 0xFF])


class NoisySatellites(NoisyDevice):
    """A satellite receiver that stands still, and stands elsewhere when the water is high."""

    interval = 0.2
    # The minutes of 34 degrees north, during the noise and after it.
    minutes = {LOW: "10.0000", HIGH: "30.0000"}

    def frame(self):
        body = f"GNRMC,031530.00,A,34{self.minutes[self.level]},N,13450.4820,E,0.02,,211126,,,A".encode()
        total = 0
        for byte in body:
            total ^= byte
        return b"$" + body + f"*{total:02X}\r\n".encode()


class NoisyReceiver(NoisyDevice):
    """A Bluetooth controller that hears a stranger's tag during the noise, and the listed one after it."""

    bytes_per_second = 10_000
    settle = 12.0
    stranger = bytes.fromhex("0f0e0d0c0b0a09080706050403020100") + b"\x00\x01\x00\x02"
    # Set by the test before the noise ends.
    listed = stranger

    def answer(self, request):
        events, rest = b"", request
        while len(rest) >= 4 and rest[0] == 1:
            opcode = int.from_bytes(rest[1:3], "little")
            returned = {0x2003: bytes(8), 0x1002: bytes(37) + b"\x60" + bytes(26)}.get(opcode, b"")
            events += bytes([4, 0x0E, 4 + len(returned), 1]) + rest[1:3] + b"\x00" + returned
            rest = rest[4 + rest[3]:]
        return events

    def frame(self):
        tag = self.stranger if self.level == LOW else self.listed
        data = bytes.fromhex("0201061aff4c000215") + tag + b"\xc5"
        report = bytes([3, 1]) + bytes.fromhex("0122334455c6") + bytes([len(data)]) + data + b"\xc4"
        return bytes([4, 0x3E, len(report) + 2, 2, 1]) + report
