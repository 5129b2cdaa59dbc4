"""The power is cut at any moment: whatever the broker was ever sent is in the ledger of the next start.

What is on the disk after a cut comes from QEMU's log of its writes: all that was flushed, and of the rest a random part, torn by
sectors. The gateway starts from each such disk, here on the host. In the soak also the plain way: QEMU is killed and boots again.
"""

import json
import os
import random
import shutil
import time

import pytest
from bench.board import CONFIGURATION, STATE, Board
from bench.canal import CALM, CAUTION, DANGER, Canal
from bench.disk import FLUSH, PowerCut, StateDisk, Write, read_folder, read_log
from bench.lines import Bridge
from bench.machine import Machine
from support.ledger import Ledger
from support.site import Site
from support.waiting import wait_until

SOAK = os.environ.get("MIMAMORI_SOAK") == "1"
CUTS = 400 if SOAK else 20
SECONDS = 60 if SOAK else 8
POWER_OFFS = 20
SEED = int(os.environ.get("MIMAMORI_SEED") or 20261122)


@pytest.fixture
def chance():
    print(f"seed {SEED}")
    return random.Random(SEED)


def flow(canal, subscriber, chance, seconds, note=lambda: None):
    """Water that goes up and down at random for so long. `note` is called again and again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before = len(canal.told(subscriber))
        canal.sensor.distance = chance.choice([d for d in (CALM, CAUTION, DANGER) if d != canal.sensor.distance])
        patience = time.monotonic() + 15
        pause = chance.uniform(0, 0.3)
        while len(canal.told(subscriber)) == before and time.monotonic() < min(patience, end):
            note()
            time.sleep(0.01)
        assert time.monotonic() < patience, f"nothing was told; journal:\n{canal.board.journal()}"
        time.sleep(pause)
    note()


def test_the_disk_of_a_cut_is_what_was_flushed_and_a_part_of_the_rest(tmp_path, chance):
    """The judge itself: what is flushed stays, and what is not is sometimes lost or torn."""
    (tmp_path / "base").write_bytes(bytes(8 * 512))
    entries = [Write(0, b"a" * 1024, 0, 1), Write(0, b"", FLUSH, 2), Write(1024, b"b" * 1024, 0, 3), Write(0, b"", FLUSH, 4)]
    seen = set()
    for _ in range(60):
        cut = PowerCut(tmp_path / "base", entries)
        assert cut.image(0, chance) == bytes(8 * 512)
        image = cut.image(3, chance)
        assert image[:1024] == b"a" * 1024, "flushed"
        seen.add(image[1024:2048].count(b"b"))
        assert cut.image(4, chance)[:2048] == b"a" * 1024 + b"b" * 1024
    assert seen == {0, 512, 1024}, "lost, torn, kept"


def test_after_a_cut_at_any_moment_the_ledger_holds_all_that_was_told(
        board, bridge, peers, state_disk, subscriber, program, chance, tmp_path, measured):
    canal = Canal(board, bridge, peers, tmp_path)
    machine = board.machine
    # An empty file system, on which nothing is under way.
    machine.run(f"umount {STATE}")
    base, begin = tmp_path / "base.img", state_disk.logged()
    base.write_bytes(state_disk.image.read_bytes())
    board.mount_state(is_empty=False)
    known_at = {}

    def note():
        told = canal.kept(subscriber)
        logged = state_disk.logged()
        for message in told:
            known_at.setdefault(message, logged)

    board.start()
    flow(canal, subscriber, chance, SECONDS, note)
    board.stop()
    machine.run("sync")
    note()
    entries = read_log(state_disk.log, begin)
    assert len(known_at) >= 6 and sum(entry.flags & FLUSH for entry in entries) >= len(known_at) // 2
    counts = sorted(chance.sample(range(len(entries) + 1), min(CUTS, len(entries))))
    cut = PowerCut(base, entries)
    dropped = torn = checked = 0
    for number, count in enumerate(counts):
        image = tmp_path / "cut.img"
        image.write_bytes(cut.image(count, chance))
        dropped, torn = dropped + cut.dropped, torn + cut.torn
        logged = entries[count - 1].end if count else 0
        expected = {message for message, known in known_at.items() if known <= logged}
        state = read_folder(image, tmp_path / f"state-{number}")
        starts_with_all(program, state, expected, tmp_path / f"host-{number}", f"seed {SEED}, cut after {count} writes")
        checked += len(expected)
    assert dropped and torn and checked
    # A disk that has forgotten all of it is found out.
    state = read_folder(shutil.copy(base, tmp_path / "cut.img"), tmp_path / "state-empty")
    with pytest.raises(AssertionError, match="are not in the ledger"):
        starts_with_all(program, state, set(known_at), tmp_path / "host-empty", "an empty disk")
    measured(
        f"seed {SEED}: {len(counts)} cuts of {len(entries)} writes, {dropped} dropped, {torn} torn; {len(known_at)} messages, "
        f"{checked} looked for and found")


def starts_with_all(program, state, expected, folder, what):
    """The gateway starts from this state folder, finds its ledger sound, and holds what is expected in the same bytes."""
    site = Site(program, folder, "field-001")
    site.gateway_table["state"] = str(state)
    site.add_ultrasonic("canal-1", str(folder / "no-port"), levels={"caution": 1.2, "danger": 4.0})
    try:
        site.start().wait_ready(30)
        entries = {(entry.topic, entry.payload) for entry in Ledger(state).entries()}
    finally:
        site.close()
    missing = expected - entries
    assert not missing, f"{what}: {len(missing)} of {len(expected)} messages are not in the ledger: {[*missing][0]}"
    assert not list(state.glob("*damaged*")), f"{what}: the ledger was found damaged"
    verified = site.call("ledger", "verify", "--config", site.configuration)
    assert verified.returncode == 0, f"{what}: {verified.stdout}{verified.stderr}"


@pytest.mark.soak
def test_after_each_power_off_the_ledger_holds_all_that_was_told(
        install, broker, subscriber, chance, tmp_path, peers, measured):
    disk = StateDisk(tmp_path)
    boots = []
    distance = CALM
    for number in range(POWER_OFFS + 1):
        machine = Machine(state=disk)
        try:
            install(machine.boot())
            boots.append(machine.boot_seconds)
            board = Board(machine, tmp_path / f"site-{number}", broker)
            with Lines() as lines:
                canal = Canal(board, lines.bridge, lines.add, tmp_path)
                canal.sensor.distance = distance
                board.mount_state(is_empty=number == 0)
                told = canal.kept(subscriber)
                board.start()
                everything_is_held(board, told)
                if number < POWER_OFFS:
                    flow(canal, subscriber, chance, chance.uniform(2, 8))
                distance = canal.sensor.distance
        finally:
            machine.close()
    told = canal.told(subscriber)
    revisions = {}
    for alert in told:
        revisions.setdefault(alert["id"], []).append(alert["revision"])
    assert all(found == list(range(1, len(found) + 1)) for found in revisions.values()), revisions
    measured(f"{POWER_OFFS} power-offs, boots of {min(boots):.0f} to {max(boots):.0f} s, {len(told)} messages told")


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


def everything_is_held(board, told):
    """By the gateway's own commands: what the broker was sent before the power went is in the ledger."""
    machine = board.machine
    gateway = "runuser -u mimamori -- mimamori-gateway ledger"
    wait_until(lambda: machine.run(f"{gateway} verify --config {CONFIGURATION}", check=False).status == 0, 20, "whole")
    shown = machine.says(f"{gateway} show --limit 1000000 --config {CONFIGURATION}")
    assert "damaged" not in machine.says(f"ls {STATE}")
    for topic, payload in told:
        if topic.endswith("/alert"):
            content = json.loads(payload)
            assert f"{content['id']} revision {content['revision']}  {len(payload)} bytes" in shown, content
