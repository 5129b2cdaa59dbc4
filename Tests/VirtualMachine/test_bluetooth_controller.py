"""The gateway on a controller of the board: the kernel's HCI user channel, as docs/sensors/bluetooth.md sets it up."""

import uuid
from datetime import timedelta

import pytest
from support.city import KEY_NAME, City, Person
from support.site import WATCH_ROOT, Site
from support.waiting import wait_until

PROXIMITY_UUID = uuid.UUID("e2c56db5-dffb-48d2-b060-d0f5a71096e0")
DROP_IN = "/etc/systemd/system/mimamori-gateway.service.d/bluetooth-controller.conf"


@pytest.fixture
def rights(board, top):
    """What the unit needs for a controller of the board, put where the page says."""
    board.machine.write(DROP_IN, (top / "systemd/bluetooth-controller.conf").read_text())
    board.machine.run("systemctl daemon-reload")
    yield
    if board.machine.is_running:
        board.machine.run(f"rm -f {DROP_IN}; systemctl daemon-reload")


@pytest.fixture
def receiver(board):
    board.site.add(
        "[sensor]", id="gate", name="校門 受信機", driver="hci", controller="hci0", quantity="beacon",
        stale_after="30s")
    return board


@pytest.fixture
def persons(receiver, program, tmp_path):
    """Two of the three beacons on the air belong to persons on the list."""
    receiver.site.add_place("school", ["gate"], gone_after="20s")
    signing = Site(program, tmp_path / "signing", receiver.site.name)
    city = City(signing, tmp_path / "city")
    persons = [
        Person(f"{minor:024x}", "ibeacon", PROXIMITY_UUID.bytes + bytes([0, 1, 0, minor]), "school")
        for minor in (0, 1)]
    watchlist = city.list_for(persons, valid_for=timedelta(days=3650))
    for source, name in (
            (city.folder / f"{KEY_NAME}.pub", f"{KEY_NAME}.pub"), (city.folder / "tag-key", "tag-key"),
            (watchlist, "watchlist.jws")):
        receiver.machine.put(source, f"/etc/mimamori/{name}")
        receiver.machine.run(f"chgrp mimamori /etc/mimamori/{name} && chmod 0640 /etc/mimamori/{name}")
    receiver.site.add("[authority]", kid=KEY_NAME, public_key_file=f"{KEY_NAME}.pub", may=["watchlist"])
    receiver.site.add("watchlist", group="east", tag_keys={"2026-11": "tag-key"}, file="watchlist.jws")
    return persons


def notices(subscriber, kind):
    return [
        message.json() for message in subscriber.snapshot()
        if message.topic.startswith(WATCH_ROOT) and not message.topic.endswith("/head")
        and message.json()["kind"] == kind]


def places(subscriber):
    return [message.json()["state"] for message in subscriber.on("/place/school")]


def test_a_controller_without_the_rights_is_told_with_what_to_add(receiver, bluetooth, subscriber):
    receiver.start()
    wait_until(lambda: "Failed to use Bluetooth" in receiver.journal(), 30, receiver.journal)
    said = receiver.journal()
    assert "AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW" in said or "RestrictAddressFamilies" in said
    # The rest of the gateway runs on.
    assert receiver.process()


def test_a_controller_that_is_switched_on_is_taken_and_hears_and_comes_back_after_it_was_gone(
        persons, receiver, rights, bluetooth, subscriber):
    receiver.machine.run("hciconfig hci0 up")
    receiver.start()
    subjects = {person.subject for person in persons}
    wait_until(
        lambda: {notice["subject"] for notice in notices(subscriber, "arrival")} == subjects, 60, receiver.journal)

    bluetooth.detach()
    wait_until(lambda: "blind" in places(subscriber), 60, receiver.journal)
    assert "Failed to" in receiver.journal()
    bluetooth.attach()
    wait_until(lambda: places(subscriber)[-1] == "watching", 60, receiver.journal)
    assert "Bluetooth controller hci0 is back" in receiver.journal()
    # Nobody has left for that, and nobody has arrived twice.
    assert notices(subscriber, "departure") == []
    assert len(notices(subscriber, "arrival")) == len(persons)
    journal = receiver.journal(1000)
    for person in persons:
        assert person.identifier.hex() not in journal


def test_a_controller_that_another_program_holds_is_told(receiver, rights, bluetooth):
    holder = receiver.machine.start(
        "exec python3 -c 'import ctypes, struct, time; libc = ctypes.CDLL(None); "
        "s = libc.socket(31, 3, 1); a = struct.pack(\"<HHH\", 31, 0, 1); "
        "assert libc.bind(s, a, len(a)) == 0; print(\"held\", flush=True); time.sleep(600)'")
    try:
        receiver.machine.wait_until("! hciconfig hci0 >/dev/null 2>&1 || sleep 1", 20)
        receiver.start()
        wait_until(lambda: "systemctl disable --now bluetooth" in receiver.journal(), 30, receiver.journal)
    finally:
        receiver.machine.run("pkill -x python3", check=False)
        holder.wait()
