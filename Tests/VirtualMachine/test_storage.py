"""The state folder goes read-only, runs full, or has a spoilt page: the water is watched and the siren sounds all the same, an
alert says what is wrong, and it ends when the disk is well again."""

import os
import re

import pytest
from bench.board import STATE
from bench.canal import CALM, CAUTION, DANGER, SIREN, Canal
from bench.disk import DEVICE
from support.waiting import wait_until

SOAK = os.environ.get("MIMAMORI_SOAK") == "1"


@pytest.fixture
def canal(board, bridge, peers, make_chip, tmp_path):
    chip = make_chip()
    chip.pull(SIREN, False)
    return Canal(board, bridge, peers, tmp_path, chip)


def held(board):
    """The (id, revision) of all that `ledger show` tells of."""
    return board.ledger("show --limit 100000")


def flood_goes_on(canal, subscriber):
    """While the disk is ill: the danger is told, and the siren sounds."""
    alert = canal.move(DANGER, subscriber, "danger")
    canal.wait_siren(True)
    return alert


def is_unwritable(canal, subscriber):
    """The log says so at once; the alert does after a minute, so that it is waited for in the soak alone."""
    wait_until(
        lambda: re.search("Failed to (write|open) the ledger", canal.said()), 20,
        lambda: f"it is said; journal:\n{canal.board.journal()}", every=0.3)
    if SOAK:
        told = wait_until(
            lambda: canal.about_storage(subscriber, "raise"), 130,
            lambda: f"an alert about the disk; journal:\n{canal.board.journal()}")
        assert told["fault"] == "ledger_unwritable" and all(text["headline"] for text in told["text"]), told


def stand(canal, subscriber):
    """The kinds of the alerts that stand, by the latest word of the gateway."""
    return [alert["kind"] for alert in subscriber.on(canal.board.topic("active"))[-1].json()["alerts"]]


def recovers(canal, subscriber, is_told=True):
    """The disk is well: the flood ends, all of it is acknowledged, and the numbers are whole. `is_told`: so is the alert about the
    disk."""
    if SOAK and is_told:
        wait_until(
            lambda: canal.about_storage(subscriber, "clear"), 130,
            lambda: f"the alert about the disk ends; journal:\n{canal.board.journal()}")
    canal.sensor.distance = CALM
    wait_until(lambda: canal.told(subscriber)[-1]["message"] == "clear", 40, "the flood ends")
    canal.wait_siren(False)
    wait_until(
        lambda: (text := held(canal.board)) and "waiting" not in text and "handed over" not in text, 40,
        lambda: f"everything is acknowledged: {held(canal.board)}", every=0.5)
    assert "MISSING" not in canal.board.ledger("verify")


def names_are_given_once(canal, subscriber):
    """(id, revision) names its bytes for ever, and a number one message."""
    named, numbered = {}, {}
    for message in subscriber.on(canal.board.topic("alert")):
        alert = message.json()
        for names, key in ((named, (alert["id"], alert["revision"])), (numbered, (alert["epoch"], alert["sequence"]))):
            assert names.setdefault(key, message.payload) == message.payload, f"{key} was given twice"


def test_a_file_system_that_turns_read_only_hinders_neither_watching_nor_the_siren(
        board, canal, state_disk, subscriber):
    board.start()
    first = canal.move(CAUTION, subscriber, "caution")
    # As the kernel does with a file system in which it finds an error, in the middle of everything.
    board.machine.run(
        f"mount -o remount,errors=remount-ro {STATE} && "
        f"echo 1 > /sys/fs/ext4/$(basename $(readlink -f {DEVICE}))/trigger_fs_error")
    board.machine.wait_until(f"! touch {STATE}/probe", 20)
    alert = flood_goes_on(canal, subscriber)
    assert (alert["id"], alert["revision"]) == (first["id"], 2)
    is_unwritable(canal, subscriber)
    # Nobody writes to such a file system again before it was mounted anew. What was sent from memory cannot be noted on it either,
    # so that its numbers and revisions are given again after the restart: docs/installing.md says so.
    board.stop()
    board.machine.run(f"umount {STATE}")
    board.mount_state(is_empty=False)
    board.start()
    canal.wait_siren(True)
    # Nor does the new run know of the alert about the disk: it ends no other way than by its `expires`, but stands no longer.
    wait_until(
        lambda: stand(canal, subscriber) == ["water_level"], 40, lambda: f"the flood alone stands: {stand(canal, subscriber)}")
    recovers(canal, subscriber, is_told=False)
    assert "storage" not in stand(canal, subscriber)


def test_a_full_file_system_hinders_neither_watching_nor_the_siren(board, canal, subscriber):
    board.mount_state("tmpfs", "-t tmpfs -o size=2m")
    try:
        board.site.add("delivery", reserve_mb=0)
        board.start()
        canal.move(CAUTION, subscriber, "caution")
        board.machine.run(f"dd if=/dev/zero of={STATE}/filler bs=4k || true")
        flood_goes_on(canal, subscriber)
        is_unwritable(canal, subscriber)
        board.machine.run(f"rm {STATE}/filler")
        recovers(canal, subscriber)
        names_are_given_once(canal, subscriber)
        # What was sent from memory is stored with the ledger's next attempt.
        wait_until(
            lambda: all(f"{alert['id']} revision {alert['revision']} " in held(board) for alert in canal.told(subscriber)),
            90, lambda: f"all that was told is in the ledger: {held(board)}", every=0.5)
    finally:
        board.stop()
        board.machine.run(f"umount {STATE}")


def watches_although_started_on_a_bad_disk(canal, subscriber, first):
    """The flood that stood goes on under its id; the danger is told, and the siren sounds."""
    alert = flood_goes_on(canal, subscriber)
    assert (alert["id"], alert["revision"], alert["epoch"]) == (first["id"], 2, first["epoch"])
    assert alert["sequence"] > first["sequence"]
    is_unwritable(canal, subscriber)


def test_a_start_on_a_read_only_file_system_watches_and_sounds(board, canal, state_disk, subscriber):
    board.start()
    first = canal.move(CAUTION, subscriber, "caution")
    board.stop()
    board.machine.run(f"mount -o remount,ro {STATE}")
    board.start()
    watches_although_started_on_a_bad_disk(canal, subscriber, first)
    board.machine.run(f"mount -o remount,rw {STATE}")
    recovers(canal, subscriber)
    names_are_given_once(canal, subscriber)


def test_a_start_on_a_full_file_system_watches_and_sounds(board, canal, subscriber):
    board.mount_state("tmpfs", "-t tmpfs -o size=2m")
    try:
        board.site.add("delivery", reserve_mb=0)
        board.start()
        first = canal.move(CAUTION, subscriber, "caution")
        board.stop()
        board.machine.run(f"dd if=/dev/zero of={STATE}/filler bs=4k || true")
        board.start()
        watches_although_started_on_a_bad_disk(canal, subscriber, first)
        board.machine.run(f"rm {STATE}/filler")
        recovers(canal, subscriber)
        names_are_given_once(canal, subscriber)
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
    told = wait_until(
        lambda: canal.about_storage(subscriber, "raise"), 20, lambda: f"the damage is told; journal:\n{board.journal()}")
    assert told["fault"] == "ledger_damaged" and told["sequence"] == 1, told
    alert = flood_goes_on(canal, subscriber)
    # What stands was in the spoilt page too; the station remembers it from elsewhere.
    assert (alert["id"], alert["revision"]) == (first["id"], 2)
    assert len(re.findall(r"ledger\.sqlite\.damaged-\d+$", board.machine.says(f"ls {STATE}"), re.MULTILINE)) == 1
    assert "after " in board.ledger("verify").splitlines()[0], "the new epoch names the one before"
    canal.sensor.distance = CALM
    wait_until(lambda: canal.told(subscriber)[-1]["message"] == "clear", 40, "the flood ends")
    canal.wait_siren(False)
    assert "Refused a message" not in canal.said()
    names_are_given_once(canal, subscriber)
