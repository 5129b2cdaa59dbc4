"""What is at the other end of the machine's serial lines, and what QEMU saw on them."""

import os
import re
import select
import socket
import threading

from support.waiting import wait_until


def connect(line):
    """The other end of one of the machine's lines."""
    other = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # QEMU answers the next one only when it has noticed that the last one is gone.
    other.settimeout(30)
    try:
        other.connect(str(line))
    except TimeoutError:
        other.close()
        raise AssertionError(f"QEMU does not answer at {line}: it takes the line for connected") from None
    other.settimeout(None)
    return other


class Bridge:
    """Carries the bytes between one of the machine's lines and a peer's pseudo-terminal, as a cable does.

    A peer that serves a pseudo-terminal serves the machine so, unchanged.
    """

    def __init__(self, line, terminal):
        self._line = connect(line)
        self._terminal = os.open(str(terminal), os.O_RDWR | os.O_NOCTTY)
        self._ended, self._end = os.pipe()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def _carry(self):
        line = self._line.fileno()
        while True:
            ready = select.select([line, self._terminal, self._ended], [], [])[0]
            if self._ended in ready:
                return
            try:
                if line in ready:
                    data = os.read(line, 4096)
                    if not data:
                        return
                    os.write(self._terminal, data)
                if self._terminal in ready:
                    self._line.sendall(os.read(self._terminal, 4096))
            except OSError:
                return

    def close(self):
        os.close(self._end)
        self._thread.join(10)
        self._line.close()
        os.close(self._terminal)
        os.close(self._ended)


class Plug:
    """The bare other end of one of the machine's lines, for a test that speaks for itself."""

    def __init__(self, line):
        self._socket = connect(line)

    def write(self, data):
        self._socket.sendall(data)

    def read(self, count, seconds=20):
        """The next `count` bytes, or fewer if no more come in time."""
        self._socket.settimeout(seconds)
        data = b""
        try:
            while len(data) < count:
                data += self._socket.recv(count - len(data))
        except TimeoutError:
            pass
        return data

    def close(self):
        self._socket.close()


class WireWatch:
    """Reads off QEMU's trace what a line's 16550 was made to do: speed and frame, and breaks with their length."""

    EVENTS = ("serial_update_parameters", "serial_write")
    _SETTING = re.compile(r"baudrate=(\d+) parity='(\w)' data=(\d) stop=(\d)")
    # Register 0 takes a character, unless the divisor is being set; register 3 is the line control.
    _WRITE = re.compile(r"@(\d+\.\d+):serial_write .*addr 0x0?([03]) val 0x([0-9a-f]+)")
    _BREAK = 0x40
    _DIVISOR = 0x80

    def __init__(self, machine):
        self._machine = machine
        self._start = len(self._text())
        self._enable(True)

    def _enable(self, is_enabled):
        for event in self.EVENTS:
            self._machine.qmp("trace-event-set-state", name=event, enable=is_enabled)

    def _text(self):
        log = self._machine.trace_log
        return log.read_text(errors="replace") if log.exists() else ""

    def text(self):
        """What QEMU said since the watch began."""
        return self._text()[self._start:]

    def settings(self):
        """The settings in the order in which they were made: (baud, parity, data bits, stop bits)."""
        return [
            (int(speed), parity, int(data), int(stop))
            for speed, parity, data, stop in self._SETTING.findall(self.text())]

    def sent(self):
        """What was sent, in order: (begin, end, character) in seconds, with None as the character of a break."""
        sent, line_control, began = [], 0, None
        for time, register, value in self._WRITE.findall(self.text()):
            time, value = float(time), int(value, 16)
            if register == "0":
                if not line_control & self._DIVISOR:
                    sent.append((time, time, value))
                continue
            if value & self._BREAK and began is None:
                began = time
            elif not value & self._BREAK and began is not None:
                sent.append((began, time, None))
                began = None
            line_control = value
        return sent

    def breaks(self):
        """How many seconds each break lasted that has ended."""
        return [end - begin for begin, end, character in self.sent() if character is None]

    def wait_break(self, count=1, seconds=20):
        wait_until(lambda: len(self.breaks()) >= count, seconds, lambda: f"{count} breaks; QEMU said:\n{self.text()}")
        return self.breaks()

    def close(self):
        if self._machine.is_running:
            self._enable(False)
