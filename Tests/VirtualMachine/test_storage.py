"""The state folder goes read-only, runs full, or has a spoilt page: the water is watched and the siren sounds all the same, an
alert says what is wrong, and it ends when the disk is well again."""

import pytest
from bench.board import CONFIGURATION, STATE
from bench.canal import CALM, CAUTION, DANGER, SIREN, Canal
from support.waiting import wait_until


@pytest.fixture
def canal(board, bridge, peers, make_chip, tmp_path):
    chip = make_chip()
    chip.pull(SIREN, False)
    return Canal(board, bridge, peers, tmp_path, chip)


def whole(board):
    """`ledger verify`, by the service's user."""
    result = board.machine.run(
        f"runuser -u mimamori -- mimamori-gateway ledger verify --config {CONFIGURATION}", check=False)
    assert result.status == 0, result.output + result.error
    return result.output


def held(board):
    """The (id, revision) of all that `ledger show` tells of."""
    return board.machine.says(
        f"runuser -u mimamori -- mimamori-gateway ledger show --limit 100000 --config {CONFIGURATION}")


def flood_goes_on(canal, subscriber, fault):
    """While the disk is ill: the danger is told, the siren sounds, and what is wrong is told."""
    alert = canal.move(DANGER, subscriber, "danger")
    canal.wait_siren(True)
    told = wait_until(
        lambda: canal.about_storage(subscriber, "raise") or canal.about_storage(subscriber, "update"), 40,
        lambda: f"an alert about the disk; journal:\n{canal.board.journal()}")
    assert told["fault"] == fault, told
    assert all(text["headline"] for text in told["text"])
    return alert


def recovers(canal, subscriber):
    """The disk is well: the alert about it ends, everything that was told is in the ledger, and its numbers are whole."""
    wait_until(
        lambda: canal.about_storage(subscriber, "clear"), 90,
        lambda: f"the alert about the disk ends; journal:\n{canal.board.journal()}")
    canal.sensor.distance = CALM
    wait_until(lambda: canal.told(subscriber)[-1]["message"] == "clear", 40, "the flood ends")
    canal.wait_siren(False)
    shown = wait_until(
        lambda: (text := held(canal.board)) and "waiting" not in text and "handed over" not in text and text, 40,
        lambda: f"everything is acknowledged: {held(canal.board)}", every=0.5)
    for alert in canal.told(subscriber):
        assert f"{alert['id']} revision {alert['revision']} " in shown, (alert, shown)
    assert "MISSING" not in whole(canal.board)


def test_a_read_only_file_system_hinders_neither_watching_nor_the_siren(board, canal, state_disk, subscriber):
    board.start()
    first = canal.move(CAUTION, subscriber, "caution")
    # As the kernel does with a file system that it no longer trusts: in the middle of everything.
    board.machine.run("echo u > /proc/sysrq-trigger")
    board.machine.wait_until(f"! touch {STATE}/probe", 20)
    try:
        alert = flood_goes_on(canal, subscriber, "ledger_unwritable")
        assert (alert["id"], alert["revision"]) == (first["id"], 2)
    finally:
        board.machine.run(f"mount -o remount,rw / && mount -o remount,rw {STATE}")
    recovers(canal, subscriber)


def test_a_full_file_system_hinders_neither_watching_nor_the_siren(board, canal, subscriber):
    board.mount_state("tmpfs", "-t tmpfs -o size=2m")
    try:
        board.site.add("delivery", reserve_mb=0)
        board.start()
        canal.move(CAUTION, subscriber, "caution")
        board.machine.run(f"dd if=/dev/zero of={STATE}/filler bs=4k || true")
        flood_goes_on(canal, subscriber, "ledger_unwritable")
        board.machine.run(f"rm {STATE}/filler")
        recovers(canal, subscriber)
    finally:
        board.stop()
        board.machine.run(f"umount {STATE}")


# Spoils the page with which the table of the messages begins.
SPOIL = """
import os, sqlite3, sys
path = sys.argv[1]
connection = sqlite3.connect(path)
connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
size = connection.execute("PRAGMA page_size").fetchone()[0]
page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'messages'").fetchone()[0]
connection.close()
with open(path, "r+b") as file:
    file.seek((page - 1) * size)
    file.write(os.urandom(size))
    os.fsync(file.fileno())
"""


def test_a_spoilt_page_hinders_neither_watching_nor_the_siren(board, canal, state_disk, subscriber):
    board.start()
    first = canal.move(CAUTION, subscriber, "caution")
    board.stop()
    board.machine.run(f"python3 - {STATE}/ledger.sqlite && chown -R mimamori: {STATE}", input=SPOIL.encode())
    board.start()
    alert = flood_goes_on(canal, subscriber, "ledger_damaged")
    # What stands was in the spoilt page too; the station remembers it from elsewhere.
    assert (alert["id"], alert["revision"]) == (first["id"], 2)
    assert board.machine.says(f"ls {STATE}").count("ledger.sqlite.damaged-") == 1
    assert "after " in whole(board).splitlines()[0], "the new epoch names the one before"
    canal.sensor.distance = CALM
    wait_until(lambda: canal.told(subscriber)[-1]["message"] == "clear", 40, "the flood ends")
    canal.wait_siren(False)
