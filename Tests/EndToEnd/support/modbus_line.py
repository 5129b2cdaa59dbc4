"""The Modbus server of Tests/Peers as a process of its own, and two minutes of watching a gateway ask it."""

import json
import subprocess
import sys
import threading

from .broker import Broker
from .children import bound
from .site import Site
from .subscriber import Subscriber
from .waiting import wait_until

UNITS = (1, 2, 3)
SECONDS = 60


class ModbusLine:
    def __init__(self, top, link, *options):
        self.path = str(link)
        self._process = subprocess.Popen(
            bound(sys.executable, top / "Tests/Peers/modbus_server.py", "--link", self.path, *options),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1)
        self._lines = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        wait_until(lambda: any(line.startswith("READY") for line in self._lines), 30, "the Modbus server is ready")

    def _read(self):
        for line in self._process.stdout:
            self._lines.append(line.rstrip())

    def tell(self, *words):
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()

    def requests(self):
        """How often each unit was asked, by the server's own count."""
        return self._count("requests")

    def coils(self, unit):
        """The coils of a unit that are on."""
        return self._count("coils")[unit]

    def ranges(self, unit):
        """How often a unit was asked for several registers at once."""
        return self._count("ranges")[unit]

    def _count(self, name):
        before = sum(line.startswith("STATS") for line in self._lines)
        self.tell("stats")
        wait_until(lambda: sum(line.startswith("STATS") for line in self._lines) > before, 5, "the server's statistics")
        line = [line for line in self._lines if line.startswith("STATS")][-1]
        return {int(unit): count for unit, count in json.loads(line.removeprefix("STATS "))[name].items()}

    def close(self):
        self._process.terminate()
        self._process.wait(10)
        self._process.stdin.close()
        self._thread.join()
        self._process.stdout.close()


def add_unit(site, unit, **options):
    """A water level in a register of a unit, asked each second."""
    values = {
        "id": f"river-{unit}", "name": f"水位計 {unit}", "driver": "modbus", "serial": "rs485", "unit": unit,
        "register": {"table": "input", "address": 0, "type": "uint16"}, "scale": 0.001, "offset": 0.0,
        "quantity": "water_level", "range": [-1.0, 10.0], "every": "1s", "stale_after": "5s", **options}
    site.add("[sensor]", **values)


def use_line(site, line, broker):
    site.add("serial.rs485", device=line.path, baud=9600, frame="8E1")
    site.mqtt_table["port"] = broker.port


class TwoMinutes:
    """A minute of three sound units, and a minute with unit 2 silent, watched in a thread of its own.

    The two minutes are spent waiting: other tests may run meanwhile.
    """

    def __init__(self, top, program, folder):
        self.before = self.silent = None
        self.alerts = []
        self.recovered = False
        self._failure = None
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(top, program, folder), daemon=True)
        self._thread.start()

    def wait(self):
        self._thread.join(4 * SECONDS)
        assert not self._thread.is_alive(), "the two minutes never end"
        if self._failure:
            raise self._failure
        return self

    def close(self):
        """Ends it, also before its time, with everything that it started."""
        self._cancelled.set()
        self._thread.join(60)

    def _watch(self, top, program, folder):
        broker = Broker(folder / "broker").start()
        site = Site(program, folder / "site")
        line = observer = None
        try:
            observer = Subscriber(broker.port).wait_subscribed()
            line = ModbusLine(top, folder / "rs485", "--units", "1,2,3", "--pace", "9600")
            use_line(site, line, broker)
            for unit in UNITS:
                add_unit(site, unit)
            site.start().wait_ready()
            self._measure(line, observer)
        except Exception as failure:  # Raised again where the result is asked for.
            self._failure = failure
        finally:
            site.close()
            for peer in (line, observer):
                if peer:
                    peer.close()
            broker.stop()

    def _measure(self, line, observer):
        wait_until(
            lambda: min(line.requests().get(unit, 0) for unit in UNITS) >= 3, 20, "each unit was asked three times",
            every=0.2)
        self.before = self._minute(line)
        line.tell("silent", 2)
        self.silent = self._minute(line)
        self.alerts = [message.json() for message in observer.on("/alert")]
        line.tell("heal", 2)
        observer.wait_for(
            lambda message: message.topic.endswith("/alert") and message.json()["message"] == "clear", 60,
            "the unit that answers again is sound again")
        self.recovered = True

    def _minute(self, line):
        start = line.requests()
        assert not self._cancelled.wait(SECONDS), "nobody waits for the measurement any more"
        end = line.requests()
        return {unit: end.get(unit, 0) - start.get(unit, 0) for unit in UNITS}
