"""A Bluetooth controller for the machine's kernel: it speaks HCI on the line of the third 16550."""

import select
import subprocess
import sys

from support.waiting import wait_until

from .lines import Bridge


class Controller:
    """The peer of Tests/Peers/ble_controller.py, joined to ttyS2, and btattach in the machine, which makes it hci0."""

    def __init__(self, machine, top, terminal, *options):
        self._machine = machine
        self._terminal = terminal
        self._peer = subprocess.Popen(
            [sys.executable, top / "Tests/Peers/ble_controller.py", "--link", terminal, *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self._bridge = self._attached = None
        try:
            wait_until(
                lambda: select.select([self._peer.stdout], [], [], 0)[0], 60, "the controller and its beacons are there")
            line = self._peer.stdout.readline()
            assert line.startswith("ready"), f"the controller says {line!r}"
            self._bridge = Bridge(machine.radio_line, terminal)
        except BaseException:
            self.close()
            raise

    def attach(self, seconds=60):
        """Returns when the kernel has hci0, also again. Nobody has brought it up: it is free for a user channel."""
        self._machine.run("modprobe hci_uart")
        self._attached = self._machine.start("exec btattach -B /dev/ttyS2 -P h4 -S 115200")
        wait_until(
            lambda: self._machine.run("test -d /sys/class/bluetooth/hci0", check=False).status == 0, seconds,
            lambda: f"the kernel has hci0; {self._machine.journal()}", every=0.2)
        return self

    def detach(self):
        """The controller is gone, as after pulling it out."""
        self._machine.run("pkill -x btattach", check=False)
        self._attached.wait()

    def close(self):
        try:
            if self._machine.is_running and self._attached and self._attached.is_running:
                self.detach()
        finally:
            if self._bridge:
                self._bridge.close()
            self._peer.stdin.close()
            try:
                self._peer.wait(10)
            except subprocess.TimeoutExpired:
                self._peer.kill()
                self._peer.wait(10)
            self._peer.stdout.close()
