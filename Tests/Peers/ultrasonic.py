"""An A02YYUW ultrasonic distance sensor on a pseudo-terminal, as its data sheet has it: 9600 8N1, FF high low sum."""

import threading

from terminal import Terminal

NO_TARGET = 0xFFFF


def frame(millimetres):
    """The four bytes of one measurement; the checksum is the low byte of the sum of the other three."""
    high, low = millimetres >> 8, millimetres & 0xFF
    return bytes([0xFF, high, low, (0xFF + high + low) & 0xFF])


class Ultrasonic:
    """Sends a frame each `interval` seconds in a thread of its own until it is closed.

    `distance` (millimetres) may be set at any time; `garbled` spoils every checksum, `silent` sends nothing.
    """

    def __init__(self, path, distance=4000, interval=0.1):
        self.terminal = Terminal(path)
        self.distance = distance
        self.garbled = False
        self.silent = False
        self.sent = 0
        self._interval = interval
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send, name=f"ultrasonic {path}", daemon=True)
        self._thread.start()

    def _send(self):
        while not self._ended.wait(self._interval):
            if self.silent:
                continue
            measurement = frame(self.distance)
            if self.garbled:
                measurement = measurement[:3] + bytes([measurement[3] ^ 0x55])
            if self.terminal.write(measurement):
                self.sent += 1

    def close(self):
        self._ended.set()
        self._thread.join()
        self.terminal.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
