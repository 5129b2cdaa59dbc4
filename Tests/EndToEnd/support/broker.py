"""A real mosquitto on a free loopback port."""

import shutil
import signal
import socket
import subprocess
from pathlib import Path

from .children import bound
from .waiting import wait_until


def free_port():
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def find_mosquitto():
    # Debian puts it where only root's PATH looks.
    return shutil.which("mosquitto") or "/usr/sbin/mosquitto"


class Broker:
    """Keeps its port, its sessions and its queues over `stop` and `start`, as a broker in a city does."""

    def __init__(self, folder, port=None, settings="allow_anonymous true\n"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.log = self.folder / "mosquitto.log"
        self._process = None
        self._configuration = self.folder / "mosquitto.conf"
        self._configuration.write_text(
            f"listener {self.port} 127.0.0.1\n"
            "user root\n"  # Ignored unless root starts it; it could not write its files otherwise.
            f"{settings}"
            f"persistence true\npersistence_location {self.folder}/\nautosave_interval 0\n"
            f"log_dest file {self.log}\nlog_type all\nlog_timestamp_format %H:%M:%S\n"
            # Nothing may be lost in the broker where the gateway is on trial.
            "max_queued_messages 0\n")

    @property
    def is_running(self):
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self):
        return self._process.pid

    def start(self):
        assert not self.is_running
        with open(self.folder / "mosquitto.out", "ab") as output:
            self._process = subprocess.Popen(
                bound(find_mosquitto(), "-c", self._configuration), stdin=subprocess.DEVNULL, stdout=output,
                stderr=output)
        wait_until(self._answers, 10, f"mosquitto listens on {self.port}; see {self.folder}")
        return self

    def reload(self):
        """Reads its files of rules and passwords again. It says so before it does: what is asked of it after this is answered by the
        new rules only once it has answered anything else that was asked after this."""
        said = "Reloading config"
        before = self.log_text().count(said)
        self._process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.log_text().count(said) > before, 5, "mosquitto reads its files again")

    def stop(self):
        """A clean stop: mosquitto saves its sessions, queues and retained messages.

        Mosquitto 2.0 listens a moment before its loop begins, and forgets a signal that comes in between: it is told
        until it ends.
        """
        if self.is_running:
            wait_until(self._has_ended, 10, "mosquitto ends")

    def _has_ended(self):
        self._process.send_signal(signal.SIGTERM)
        return self._process.poll() is not None

    def _answers(self):
        assert self.is_running, f"mosquitto ended: {(self.folder / 'mosquitto.out').read_text()}"
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""
