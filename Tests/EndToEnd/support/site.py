"""A site: a folder with a configuration written from Python, and the gateway that runs on it."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from . import toml_text
from .children import bound
from .ledger import Ledger
from .waiting import wait_until

ROOT = "mimamori/282103"
WATCH_ROOT = "mimamori-watch/282103"


class Gateway:
    """One run of the program as a child, with its output in files."""

    def __init__(self, program, arguments, folder, name, environment=None, wrapper=()):
        self.standard_output = folder / f"{name}.out"
        self.standard_error = folder / f"{name}.err"
        # A service manager's socket tells exactly when the gateway is ready.
        self._folder = tempfile.mkdtemp(prefix="mimamori-")
        address = f"{self._folder}/notify"
        self._notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notifications.bind(address)
        self._notifications.setblocking(False)
        os.chmod(self._folder, 0o755)
        os.chmod(address, 0o666)
        self.notified = []
        variables = {**os.environ, "NOTIFY_SOCKET": address, **(environment or {})}
        with open(self.standard_output, "ab") as output, open(self.standard_error, "ab") as error:
            self.process = subprocess.Popen(
                bound(*wrapper, program, *arguments), stdin=subprocess.DEVNULL, stdout=output, stderr=error,
                cwd=folder, env=variables, start_new_session=True)

    @property
    def is_running(self):
        return self.process.poll() is None

    def errors(self):
        return self.standard_error.read_text(errors="replace")

    def output(self):
        return self.standard_output.read_text(errors="replace")

    def wait_ready(self, seconds=20):
        def ready():
            self._take_notifications()
            if any("READY=1" in text for text in self.notified):
                return True
            assert self.is_running, f"the gateway ended with {self.process.returncode}: {self.errors()}"
            return False

        wait_until(ready, seconds, lambda: f"the gateway says that it is ready; it said: {self.errors()}")
        return self

    def _take_notifications(self):
        try:
            while True:
                self.notified.append(self._notifications.recv(4096).decode())
        except BlockingIOError:
            pass

    def wait_said(self, text, seconds=10, times=1):
        """Waits until standard error holds `text` so often."""
        wait_until(
            lambda: self.errors().count(text) >= times, seconds,
            lambda: f"standard error says {text!r}; it says: {self.errors()}")

    def wait_ended(self, seconds=10):
        """The exit status, negative for a signal."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the gateway still runs after {seconds} s; it said: {self.errors()}") from None
        finally:
            self._take_notifications()

    def stop(self, seconds=10):
        """SIGTERM, and the exit status."""
        if self.is_running:
            self.process.send_signal(signal.SIGTERM)
        return self.wait_ended(seconds)

    def kill(self):
        """SIGKILL: the process gets no chance to do anything."""
        if self.is_running:
            self.process.kill()
        self.process.wait(10)

    def release(self):
        self.kill()
        self._notifications.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class Site:
    """Builds `gateway.toml` table by table and runs the gateway on it."""

    def __init__(self, program, folder, name="test-001"):
        self.program = Path(program)
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.configuration = self.folder / "gateway.toml"
        self.state = self.folder / "state"
        self.gateway_table = {
            "id": name, "name": "国包 水位・見守り局", "municipality": "282103",
            "position": {"latitude": 34.7993, "longitude": 134.8862}, "timezone": "Asia/Tokyo",
            "languages": ["ja", "ja-x-easy", "en"], "contact": "危機管理課 000-000-0000", "state": str(self.state)}
        self.mqtt_table = {
            "host": "127.0.0.1", "port": 1, "version": "5", "root": ROOT, "watch_root": WATCH_ROOT}
        self.tables = [("cap", {
            "sender": f"{name}@example.jp", "scope": "Restricted", "restriction": "for municipal disaster staff"})]
        self._runs = []

    def topic(self, *parts):
        return "/".join((ROOT, self.name, *parts))

    # Tables

    def add(self, header, **values):
        self.tables.append((header, values))

    def add_ultrasonic(self, name, path, mount_height=4.5, levels=None, **rule):
        """A port, an A02YYUW on it, and a flood rule that decides at each reading, however often, unless told otherwise."""
        self.add(f"serial.{name}", device=path, baud=9600, frame="8N1")
        self.add(
            "[sensor]", id=name, name=f"水位計 {name}", driver="a02yyuw", serial=name, mount_height=mount_height,
            quantity="water_level", stale_after=rule.pop("stale_after", "10m"))
        if levels:
            self.add("[flood]", sensor=name, levels=levels, **{
                "confirm": 1, "release": {"margin": 0.0, "hold": "0s"}, "unstable_after": 0, "realert_after": "0s", **rule})

    def add_receiver(self, name, path, baud=1000000):
        self.add(f"serial.{name}", device=path, baud=baud, frame="8N1")
        self.add("[sensor]", id=name, name=f"受信機 {name}", driver="hci", serial=name, quantity="beacon")

    def add_place(self, name, sensors, gone_after="4s", dwell="0s", count=1, of=1):
        self.add(
            "[place]", id=name, name=f"場所 {name}", sensors=sensors, enter=-75, leave=-85,
            sightings={"count": count, "of": of}, dwell=dwell, gone_after=gone_after)

    # Programs

    def write(self):
        self.configuration.write_text(toml_text.document(
            [("gateway", self.gateway_table), ("mqtt", self.mqtt_table), *self.tables], schema=1))
        return self.configuration

    def call(self, command, *arguments, input=None, seconds=60):
        """Runs a command that ends by itself. Returns status, standard output and standard error."""
        result = subprocess.run(
            [self.program, command, *map(str, arguments)], input=input, capture_output=True, timeout=seconds,
            cwd=self.folder, text=not isinstance(input, bytes))
        return result

    def start(self, *, command="run", arguments=(), environment=None, wrapper=()):
        """Starts a command that runs until it is stopped; its configuration must have been written."""
        if not self.configuration.exists():
            self.write()
        gateway = Gateway(
            self.program, [command, "--config", self.configuration, *arguments], self.folder,
            f"gateway-{len(self._runs) + 1}", environment, wrapper)
        self._runs.append(gateway)
        return gateway

    def ledger(self):
        return Ledger(self.state)

    def outputs(self):
        """The files with everything that any run printed."""
        return [path for run in self._runs for path in (run.standard_output, run.standard_error)]

    def close(self):
        for run in self._runs:
            run.release()
