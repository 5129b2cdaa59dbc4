#!/usr/bin/env python3
"""A Modbus RTU line with several units on a pseudo-terminal: pymodbus answers, and what goes wrong is made here.

The gateway opens one pseudo-terminal, pymodbus serves another, and this program carries the bytes between them: it can
withhold, spoil or delay the answers of single units, and it can take the time that a real line would take.

Prints `READY <path>` when it can be asked. Every register of a unit holds unit * 1000 + address unless it was set;
addresses from 200 on do not exist, so asking for them gets exception 2. Beside them each unit has 64 coils and 64 discrete
inputs, all off. pymodbus answers for an absent unit, too: with exception 4.

While it runs it obeys lines on its standard input:

    silent UNIT          answers of this unit are withheld
    garble UNIT          one bit of each answer is wrong
    delay UNIT SECONDS   each answer comes so much later
    heal UNIT            all is well again
    set UNIT ADDRESS VALUE
    bit UNIT ADDRESS 0|1 a discrete input is off or on
    single UNIT          a request for more than one register gets exception 2
    forget UNIT          all coils are off, as after a power cut
    stats                prints `STATS {"requests": {"1": 60, ...}, "coils": {"1": [...]}, "ranges": {"1": 3, ...}}`, as
                         it also does at its end: requests, the coils that are on, requests for several registers
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import tty

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

REGISTERS = 200
BITS = 64
BITS_PER_CHARACTER = 11


class Line:
    """The state of the line and its units, and the way of the bytes."""

    def __init__(self, options):
        self.units = options.units
        self.pace = options.pace
        self.values = {unit: [(unit * 1000 + a) & 0xFFFF for a in range(REGISTERS)] for unit in self.units}
        self.faults = {}
        self.requests = {unit: 0 for unit in self.units}
        self.ranges = {unit: 0 for unit in self.units}
        self.bits = {unit: [False] * BITS for unit in self.units}
        self.coils = {unit: [False] * BITS for unit in self.units}
        self.single = set()
        self.gateway, self.gateway_side = os.openpty()
        self.server, self.server_side = os.openpty()
        for side in (self.gateway_side, self.server_side):
            tty.setraw(side)
        for side in (self.gateway, self.server):
            os.set_blocking(side, False)
        self.link = options.link
        self.pending = b""

    def gateway_path(self):
        path = os.ttyname(self.gateway_side)
        if not self.link:
            return path
        if os.path.islink(self.link):
            os.unlink(self.link)
        os.symlink(path, self.link)
        return self.link

    def device(self, unit):
        async def answer(function, start, address, count, registers, new_values):
            if function in (1, 2, 5, 15):
                return self.answer_bits(unit, function, address, registers, new_values)
            if new_values:
                for offset, value in enumerate(new_values):
                    self.values[unit][address + offset] = value
                return None
            if count > 1:
                self.ranges[unit] += 1
                if unit in self.single:
                    return ExcCodes.ILLEGAL_ADDRESS
            for offset in range(count):
                if not 0 <= address + offset < REGISTERS:
                    return ExcCodes.ILLEGAL_ADDRESS
                registers[address + offset - start] = self.values[unit][address + offset]
            return None

        def registers():
            return [SimData(address=0, count=REGISTERS, values=0, datatype=DataType.REGISTERS)]

        def bits():
            return [SimData(address=0, values=[False] * BITS, datatype=DataType.BITS)]

        return SimDevice(id=unit, simdata=(bits(), bits(), registers(), registers()), action=answer)

    def answer_bits(self, unit, function, address, registers, new_values):
        """Keeps what is written to coils, and lays the bits of the table where pymodbus reads them, 16 in a word."""
        if new_values:
            for offset, value in enumerate(new_values):
                self.coils[unit][address + offset] = bool(value)
        table = self.bits[unit] if function == 2 else self.coils[unit]
        for word in range(BITS // 16):
            registers[word] = sum(1 << bit for bit in range(16) if table[word * 16 + bit])
        return None

    def line_time(self, count):
        return count * BITS_PER_CHARACTER / self.pace if self.pace else 0.0

    def from_gateway(self):
        """Counts whole requests of eight bytes and hands everything on."""
        try:
            data = os.read(self.gateway, 4096)
        except OSError:
            return
        self.pending += data
        while len(self.pending) >= 8:
            unit = self.pending[0]
            self.requests[unit] = self.requests.get(unit, 0) + 1
            self.pending = self.pending[8:]
        asyncio.get_running_loop().call_later(self.line_time(len(data)), self.put, self.server, data)

    def from_server(self):
        """Hands an answer on, or not, as its unit's fault says. pymodbus writes an answer as one piece."""
        try:
            data = os.read(self.server, 4096)
        except OSError:
            return
        kind, seconds = self.faults.get(data[0], ("none", 0.0))
        if kind == "silent":
            return
        if kind == "garble":
            data = data[:3] + bytes([data[3] ^ 0x10]) + data[4:]
        asyncio.get_running_loop().call_later(self.line_time(len(data)) + seconds, self.put, self.gateway, data)

    @staticmethod
    def put(descriptor, data):
        try:
            os.write(descriptor, data)
        except OSError as error:
            print(f"bytes lost: {error}", file=sys.stderr)

    def obey(self, words):
        match words:
            case ["silent" | "garble" as kind, unit]:
                self.faults[int(unit)] = (kind, 0.0)
            case ["delay", unit, seconds]:
                self.faults[int(unit)] = ("delay", float(seconds))
            case ["heal", unit]:
                self.faults.pop(int(unit), None)
            case ["set", unit, address, value]:
                self.values[int(unit)][int(address)] = int(value) & 0xFFFF
            case ["bit", unit, address, value]:
                self.bits[int(unit)][int(address)] = value == "1"
            case ["single", unit]:
                self.single.add(int(unit))
            case ["forget", unit]:
                self.coils[int(unit)] = [False] * BITS
            case ["stats"]:
                self.print_statistics()
            case _:
                print(f"not understood: {' '.join(words)}", file=sys.stderr)

    def print_statistics(self):
        coils = {unit: [number for number, on in enumerate(bits) if on] for unit, bits in self.coils.items()}
        print("STATS " + json.dumps({"requests": self.requests, "coils": coils, "ranges": self.ranges}), flush=True)


def later(text):
    """SECONDS:UNIT[:DELAY] as numbers."""
    parts = text.split(":")
    return float(parts[0]), [int(parts[1])] + [float(part) for part in parts[2:]]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--link", help="make this symbolic link to the pseudo-terminal")
    parser.add_argument("--units", default="1", type=lambda text: [int(unit) for unit in text.split(",")])
    parser.add_argument("--pace", type=int, default=0, metavar="BAUD", help="take a line's time, 11 bits a character")
    for kind in ("silent", "garble", "delay", "heal"):
        form = "SECONDS:UNIT:DELAY" if kind == "delay" else "SECONDS:UNIT"
        parser.add_argument(
            f"--{kind}-after", type=later, action="append", default=[], metavar=form,
            help=f"do `{kind}` so long after READY")
    parser.add_argument("--set", action="append", default=[], metavar="UNIT:ADDRESS=VALUE")
    parser.add_argument("--until-eof", action="store_true", help="end when the standard input ends")
    return parser.parse_args()


async def main():
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)  # It would report each absent unit as its own failure.
    options = arguments()
    line = Line(options)
    for setting in options.set:
        place, value = setting.split("=")
        line.obey(["set", *place.split(":"), value])
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)

    server = ModbusSerialServer(
        [line.device(unit) for unit in line.units], port=os.ttyname(line.server_side), baudrate=115200)
    await server.serve_forever(background=True)
    loop.add_reader(line.gateway, line.from_gateway)
    loop.add_reader(line.server, line.from_server)

    buffered = bytearray()

    def from_input():
        data = os.read(0, 4096)
        if not data:
            loop.remove_reader(0)
            if options.until_eof:
                ended.set()
            return
        buffered.extend(data)
        while b"\n" in buffered:
            text, _, rest = bytes(buffered).partition(b"\n")
            buffered[:] = rest
            line.obey(text.decode().split())

    try:
        loop.add_reader(0, from_input)
    except PermissionError:  # A file or /dev/null has nothing to wait for.
        pass

    print(f"READY {line.gateway_path()}", flush=True)
    for kind in ("silent", "garble", "delay", "heal"):
        for seconds, rest in getattr(options, f"{kind}_after"):
            loop.call_later(seconds, line.obey, [kind, *map(str, rest)])
    await ended.wait()
    line.print_statistics()
    await server.shutdown()
    if line.link and os.path.islink(line.link):
        os.unlink(line.link)


if __name__ == "__main__":
    asyncio.run(main())
