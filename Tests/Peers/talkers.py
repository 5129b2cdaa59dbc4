#!/usr/bin/env python3
"""Sensors that talk by themselves, each on a pseudo-terminal and in a thread of its own: a MaxBotix distance sensor as its
data sheets have it, and one of nobody's make that sends lines, by itself or when it is asked.

By hand, until Ctrl-C; LINK is what the gateway opens as its port:

    talkers.py maxbotix LINK 2000     R2000 and carriage return, seven times a second
    talkers.py a02yyuw LINK 2000      the frames of an A02YYUW, ten times a second
    talkers.py line LINK TEXT         TEXT each half second; $TEXT* is sent with its NMEA check behind it
"""

import argparse
import threading

from terminal import Terminal


class Talker:
    """Sends what `say()` returns each `interval` seconds until it is closed; `silent` sends nothing."""

    def __init__(self, path, interval):
        self.terminal = Terminal(path)
        self.silent = False
        self.sent = 0
        self._interval = interval
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"talker {path}", daemon=True)
        self._thread.start()

    def say(self):
        raise NotImplementedError

    def _run(self):
        while not self._ended.wait(self._interval):
            if not self.silent and self.terminal.write(self.say()):
                self.sent += 1

    def close(self):
        self._ended.set()
        self._thread.join()
        self.terminal.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class MaxBotix(Talker):
    """`R`, the distance in `digits` digits, carriage return; HRUSB models have a space before it.

    After power-up it sends its name and firmware, as the real ones do.
    """

    BANNER = b"HRXL-MaxSonar-WR\rPN:MB7360\rCopyright 2011-2014\rMaxBotix Inc.\rRoHS 1.8b090  0713\rTempI\r"

    def __init__(self, path, distance=2000, digits=4, space=False, interval=0.15):
        self.distance = distance
        self._digits = digits
        self._space = space
        self._has_begun = False
        super().__init__(path, interval)

    def say(self):
        banner = b"" if self._has_begun else self.BANNER
        self._has_begun = True
        return banner + f"R{self.distance:0{self._digits}}{' ' if self._space else ''}\r".encode()


class LineTalker(Talker):
    """Sends `text()` and a line end each `interval` seconds."""

    def __init__(self, path, text, interval=0.5, end=b"\r\n"):
        self.text = text
        self._end = end
        super().__init__(path, interval)

    def say(self):
        return self.text().encode() + self._end


class LineAnswerer(Talker):
    """Answers each request of `answers`, a table from what is asked (without the carriage return) to a function."""

    def __init__(self, path, answers):
        self.answers = answers
        self.asked = []
        super().__init__(path, 0)

    def _run(self):
        held = b""
        while not self._ended.is_set():
            held += self.terminal.read(0.05)
            while b"\r" in held:
                request, held = held.split(b"\r", 1)
                self.asked.append(request.decode())
                answer = self.answers.get(request.decode())
                if answer and not self.silent and self.terminal.write(answer().encode() + b"\r\n"):
                    self.sent += 1


def with_xor(text):
    """The text between `$` and `*` with its check behind it, as NMEA 0183 has it."""
    check = 0
    for byte in text.encode():
        check ^= byte
    return f"${text}*{check:02X}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["maxbotix", "a02yyuw", "line"])
    parser.add_argument("link")
    parser.add_argument("what", help="millimetres, or the text of a line")
    options = parser.parse_args()
    if options.kind == "line":
        is_checked = options.what.startswith("$") and options.what.endswith("*")
        text = with_xor(options.what[1:-1]) if is_checked else options.what
        sensor = LineTalker(options.link, lambda: text)
    elif options.kind == "maxbotix":
        sensor = MaxBotix(options.link, int(options.what))
    else:
        from ultrasonic import Ultrasonic
        sensor = Ultrasonic(options.link, int(options.what))
    with sensor:
        print(f"READY {options.link}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
