"""A canal with a level sensor on the machine's 16550 and a siren on its GPIO, and what the broker hears of it."""

import re
import time

from support.account import is_kept
from support.waiting import wait_until
from ultrasonic import Ultrasonic

# Millimetres below a sensor at 4.5 m, and the steps of the ladder there.
CALM, CAUTION, DANGER = 4000, 3000, 300
LEVELS = {"caution": 1.2, "danger": 4.0}
SIREN = 7


class Canal:
    def __init__(self, board, bridge, peers, folder, chip=None):
        self.board, self.chip = board, chip
        self._began = board.machine.uptime()
        self.sensor = peers(Ultrasonic(folder / "canal", distance=CALM))
        self._bridge = bridge
        self.connect()
        board.site.add_ultrasonic("canal-1", "/dev/ttyS1", levels=LEVELS)
        if chip:
            board.site.add(
                "[output]", id="siren", driver="gpio", chip=chip.label, line=SIREN, active="high", safe="off", max_on="1h",
                cool_down="1s", sound_at={"severity": "severe", "all_of": ["canal-1"]})

    def connect(self):
        """Plugs the sensor into the machine, anew after each boot."""
        self._bridge(self.board.machine.serial_line, self.sensor.terminal.path)

    def move(self, distance, subscriber, step, seconds=40):
        """Moves the water and waits until the broker hears of the step: the alert itself."""
        before = len(self.told(subscriber))
        self.sensor.distance = distance
        return wait_until(
            lambda: next((a for a in self.told(subscriber)[before:] if a["step"] == step), None), seconds,
            lambda: f"an alert of step {step}; told {self.told(subscriber)[-2:]}; journal:\n{self.board.journal()}")

    def flow(self, subscriber, chance, seconds, note=lambda: None):
        """Water that goes up and down at random for so long. `note` is called again and again."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            before = len(self.told(subscriber))
            self.sensor.distance = chance.choice([d for d in (CALM, CAUTION, DANGER) if d != self.sensor.distance])
            patience = time.monotonic() + 15
            pause = chance.uniform(0, 0.3)
            while len(self.told(subscriber)) == before and time.monotonic() < min(patience, end):
                note()
                time.sleep(0.01)
            assert time.monotonic() < patience, f"nothing was told; journal:\n{self.board.journal()}"
            time.sleep(pause)
        note()

    def told(self, subscriber):
        """What was told of the water, each (id, revision) once."""
        alerts = [message.json() for message in subscriber.on(self.board.topic("alert"))]
        return list({(a["id"], a["revision"]): a for a in alerts if a["sensor"] == "canal-1"}.values())

    def about_storage(self, subscriber, message):
        """The latest alert about the board's own ledger, if it is of this message."""
        alerts = [m.json() for m in subscriber.on(self.board.topic("alert")) if m.json()["kind"] == "storage"]
        return alerts[-1] if alerts and alerts[-1]["message"] == message else None

    def said(self):
        """The journal since this canal is there: the machine serves many tests."""
        lines = self.board.journal(lines=1000).splitlines()
        return "\n".join(line for line in lines if float((re.match(r"\[ *([\d.]+)\]", line) or [0, 0])[1]) >= self._began)

    def wait_siren(self, sounds, seconds=20):
        wait_until(
            lambda: self.chip.value(SIREN) == int(sounds), seconds,
            lambda: f"the siren is {'on' if sounds else 'off'}; journal:\n{self.board.journal()}", every=0.1)

    def kept(self, subscriber):
        """What the ledger must hold: all that the broker was sent of it."""
        return {(m.topic, m.payload) for m in subscriber.snapshot() if m.payload and is_kept(m.topic)}
