"""The power of a running machine goes at random moments, again and again: after each boot the ledger is whole, and holds what the
broker was told, in the same bytes, under numbers that were given once.

QEMU is killed: what the machine kept in its memory is gone. Of what the disk was given and had not flushed, a random part is lost or
torn besides. Twenty times amid alerts, and some while the gateway starts. The broker and its subscriber outside see all of it.
"""

import json
import os
import shutil
import time
from dataclasses import replace

import pytest
from bench.board import STATE, UNIT, Board
from bench.canal import CALM, CAUTION, DANGER, Canal
from bench.disk import StateDisk, lose_unflushed
from bench.lines import Bridge
from bench.machine import Machine
from support.account import Account, is_told

POWER_OFFS = int(os.environ.get("MIMAMORI_POWER_OFFS") or 20)
STARTS = POWER_OFFS // 4


class Lines:
    """What is plugged into one boot of a machine."""

    def __enter__(self):
        self._open = []
        return self

    def add(self, peer):
        self._open.append(peer)
        return peer

    def bridge(self, line, terminal):
        return self.add(Bridge(line, terminal))

    def __exit__(self, *_):
        for peer in reversed(self._open):
            peer.close()


class Trial:
    """One disk through many boots, and what the broker heard in all of them."""

    def __init__(self, install, broker, subscriber, chance, folder):
        self.install, self.broker, self.subscriber, self.chance, self.folder = install, broker, subscriber, chance, folder
        self.disk = StateDisk(folder)
        self.boots, self.lost, self.unclear = [], [0, 0], 0
        self.checked = self.amid = self.told = 0
        self._distance = CALM

    def life(self, number, ends):
        """A boot with all checks, and its end: "amid alerts", "while it starts" or, after the last check, "at last"."""
        base = shutil.copy(self.disk.image, self.folder / "base.img")
        machine = Machine(state=self.disk)
        try:
            self.install(machine.boot())
            self.boots.append(machine.boot_seconds)
            board = Board(machine, self.folder / f"site-{number}", self.broker)
            with Lines() as lines:
                canal = Canal(board, lines.bridge, lines.add, self.folder)
                canal.sensor.distance = self._distance
                board.mount_state(is_empty=number == 0)
                if ends == "while it starts":
                    board.write()
                    machine.start(f"systemctl start {UNIT}")
                    time.sleep(self.chance.uniform(0, 3))
                else:
                    board.start()
                    self.check(board, f"boot {number}")
                    canal.flow(self.subscriber, self.chance, self.chance.uniform(0, 8))
                    if self.chance.random() < 0.5:
                        self.wait_for_a_write(canal)
                    if ends == "at last":
                        self.check(board, "the last boot")
                machine.power_off()
                self._distance = canal.sensor.distance
        finally:
            machine.close()
        cut = lose_unflushed(self.disk, base, self.chance)
        self.unclear += cut is None
        self.lost = [a + b for a, b in zip(self.lost, cut or (0, 0), strict=True)]
        told = sum(is_told(message.topic) for message in self.subscriber.snapshot())
        print(
            f"boot {number} ({self.boots[-1]:.0f} s) ended {ends}: {told - self.told} alert messages since the end before, "
            f"unflushed writes lost and torn: {cut}")
        self.told = told
        return number + 1

    def wait_for_a_write(self, canal):
        """Moves the water and returns amid the next writes of the disk: by chance alone few cuts would come there."""
        before, end = self.disk.logged(), time.monotonic() + 5
        canal.sensor.distance = self.chance.choice([d for d in (CALM, CAUTION, DANGER) if d != canal.sensor.distance])
        while self.disk.logged() == before and time.monotonic() < end:
            pass
        time.sleep(self.chance.uniform(0, 0.02))

    def check(self, board, what):
        """By the gateway's own commands and by the file: nothing was lost, altered, invented, or numbered twice."""
        assert "damaged" not in board.machine.says(f"ls {STATE}"), f"{what}: {board.journal()}"
        # What waited when the power went is on its way now.
        self.account = board.wait_in_order(self.subscriber)
        state = board.properties("ActiveState", "NRestarts")
        assert state == {"ActiveState": "active", "NRestarts": "0"}, f"{what}: {state}; journal:\n{board.journal()}"
        self.checked += 1

    def finds_what_is_planted(self):
        """The judge is able to fail: a message that the ledger has forgotten or holds in other bytes, and a number given twice."""
        last = self.account
        received, entries, shown, verified = last.received, last.entries, last.shown, last.verified
        assert Account(received, entries[:-1], shown, verified).problems()
        changed = replace(entries[-1], payload=entries[-1].payload[:-1])
        assert Account(received, [*entries[:-1], changed], shown, verified).problems()
        alerts = [message for message in received if is_told(message.topic)]
        twice = json.loads(alerts[-1].payload) | {"sequence": alerts[0].json()["sequence"], "revision": 1000}
        invented = replace(alerts[-1], payload=json.dumps(twice).encode())
        assert any("given twice" in problem for problem in Account([*received, invented], entries, shown, verified).problems())


@pytest.mark.soak
def test_after_each_power_off_nothing_is_lost_altered_or_numbered_twice(
        install, broker, subscriber, chance, tmp_path, measured):
    trial = Trial(install, broker, subscriber, chance, tmp_path)
    ends = ["amid alerts"] * POWER_OFFS + ["while it starts"] * STARTS
    chance.shuffle(ends)
    number = 0
    for end in [*ends, "at last"]:
        number = trial.life(number, end)
    assert trial.checked == POWER_OFFS + 2
    trial.finds_what_is_planted()
    measured(
        f"seed {chance.seed_number}: {POWER_OFFS} power-offs amid alerts and {STARTS} while it starts, boots of "
        f"{min(trial.boots):.0f} to {max(trial.boots):.0f} s; {trial.told} alert messages arrived; {trial.lost[0]} unflushed writes "
        f"lost and {trial.lost[1]} torn ({trial.unclear} cuts with a write under way)")
