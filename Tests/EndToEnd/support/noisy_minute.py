"""A minute of noise on every driver at once: the real program, a real port for each, and half an hour in the soak."""

import os
import random
import threading
import time

from noisy_devices import (
    LOW, NoisyMaxBotix, NoisyModbus, NoisyReceiver, NoisySatellites, NoisySDI12, NoisyText, NoisyUltrasonic)

from .broker import Broker
from .city import City, Person
from .site import Site
from .subscriber import Subscriber
from .waiting import wait_until

SECONDS = 1800 if os.environ.get("MIMAMORI_SOAK") == "1" else 60
LEVELS = {"danger": 3.0}
PERSON = Person(
    subject="7f3a9c52e1b84d0f9a61c2d3", format="ibeacon", identifier=bytes(range(1, 21)), place="gate-place")


def add_modbus(site, name, path):
    site.add(f"serial.{name}", device=path, baud=9600, frame="8E1")
    site.add(
        "[sensor]", id=name, name=name, driver="modbus", serial=name, unit=1,
        register={"table": "input", "address": 0, "type": "uint16"}, scale=0.001, quantity="water_level", every="500ms",
        stale_after="30s")
    add_flood(site, name)


def add_ultrasonic(site, name, path):
    site.add_ultrasonic(name, path, mount_height=4.5, levels=LEVELS, stale_after="30s")


def add_sdi12(site, name, path):
    site.add(f"serial.{name}", device=path, baud=1200, frame="8N1")
    site.add(
        "[sensor]", id=name, name=name, driver="sdi12", serial=name, address="0", measure="R0", crc=True,
        quantity="water_level", every="1s", stale_after="60s")
    add_flood(site, name)


def add_maxbotix(site, name, path):
    site.add(f"serial.{name}", device=path, baud=9600, frame="8N1")
    site.add(
        "[sensor]", id=name, name=name, driver="maxbotix", serial=name, output="mm", mount_height=4.5,
        quantity="water_level", stale_after="30s")
    add_flood(site, name)


def add_text(site, name, path):
    site.add(f"serial.{name}", device=path, baud=9600, frame="8N1")
    site.add(
        "[sensor]", id=name, name=name, driver="line", serial=name,
        pattern="${begin}WL {value} m{end}*{checksum:crc16-modbus}", field="value", quantity="water_level",
        stale_after="30s")
    add_flood(site, name)


def add_satellites(site, name, path):
    site.add(f"serial.{name}", device=path, baud=9600, frame="8N1")
    site.add("[sensor]", id=name, name=name, driver="nmea", serial=name, quantity="position", stale_after="1h")


def add_receiver(site, name, path):
    site.add_receiver(name, path)
    # A passage carries the position of its moment.
    site.add(
        "[place]", id="gate-place", name="車", sensors=[name], position_from="satellites", enter=-75, leave=-85,
        sightings={"count": 1, "of": 1}, dwell="0s", gone_after="4s")


def add_flood(site, name):
    """One reading suffices, so that one false reading would show, and the first good one does."""
    site.add("[flood]", sensor=name, levels=LEVELS, confirm=1, release={"margin": 0.0, "hold": "0s"}, unstable_after=0, realert_after="0s")


# Every driver with a serial port: its device, and how a site gets it. A new driver is one line here.
DRIVERS = {
    "modbus": (NoisyModbus, add_modbus),
    "ultrasonic": (NoisyUltrasonic, add_ultrasonic),
    "sdi12": (NoisySDI12, add_sdi12),
    "maxbotix": (NoisyMaxBotix, add_maxbotix),
    "text": (NoisyText, add_text),
    "satellites": (NoisySatellites, add_satellites),
    "receiver": (NoisyReceiver, add_receiver),
}


def is_news(message):
    """Whether a message says that water rose or somebody came."""
    if "/alert" in message.topic:
        return message.json()["kind"] == "water_level"
    return message.topic.startswith("mimamori-watch/") and not message.topic.endswith("/head")


class NoisyMinute:
    """Watched in a thread of its own, beside other tests: most of it is waiting."""

    def __init__(self, top, program, folder):
        self.seconds = SECONDS
        self.false_news = []
        self.resident_kilobytes = []
        self.bytes_sent = {}
        self.read_after = {}
        self.exit_status = None
        self._failure = None
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(program, folder), daemon=True)
        self._thread.start()

    def wait(self):
        self._thread.join(SECONDS + 180)
        assert not self._thread.is_alive(), "the noise never ends"
        if self._failure:
            raise self._failure
        return self

    def close(self):
        self._cancelled.set()
        self._thread.join(60)

    def _watch(self, program, folder):
        broker = Broker(folder / "broker").start()
        site = Site(program, folder / "site")
        devices = {}
        observer = None
        try:
            site.mqtt_table["port"] = broker.port
            seed = random.Random(20261121)
            for name, (device, add) in DRIVERS.items():
                path = str(folder / name)
                devices[name] = device(path, seed.random())
                add(site, name, path)
            city = City(site, folder / "city")
            city.equip(city.list_for([PERSON]))
            observer = Subscriber(broker.port).wait_subscribed()
            gateway = site.start().wait_ready()
            self._measure(gateway, devices, observer)
            self.exit_status = gateway.stop()
        except Exception as failure:  # Raised again where the result is asked for.
            self._failure = failure
        finally:
            site.close()
            for device in devices.values():
                device.close()
            if observer:
                observer.close()
            broker.stop()

    def _measure(self, gateway, devices, observer):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            assert not self._cancelled.wait(5), "nobody waits for the noise any more"
            assert gateway.is_running, f"the gateway ended with {gateway.process.returncode}: {gateway.errors()}"
            self.resident_kilobytes.append(resident_kilobytes(gateway.process.pid))
        self.bytes_sent = {name: device.bytes_sent for name, device in devices.items()}
        for device in devices.values():
            assert device.level == LOW
            device.quieten()
        assert not self._cancelled.wait(max(device.settle for device in devices.values()))
        self.false_news = [message for message in observer.snapshot() if is_news(message)]
        devices["receiver"].listed = PERSON.identifier
        devices["satellites"].rise()
        wait_until(lambda: devices["satellites"].first_good, 5, "the satellite receiver speaks again")
        assert not self._cancelled.wait(devices["satellites"].interval / 2)
        for name, device in devices.items():
            if name != "satellites":
                device.rise()
        awaited = set(devices) - {"satellites"}
        wait_until(
            lambda: self._are_read(awaited, devices, observer), 60,
            lambda: f"a good frame of {awaited - set(self.read_after)} is read", every=0.01)

    def _are_read(self, awaited, devices, observer):
        for message in observer.snapshot():
            if is_news(message) and (name := message.json()["sensor"]) not in self.read_after:
                self.read_after[name] = (time.monotonic() - devices[name].first_good, message.json())
        return awaited <= set(self.read_after)


def resident_kilobytes(process):
    with open(f"/proc/{process}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
