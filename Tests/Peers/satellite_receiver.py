#!/usr/bin/env python3
"""A satellite receiver on a pseudo-terminal that talks NMEA 0183 at 9600 8N1: GGA, GSA and RMC, once each `interval`.

By hand, until Ctrl-C; LINK is what the gateway opens as its port:

    satellite_receiver.py LINK 34.7569 134.8414

It obeys lines on its standard input: `lost` (no fix), `silent`, and `at LATITUDE LONGITUDE`, which ends both.
"""

import argparse
import datetime
import functools
import operator
import sys
import threading

from terminal import Terminal


def sentence(body):
    """The body between dollar sign and asterisk, with the exclusive or of its bytes behind it."""
    return f"${body}*{functools.reduce(operator.xor, body.encode(), 0):02X}\r\n".encode()


def angle(degrees, digits, letters):
    """`ddmm.mmmm` and the letter of the hemisphere."""
    whole, minutes = divmod(round(abs(degrees) * 600_000), 600_000)
    return f"{whole:0{digits}d}{minutes / 10_000:07.4f},{letters[degrees < 0]}"


class SatelliteReceiver:
    """Sends in a thread of its own until it is closed. `position` is (latitude, longitude), or None without a fix;
    `ahead` moves its clock from the real one, in seconds."""

    def __init__(self, path, position=(34.75668, 134.84137), interval=0.2):
        self.terminal = Terminal(path)
        self.position = position
        self.ahead = 0.0
        self.silent = False
        self._interval = interval
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send, name=f"satellite receiver {path}", daemon=True)
        self._thread.start()

    def _send(self):
        while not self._ended.wait(self._interval):
            now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.ahead)
            if not self.silent:
                self.terminal.write(b"".join(map(sentence, self._bodies(now, self.position))))

    @staticmethod
    def _bodies(now, position):
        time, date = now.strftime("%H%M%S.%f")[:9], now.strftime("%d%m%y")
        if position is None:
            return [f"GNGGA,{time},,,,,0,00,99.99,,,,,,", "GNGSA,A,1,,,,,,,,,,,,,99.99,99.99,99.99",
                    f"GNRMC,{time},V,,,,,,,{date},,,N"]
        where = f"{angle(position[0], 2, 'NS')},{angle(position[1], 3, 'EW')}"
        return [f"GNGGA,{time},{where},1,09,1.20,12.0,M,36.9,M,,", "GNGSA,A,3,01,04,09,,,,,,,,,,1.9,1.2,1.5",
                f"GNRMC,{time},A,{where},18.3,92.1,{date},,,A"]

    def close(self):
        self._ended.set()
        self._thread.join()
        self.terminal.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("link")
    parser.add_argument("latitude", type=float)
    parser.add_argument("longitude", type=float)
    options = parser.parse_args()
    receiver = SatelliteReceiver(options.link, (options.latitude, options.longitude), interval=1.0)
    print(f"READY {options.link}", flush=True)
    try:
        for line in sys.stdin:
            match line.split():
                case ["lost"]:
                    receiver.position = None
                case ["silent"]:
                    receiver.silent = True
                case ["at", latitude, longitude]:
                    receiver.position, receiver.silent = (float(latitude), float(longitude)), False
                case _:
                    print(f"not understood: {line.strip()}", file=sys.stderr)
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
    finally:
        receiver.close()


if __name__ == "__main__":
    main()
