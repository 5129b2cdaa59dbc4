#!/usr/bin/env python3
"""A Bluetooth controller that speaks H4 over a pseudo-terminal and hears scripted tags.

It knows what a scanning host of the legacy kind needs and nothing else: an unknown command is completed with status 01,
as the Core specification has it, so that a host which prefers extended scanning has to fall back.

By hand, until Ctrl-C; LINK is what the gateway opens as its port, a tag is its format and its bytes in hexadecimal
(hyphens are passed over), heard at -60 dBm, twice a second:

    scripted_controller.py LINK ibeacon:5f1c3a7e-0b5d-4c58-9e1e-6a2b8d4f0001-0001-0001 line:32af519e88

It obeys lines on its standard input, with tags counted from 1: `gone 1`, `near 1`, `near 1 -85`, and for the controller
itself `silent` and `well`.
"""

import argparse
import random
import struct
import sys
import threading
import time
from dataclasses import dataclass

from terminal import Terminal

SUCCESS = 0x00
UNKNOWN_COMMAND = 0x01
COMMAND_DISALLOWED = 0x0C
INVALID_PARAMETERS = 0x12

# The lengths of the parameters of the commands that are known, and what a completion returns after the status.
_COMMANDS = {
    0x0C01: (8, b""),  # Set Event Mask
    0x0C03: (0, b""),  # Reset
    0x1001: (0, struct.pack("<BHBHH", 0x09, 0x0100, 0x09, 0x05F1, 0x0100)),  # Read Local Version Information
    0x1002: (0, None),  # Read Local Supported Commands
    0x1009: (0, bytes.fromhex("a5a4a3a2a1a0")),  # Read BD_ADDR
    0x2001: (8, b""),  # LE Set Event Mask
    0x2003: (0, bytes(8)),  # LE Read Local Supported Features: none, so no extended advertising
    0x200B: (7, b""),  # LE Set Scan Parameters
    0x200C: (2, b""),  # LE Set Scan Enable
}
# Octet and bit of each in the answer to Read Local Supported Commands.
_SUPPORTED = [(5, 6), (5, 7), (14, 3), (14, 5), (15, 1), (25, 0), (25, 2), (26, 2), (26, 3)]


def _supported_commands():
    octets = bytearray(64)
    for octet, bit in _SUPPORTED:
        octets[octet] |= 1 << bit
    return bytes(octets)


def advertisement(format, identifier):
    """The advertising data of a tag: flags, then what its format prescribes."""
    flags = bytes.fromhex("020106")
    match format:
        case "ibeacon":
            return flags + bytes.fromhex("1aff4c000215") + identifier + bytes([0xC5])
        case "altbeacon":
            return flags + bytes.fromhex("1bff1801beac") + identifier + bytes([0xC5, 0x00])
        case "eddystone-uid":
            return flags + bytes.fromhex("0303aafe1716aafe00ee") + identifier + bytes(2)
        case "line":
            return flags + bytes.fromhex("03036ffe0b166ffe02") + identifier + bytes([0x7F, 0x00])
    raise ValueError(f"no tag format is called {format}")


@dataclass
class Tag:
    """A tag near the receiver. `signal` is in dBm; None: out of range."""

    format: str
    identifier: bytes
    address: bytes
    interval: float = 0.1
    signal: int | None = None
    heard: int = 0
    next_report: float = 0.0


class ScriptedController:
    """Answers a host's commands and reports its tags while the host scans, in a thread of its own."""

    def __init__(self, path, seed=1):
        self.terminal = Terminal(path)
        self.tags = {}
        self.commands = []
        self.noise = 0
        self.is_scanning = False
        self.silent = False
        self.garbled = False
        self._random = random.Random(seed)
        self._filters_duplicates = False
        self._reported = set()
        self._input = b""
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"controller {path}", daemon=True)
        self._thread.start()

    def add(self, name, format, identifier, interval=0.1):
        """Makes a tag that is out of range until it gets a signal."""
        with self._lock:
            address = struct.pack("<HI", len(self.tags) + 1, 0xC0A2A3A4)
            self.tags[name] = Tag(format, bytes(identifier), address, interval)
            return self.tags[name]

    def set_signal(self, name, signal):
        """The tag is heard at about this strength in dBm from now on; None: not at all."""
        with self._lock:
            self.tags[name].signal = signal

    def close(self):
        self._ended.set()
        self._thread.join()
        self.terminal.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _serve(self):
        while not self._ended.is_set():
            data = self.terminal.read(0.005)
            with self._lock:
                if data:
                    self._take(data)
                self._report()

    def _take(self, data):
        self._input += data
        while len(self._input) >= 4:
            if self._input[0] != 0x01:
                self.noise += 1
                self._input = self._input[1:]
                continue
            length = 4 + self._input[3]
            if len(self._input) < length:
                return
            opcode = struct.unpack_from("<H", self._input, 1)[0]
            parameters = self._input[4:length]
            self._input = self._input[length:]
            self.commands.append((opcode, parameters))
            if not self.silent:
                self._complete(opcode, *self._answer(opcode, parameters))

    def _answer(self, opcode, parameters):
        """The status of a command and what its completion returns."""
        if opcode not in _COMMANDS:
            return UNKNOWN_COMMAND, b""
        length, result = _COMMANDS[opcode]
        if len(parameters) != length:
            return INVALID_PARAMETERS, b""
        if opcode == 0x0C03:
            self.is_scanning = False
        if opcode == 0x1002:
            result = _supported_commands()
        if opcode == 0x200B and self.is_scanning:
            return COMMAND_DISALLOWED, b""
        if opcode == 0x200C:
            if parameters[0] > 1 or parameters[1] > 1:
                return INVALID_PARAMETERS, b""
            self.is_scanning = parameters[0] == 1
            self._filters_duplicates = parameters[1] == 1
            self._reported.clear()
        return SUCCESS, result

    def _complete(self, opcode, status, result):
        event = bytes([1]) + struct.pack("<HB", opcode, status) + result
        self.terminal.write(bytes([0x04, 0x0E, len(event)]) + event)

    def _report(self):
        if not self.is_scanning or self.silent:
            return
        now = time.monotonic()
        for name, tag in self.tags.items():
            if tag.signal is None or tag.next_report > now:
                continue
            # A tag delays each advertisement by up to 10 ms at random.
            tag.next_report = now + tag.interval + self._random.uniform(0, 0.01)
            if self._filters_duplicates and name in self._reported:
                continue
            self._reported.add(name)
            data = advertisement(tag.format, tag.identifier)
            signal = struct.pack("b", tag.signal + self._random.randint(-2, 2))
            count = 0x7F if self.garbled else 1
            event = bytes([0x02, count, 0x03, 0x01]) + tag.address + bytes([len(data)]) + data + signal
            if self.terminal.write(bytes([0x04, 0x3E, len(event)]) + event):
                tag.heard += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("link")
    parser.add_argument("tags", nargs="*", metavar="FORMAT:HEXADECIMAL")
    options = parser.parse_args()
    with ScriptedController(options.link) as controller:
        for number, tag in enumerate(options.tags, 1):
            format, _, identifier = tag.partition(":")
            controller.add(str(number), format, bytes.fromhex(identifier.replace("-", "")), interval=0.5)
            controller.set_signal(str(number), -60)
        print(f"READY {options.link}", flush=True)
        try:
            for line in sys.stdin:
                match line.split():
                    case ["gone", tag] if tag in controller.tags:
                        controller.set_signal(tag, None)
                    case ["near", tag, *signal] if tag in controller.tags:
                        controller.set_signal(tag, int(signal[0]) if signal else -60)
                    case ["silent"]:
                        controller.silent = True
                    case ["well"]:
                        controller.silent = False
                    case _:
                        print(f"not understood: {line.strip()}", file=sys.stderr)
            threading.Event().wait()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
