"""A school gate in the morning: a controller that hears thousands of tags and telephones, each at its own interval.

It speaks as the scripted controller does; only who is due next is found by a heap, so that a crowd costs no more than its
reports.
"""

import heapq
import itertools
import struct
import time

from scripted_controller import ScriptedController, advertisement


class Crowd(ScriptedController):
    """`bystander` and `arrive` may be called while it runs."""

    # A real adapter loses what its own buffer cannot hold; this one waits for the reader and says how long.
    PATIENCE = 1.0

    def __init__(self, path, seed=1):
        self._due = []
        self._order = itertools.count()
        self.addresses = []
        self.identifiers = []
        self.arrived = {}
        self.reported = 0
        self.lost = 0
        super().__init__(path, seed)
        self.terminal.UNREAD_LIMIT = 3000

    def bystander(self, address, data, signal=-60):
        """Somebody on no list, heard once a second from now on."""
        self._appear(None, address, data, signal)

    def arrive(self, name, format, identifier, address, signal=-55):
        """A registered tag comes near and is heard once a second."""
        self.identifiers.append(identifier)
        self._appear(name, address, advertisement(format, identifier), signal)

    def forget(self, name):
        """The tag called `name` is heard no more."""
        with self._lock:
            self._due = [entry for entry in self._due if entry[2] != name]
            heapq.heapify(self._due)

    def _appear(self, name, address, data, signal):
        event = bytes([0x02, 0x01, 0x03, 0x01]) + address + bytes([len(data)]) + data + struct.pack("b", signal)
        packet = bytes([0x04, 0x3E, len(event)]) + event
        with self._lock:
            self.addresses.append(address)
            heapq.heappush(
                self._due, (time.monotonic() + self._random.uniform(0, 1), next(self._order), name, packet))

    def _report(self):
        if not self.is_scanning:
            return
        now = time.monotonic()
        while not self._ended.is_set() and self._due and self._due[0][0] <= now:
            due, order, name, packet = heapq.heappop(self._due)
            self._send(packet)
            if name is not None:
                self.arrived.setdefault(name, time.monotonic())
            heapq.heappush(self._due, (due + 1 + self._random.uniform(0, 0.01), order, name, packet))

    def _send(self, packet):
        end = time.monotonic() + self.PATIENCE
        while not self.terminal.write(packet):
            # Whoever read is gone when this ends: waiting for it once for everybody would take half an hour.
            if self._ended.is_set() or time.monotonic() > end:
                self.lost += 1
                return
            time.sleep(0.0005)
        self.reported += 1
