"""The power is cut at any moment: whatever the broker was ever sent is in the ledger of the next start.

What is on the disk after a cut comes from QEMU's log of its writes: all that was flushed, and of the rest a random part, torn by
sectors. The gateway starts from each such disk, here on the host. Whole boots after a cut: test_power_offs.py.
"""

import os
import shutil
import struct
from types import SimpleNamespace

import pytest
from bench.board import STATE
from bench.canal import Canal
from bench.disk import FLUSH, MAGIC, SECTOR, PowerCut, Write, lose_unflushed, read_folder, read_log
from support.ledger import Ledger
from support.site import Site

SOAK = os.environ.get("MIMAMORI_SOAK") == "1"
CUTS = 400 if SOAK else 20
SECONDS = 60 if SOAK else 8


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


def test_the_disk_of_a_killed_machine_loses_what_was_not_flushed(tmp_path, chance):
    """Of a log as QEMU leaves it: an entry that it did not finish is left out, and a disk that the log does not tell stays as it is."""
    base, disk = tmp_path / "base", SimpleNamespace(image=tmp_path / "image", log=tmp_path / "log")
    disk.logged = lambda: disk.log.stat().st_size
    base.write_bytes(bytes(8 * SECTOR))

    def entry(first, data, flags=0):
        return struct.pack("<QQQQ", first, len(data) // SECTOR, flags, 0).ljust(SECTOR, b"\0") + data

    unfinished = entry(6, b"c" * 2 * SECTOR)[:-1]
    disk.log.write_bytes(
        struct.pack("<QQQI", MAGIC, 1, 3, SECTOR).ljust(SECTOR, b"\0") + entry(0, b"a" * 2 * SECTOR) + entry(0, b"", FLUSH)
        + entry(2, b"b" * 2 * SECTOR) + unfinished)
    whole = b"a" * 2 * SECTOR + b"b" * 2 * SECTOR + bytes(4 * SECTOR)
    seen = set()
    for _ in range(60):
        disk.image.write_bytes(whole)
        lost, torn = lose_unflushed(disk, base, chance)
        image = disk.image.read_bytes()
        assert image[:2 * SECTOR] == whole[:2 * SECTOR], "flushed"
        seen.add((image.count(b"b") // SECTOR, lost, torn))
    assert seen == {(0, 1, 0), (1, 0, 1), (2, 0, 0)}
    disk.image.write_bytes(whole[:-SECTOR] + b"c" * SECTOR)
    assert lose_unflushed(disk, base, chance) is None
    assert disk.image.read_bytes().endswith(b"c")


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
    canal.flow(subscriber, chance, SECONDS, note)
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
        starts_with_all(program, state, expected, tmp_path / f"host-{number}", f"seed {chance.seed_number}, cut after {count} writes")
        checked += len(expected)
    assert dropped and torn and checked
    # A disk that has forgotten all of it is found out.
    state = read_folder(shutil.copy(base, tmp_path / "cut.img"), tmp_path / "state-empty")
    with pytest.raises(AssertionError, match="are not in the ledger"):
        starts_with_all(program, state, set(known_at), tmp_path / "host-empty", "an empty disk")
    measured(
        f"seed {chance.seed_number}: {len(counts)} cuts of {len(entries)} writes, {dropped} dropped, {torn} torn; {len(known_at)} messages, "
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
