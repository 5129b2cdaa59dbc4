"""The machine's wall clock, set wrong and right, trusted or not: what a person or a time server's client does to it."""

import time

# Both are done by the same program, one after the other: a client of a time server does not leave a clock that it has set untrusted.
SET = """
import ctypes, sys, time

class Timex(ctypes.Structure):
    _fields_ = [("modes", ctypes.c_uint), *((name, ctypes.c_long) for name in ("offset", "freq", "maxerror", "esterror")),
                ("status", ctypes.c_int), ("rest", ctypes.c_long * 40)]

begin, trusted = int(sys.argv[1]), sys.argv[2] == "True"
STATUS, MAXERROR, ESTERROR, UNSYNC = 0x10, 0x04, 0x08, 0x40
state = Timex(modes=STATUS | MAXERROR | ESTERROR, status=0 if trusted else UNSYNC, maxerror=0 if trusted else 16000000)
library = ctypes.CDLL(None, use_errno=True)
# A set clock is one that nobody trusts, as far as the kernel knows.
time.clock_settime_ns(time.CLOCK_REALTIME, begin + time.monotonic_ns())
assert library.adjtimex(ctypes.byref(state)) >= 0, ctypes.get_errno()
"""
CHIP, AWAY = "/dev/rtc0", "/dev/clock-chip-of-the-test"
# RTC_SET_TIME of linux/rtc.h, with a struct rtc_time; the chip shows UTC.
SET_CHIP = f"""
import fcntl, struct, sys, time

now = time.gmtime(int(sys.argv[1]) / 1e9 + time.monotonic())
with open("{CHIP}", "rb") as chip:
    fcntl.ioctl(chip, 0x4024700A, struct.pack(
        "9i", now.tm_sec, now.tm_min, now.tm_hour, now.tm_mday, now.tm_mon - 1, now.tm_year - 1900, 0, 0, 0))
"""


class MachineClock:
    """Set by the host's clock, which is the right one; `boot` is when the machine began by it.

    At the end it is right and untrusted, as after the boot, and so is its chip.
    """

    def __init__(self, machine):
        self._machine = machine
        # The quickest of some answers tells it best.
        self.boot = min(self._asked() for _ in range(4))[1]

    def _asked(self):
        """How long the machine took to tell its uptime, and when it began by that."""
        before = time.time()
        uptime = self._machine.uptime()
        after = time.time()
        return after - before, (before + after) / 2 - uptime

    def set(self, off_by=0.0, trusted=False):
        """The clock shows `off_by` seconds more than it is; `trusted`: the kernel knows that a time server keeps it."""
        begin = round((self.boot + off_by) * 1e9)
        self._machine.run(f"python3 - {begin} {trusted}", input=SET.encode())

    def show(self, moment, trusted=False):
        """The clock shows this moment, seconds since 1970, from now on."""
        self.set(moment - time.time(), trusted)

    def show_with_chip(self, moment):
        """The same, and the clock chip vouches for it."""
        self.show(moment)
        self._set_chip(moment - time.time())

    def _set_chip(self, off_by=0.0):
        self._machine.run(f"python3 - {round((self.boot + off_by) * 1e9)}", input=SET_CHIP.encode())

    def take_chip_out(self):
        """The board is one without a clock chip, as far as programs see. The kernel itself numbers a chip anew that it lost."""
        self._machine.run(f"mv {CHIP} {AWAY}")

    def close(self):
        self.set()
        self._machine.run(f"if [ -e {AWAY} ]; then mv {AWAY} {CHIP}; fi")
        # The kernel itself sets it while the clock is trusted.
        self._set_chip()
