"""Contacts, rain gauges and relays on the machine's GPIO, and what the broker hears of them."""

from support.waiting import wait_until

# What finds chips and lines for the gateway: the machine's own library, and the one of a Debian 13.
LIBRARIES = ["libgpiod 1.6", "libgpiod 2"]


def add_contact(board, name, line, *, chip="panel", bias="pull-up", wet="closed", debounce="50ms", **keys):
    board.site.add(
        "[sensor]", id=name, name=f"接点 {name}", driver="gpio", chip=chip, line=line, bias=bias, wet=wet,
        debounce=debounce, quantity="flood_contact", **keys)
    board.site.add("[contact]", sensor=name, severity="severe", wet_after="1s", dry_after="10m")


def add_gauge(board, name, line, *, chip="panel", debounce="10ms", rate=50, bias="as-is"):
    board.site.add(
        "[sensor]", id=name, name=f"雨量計 {name}", driver="gpio", chip=chip, line=line, bias=bias, debounce=debounce,
        quantity="rain", tip=0.5, max_tips_per_second=rate)


def add_relay(board, line, sensor, *, chip="panel", active="high"):
    board.site.add(
        "[output]", id="relay", driver="gpio", chip=chip, line=line, active=active, safe="off", max_on="1h",
        cool_down="1s", sound_at={"severity": "severe", "all_of": [sensor]})


class Heard:
    """The last that the broker was told of one sensor."""

    def __init__(self, board, subscriber, sensor):
        self._topic = board.topic("observation", sensor)
        self._subscriber = subscriber
        self.sensor = sensor

    def last(self):
        payloads = [message.json() for message in self._subscriber.snapshot() if message.topic == self._topic]
        return payloads[-1] if payloads else {}

    def wait(self, key, value, seconds=60):
        wait_until(
            lambda: key in self.last() and self.last()[key] == value, seconds,
            lambda: f"{self.sensor}: {key} = {value}; it says {self.last()}")
