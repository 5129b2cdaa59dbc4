#!/usr/bin/env python3
"""Sensors on an SDI-12 line, written from the specification (version 1.4), on a pseudo-terminal.

A pseudo-terminal has eight bits and no break: a zero byte stands for a break, and each character carries its even parity
in its highest bit, as 7E1 does on a wire. With `--plain` characters have no parity bit and need no break before them, as
at the other end of a port that makes both by itself, or of an adapter that speaks SDI-12 on its own.

    sdi12_sensor.py LINK --sensor 0 M:2:3.14,-2.718 C:1:1.5 R0:0:4.2 --sensor 1 M:0:7.77

is two sensors. A measurement is its command, the seconds it takes, and its values as they are sent. Each sensor sleeps
when the line has been silent and is woken by a break; a break or a command ends its measurement, except that a
concurrent one only ends by a command to the sensor itself (4.4.6, 4.4.8). It answers after 8.33 ms, 8.33 ms a character.

Prints `READY <path>`. While it runs it obeys lines on its standard input:

    silent A         sensor A answers nothing
    garble A         one bit of each of its answers with values is wrong, with its parity put right
    parity A         one character of each of its answers has the wrong parity
    empty A          it has no values
    heal A           all is well again
    set A M 1 3.15   the first value of its measurement M
    name A TEXT      what it says to aI! behind the version of SDI-12
    stats            prints `STATS {…}`: what was heard on the line
"""

import argparse
import json
import sys
import threading
import time

from terminal import Terminal

CHARACTER = 10 / 1200
MARK_BEFORE_ANSWER = 0.00833
# 100 ms by the specification, and what a busy machine takes to run this program and the gateway.
FALLS_ASLEEP_AFTER = 0.5
MOST_CHARACTERS = {"M": 35, "C": 75, "R": 75}


def crc(text):
    """The three characters of section 4.4.12.3."""
    value = 0
    for byte in text.encode("ascii"):
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return "".join(chr(0x40 | part) for part in (value >> 12, value >> 6 & 0x3F, value & 0x3F))


def with_parity(character):
    return character | (character.bit_count() & 1) << 7


class Sensor:
    def __init__(self, address, measurements):
        self.address = address
        self.identity = "MIMAMORITESTER001-0000042"
        self.measurements = {}
        for text in measurements:
            command, seconds, values = text.split(":")
            self.measurements[command] = (int(seconds), values.split(","))
        self.trouble = None
        self.running = None  # (command, when it is ready, with a checksum)
        self.data = None  # (command, with a checksum)

    def parts(self, command):
        """The values as they are sent: each part goes into one answer to D0, D1 and so on."""
        parts, current = [], ""
        for value in self.measurements[command][1]:
            signed = value if value[0] in "+-" else f"+{value}"
            if len(current) + len(signed) > MOST_CHARACTERS[command[0]]:
                parts.append(current)
                current = ""
            current += signed
        return [*parts, current]


class Line:
    def __init__(self, options):
        self.terminal = Terminal(options.link)
        self.plain = options.plain
        self.echo = options.echo
        self.sensors = {}
        for address, *measurements in options.sensor:
            self.sensors[address] = Sensor(address, measurements)
        self.stats = {"breaks": 0, "asleep": 0, "parity": 0, "aborted": 0, "served": 0, "commands": {}}
        self.lock = threading.RLock()
        self._awake_until = 0.0
        self._command = ""

    # Listening

    def run(self):
        while True:
            with self.lock:
                wait = self._next_event() - time.monotonic()
            received = self.terminal.read(min(max(wait, 0.0), 0.05))
            with self.lock:
                # What became ready before the bytes came was ready when they came.
                self._serve()
                for byte in received:
                    self._take(byte)
                self._serve()

    def _take(self, byte):
        now = time.monotonic()
        if byte == 0:
            self.stats["breaks"] += 1
            self._awake_until = now + FALLS_ASLEEP_AFTER
            self._command = ""
            for sensor in self.sensors.values():
                if sensor.running and not sensor.running[0].startswith("C"):
                    sensor.running = None
                    self.stats["aborted"] += 1
            return
        if self.echo:
            self.terminal.write(bytes([byte]))
        if not self.plain:
            if with_parity(byte & 0x7F) != byte:
                self.stats["parity"] += 1
                self._command = ""
                return
            byte &= 0x7F
            if now > self._awake_until:
                self.stats["asleep"] += 1
                return
            self._awake_until = now + FALLS_ASLEEP_AFTER
        self._command = (self._command + chr(byte))[-16:]
        if byte == ord("!"):
            command, self._command = self._command[:-1], ""
            self.stats["commands"][command] = self.stats["commands"].get(command, 0) + 1
            sensor = self.sensors.get(command[:1])
            if sensor:
                self._obey(sensor, command[1:])

    # Answering

    def _obey(self, sensor, command):
        if sensor.running and not command.startswith("D"):
            sensor.running = None
        if command == "I":
            self._answer(sensor, f"14{sensor.identity}")
        elif command == "":
            self._answer(sensor, "")
        elif command[:1] in ("M", "C", "R") and command[:1]:
            with_crc = command[1:2] == "C"
            name = command[0] + command[2:] if with_crc else command
            if name in sensor.measurements:
                self._measure(sensor, name, with_crc)
        elif len(command) == 2 and command[0] == "D" and command[1].isdigit():
            self._send_data(sensor, int(command[1]))

    def _measure(self, sensor, name, with_crc):
        seconds, values = sensor.measurements[name]
        if name[0] == "R":
            self._send_values(sensor, sensor.parts(name)[0], with_crc)
            return
        count = 0 if sensor.trouble == "empty" else len(values)
        sensor.data = None
        if seconds == 0:
            sensor.data = (name, with_crc)
        else:
            sensor.running = (name, time.monotonic() + seconds * 0.6, with_crc)
        self._answer(sensor, f"{seconds:03}{count:02}" if name[0] == "C" else f"{seconds:03}{count}")

    def _send_data(self, sensor, index):
        if sensor.running:
            # Asked too early: the measurement is ended, and there is nothing to be sent.
            sensor.running = None
            self.stats["aborted"] += 1
        if not sensor.data:
            self._send_values(sensor, "", False)
            return
        name, with_crc = sensor.data
        parts = sensor.parts(name)
        self._send_values(sensor, parts[index] if index < len(parts) else "", with_crc)

    def _send_values(self, sensor, values, with_crc):
        text = sensor.address + values
        text += crc(text) if with_crc else ""
        if sensor.trouble == "garble":
            place = len(text) // 2
            text = text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1:]
        self._answer(sensor, text[1:])

    def _answer(self, sensor, text):
        if sensor.trouble == "silent":
            return
        frame = bytearray((sensor.address + text + "\r\n").encode("ascii"))
        if not self.plain:
            frame = bytearray(with_parity(byte) for byte in frame)
            if sensor.trouble == "parity":
                frame[len(frame) // 2] ^= 0x80
        time.sleep(MARK_BEFORE_ANSWER)
        for byte in frame:
            self.terminal.write(bytes([byte]))
            time.sleep(CHARACTER)
        self._awake_until = time.monotonic() + FALLS_ASLEEP_AFTER

    # Measuring

    def _next_event(self):
        moments = [sensor.running[1] for sensor in self.sensors.values() if sensor.running]
        return min(moments, default=time.monotonic() + 1)

    def _serve(self):
        """What has been measured is ready; a sensor that has the line asks for service."""
        for sensor in self.sensors.values():
            if not sensor.running or time.monotonic() < sensor.running[1]:
                continue
            name, _, with_crc = sensor.running
            sensor.running = None
            sensor.data = (name, with_crc)
            if name[0] == "M":
                self.stats["served"] += 1
                self._answer(sensor, "")

    # Orders

    def order(self, line):
        words = line.split(maxsplit=2)
        with self.lock:
            match words:
                case ["silent" | "garble" | "parity" | "empty" as trouble, address]:
                    self.sensors[address].trouble = trouble
                case ["heal", address]:
                    self.sensors[address].trouble = None
                case ["set", address, rest]:
                    name, index, value = rest.split()
                    self.sensors[address].measurements[name][1][int(index) - 1] = value
                case ["name", address, text]:
                    self.sensors[address].identity = text
                case ["stats"]:
                    print("STATS " + json.dumps(self.stats), flush=True)
                case _:
                    print(f"UNKNOWN {line}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("link", help="where the gateway finds the port")
    parser.add_argument("--sensor", nargs="+", action="append", required=True, metavar=("A", "MEASUREMENT"))
    parser.add_argument("--echo", action="store_true", help="each byte of a command comes back, as on one wire")
    parser.add_argument("--plain", action="store_true", help="no parity bits and no breaks")
    line = Line(parser.parse_args())
    threading.Thread(target=line.run, daemon=True).start()
    print(f"READY {line.terminal.path}", flush=True)
    for text in sys.stdin:
        line.order(text.strip())
    line.terminal.close()


if __name__ == "__main__":
    main()
