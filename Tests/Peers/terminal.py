"""A serial adapter made of a pseudo-terminal: a symbolic link at a path that the gateway opens as a real port.

The other end of the line is kept open here, so that it never hangs up by itself. Pulling the adapter out closes it,
as the kernel does with a USB adapter. What is sent while nobody reads is lost, as on a wire, and counted.
"""

import array
import fcntl
import os
import select
import termios
import threading
import tty


class Terminal:
    """One pseudo-terminal with a link at `path`. Safe to use from several threads."""

    # A reader that has fallen this far behind misses what is newer.
    UNREAD_LIMIT = 1024

    def __init__(self, path):
        self.path = str(path)
        self.lost = 0
        self._lock = threading.RLock()
        self._master = None
        self._slave = None
        self._rest = b""
        self.plug()

    @property
    def is_plugged(self):
        return self._master is not None

    def plug(self):
        """Puts the adapter in: a new pseudo-terminal, perhaps under another number, and the link to it."""
        with self._lock:
            if self._master is not None:
                return
            master, slave = os.openpty()
            tty.setraw(slave)
            os.set_blocking(master, False)
            if os.path.islink(self.path):
                os.unlink(self.path)
            os.symlink(os.ttyname(slave), self.path)
            self._master, self._slave, self._rest = master, slave, b""

    def unplug(self):
        """Pulls the adapter out: whoever has the port open reads an end, and the path leads nowhere."""
        with self._lock:
            if self._master is None:
                return
            os.unlink(self.path)
            os.close(self._slave)
            os.close(self._master)
            self._master = self._slave = None

    close = unplug

    def write(self, frame):
        """Sends one frame whole or not at all. Returns whether it went onto the wire."""
        with self._lock:
            if self._master is None or not self._finish() or self._unread() > self.UNREAD_LIMIT:
                self.lost += 1
                return False
            self._rest = bytes(frame)
            self._finish()
            return True

    def read(self, timeout):
        """What the gateway has sent: empty after `timeout` seconds of silence or while the adapter is out."""
        with self._lock:
            master = self._master
        if master is None:
            threading.Event().wait(timeout)
            return b""
        try:
            if not select.select([master], [], [], timeout)[0]:
                return b""
            with self._lock:
                return os.read(master, 4096) if self._master == master else b""
        except (OSError, ValueError):
            return b""

    def _finish(self):
        """Sends what the kernel has not yet taken of the last frame."""
        try:
            while self._rest:
                self._rest = self._rest[os.write(self._master, self._rest):]
        except BlockingIOError:
            return False
        return True

    def _unread(self):
        count = array.array("i", [0])
        fcntl.ioctl(self._slave, termios.FIONREAD, count)
        return count[0]
