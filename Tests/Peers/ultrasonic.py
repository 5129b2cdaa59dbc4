"""An A02YYUW ultrasonic distance sensor on a pseudo-terminal, as its data sheet has it: 9600 8N1, FF high low sum."""

from talkers import Talker

NO_TARGET = 0xFFFF


def frame(millimetres):
    """The four bytes of one measurement; the checksum is the low byte of the sum of the other three."""
    high, low = millimetres >> 8, millimetres & 0xFF
    return bytes([0xFF, high, low, (0xFF + high + low) & 0xFF])


class Ultrasonic(Talker):
    """Sends a frame each `interval` seconds in a thread of its own until it is closed.

    `distance` (millimetres) may be set at any time; `garbled` spoils every checksum, `silent` sends nothing.
    """

    def __init__(self, path, distance=4000, interval=0.1):
        self.distance = distance
        self.garbled = False
        super().__init__(path, interval)

    def say(self):
        measurement = frame(self.distance)
        return measurement[:3] + bytes([measurement[3] ^ 0x55]) if self.garbled else measurement
