"""The unit as it is installed, run by a real systemd on a real kernel."""

import pytest
from bench.board import STATE, UNIT
from support.waiting import wait_until
from ultrasonic import Ultrasonic


@pytest.fixture
def canal(board, bridge, peers, tmp_path):
    """A level sensor on the 16550, at 2.5 m, and a flood switch that is dry."""
    sensor = peers(Ultrasonic(tmp_path / "canal", distance=2000))
    bridge(board.machine.serial_line, sensor.terminal.path)
    board.site.add_ultrasonic("canal-1", "/dev/ttyS1", levels={"danger": 4.0})
    return sensor


@pytest.fixture
def underpass(board, make_chip):
    """A flood switch on the kernel's chip; the line is named as on a board."""
    chip = make_chip(names={4: "UNDERPASS"})
    chip.pull(4, True)
    board.site.add(
        "[sensor]", id="underpass-1", name="アンダーパス", driver="gpio", chip="panel", line="UNDERPASS",
        bias="pull-up", wet="closed", debounce="50ms", quantity="flood_contact")
    board.site.add("[contact]", sensor="underpass-1", severity="severe", wet_after="1s", dry_after="10m")
    return chip


def test_serial_and_gpio_sensors_reach_the_broker_through_the_unit(board, canal, underpass, subscriber):
    board.start()
    known = board.properties("ActiveState", "SubState", "Type", "StatusErrno", "NRestarts")
    assert known == {
        "ActiveState": "active", "SubState": "running", "Type": "notify", "StatusErrno": "0", "NRestarts": "0"}
    level = subscriber.wait_for(
        lambda message: message.topic == board.topic("observation", "canal-1"), 90, "the level arrives")
    assert level.json()["value"] == 2.5
    underpass.pull(4, False)
    alert = subscriber.wait_for(
        lambda message: message.topic == board.topic("alert"), 30, "water closes the switch").json()
    assert (alert["sensor"], alert["kind"], alert["message"]) == ("underpass-1", "flood_contact", "raise")


def test_the_gateway_has_no_rights_but_its_own(board, canal, underpass):
    board.start()
    machine = board.machine
    status = dict(
        line.split(":\t", 1) for line in machine.says(f"cat /proc/{board.process()}/status").splitlines()
        if ":\t" in line)
    user = machine.says("id -u mimamori")
    assert status["Uid"].split() == [user] * 4
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert set(machine.says("id -nG mimamori").split()) == {"mimamori", "dialout", "gpio"}
    assert machine.says(f"stat -c '%U %G %a' {underpass.device}") == "root gpio 660", "the udev rule"
    assert machine.says(f"stat -c '%U %G %a' /etc/mimamori {STATE}") == (
        "root mimamori 750\nmimamori mimamori 700"), "systemd-tmpfiles"


def test_the_unit_opens_no_device_but_the_field_s(board, canal, underpass):
    board.start()
    machine = board.machine

    def may_read(device):
        """Whether root may open it, as a member of the unit's control group: the kernel asks nothing else then."""
        group = f"/sys/fs/cgroup/system.slice/{UNIT}/cgroup.procs"
        return machine.run(
            f"echo $$ > {group} && exec python3 -c 'import os; os.open(\"{device}\", os.O_RDONLY | os.O_NONBLOCK)'",
            check=False).status == 0

    assert all(may_read(device) for device in ("/dev/null", "/dev/ttyS2", underpass.device))
    for device in ("/dev/vda", "/dev/hvc0", "/dev/watchdog0", "/dev/vhci", "/dev/mem"):
        machine.run(f"test -e {device} || mknod {device} c 1 1")
        assert not may_read(device), device


def test_a_killed_gateway_is_back_with_its_alert(board, canal, subscriber):
    board.start()
    canal.distance = 300
    raised = subscriber.wait_for(
        lambda message: message.topic == board.topic("alert"), 30, "the flood is raised").json()
    killed = board.process()
    board.machine.run(f"kill -KILL {killed}")
    wait_until(
        lambda: board.process() not in (0, killed) and board.properties("ActiveState")["ActiveState"] == "active", 60,
        board.journal, every=0.2)
    assert board.properties("NRestarts")["NRestarts"] == "1"

    def said_anew():
        """What is active, as told after the second run came online: both have the machine's one boot."""
        messages = subscriber.snapshot()
        online = [
            index for index, message in enumerate(messages)
            if message.topic == board.topic("status") and message.json()["state"] == "online"]
        later = messages[online[1]:] if len(online) > 1 else []
        return next((message.json() for message in later if message.topic == board.topic("active")), None)

    active = wait_until(said_anew, 60, "the gateway says again which alerts are active")
    assert [alert["id"] for alert in active["alerts"]] == [raised["id"]]
    assert [message.json()["message"] for message in subscriber.on("/alert")] == ["raise"]


def test_a_gateway_that_hangs_is_ended_by_the_watchdog_and_started_again(board, canal):
    board.adjust("WatchdogSec=4s\nTimeoutAbortSec=1s")
    board.start()
    hanging = board.process()
    board.machine.run(f"kill -STOP {hanging}")
    wait_until(
        lambda: board.process() not in (0, hanging) and board.properties("ActiveState")["ActiveState"] == "active", 60,
        board.journal, every=0.2)
    assert "Watchdog timeout" in board.journal()


def test_it_stops_when_it_is_told_to(board, canal, subscriber):
    board.start()
    board.stop()
    assert board.properties("Result", "ExecMainStatus") == {"Result": "success", "ExecMainStatus": "0"}
    status = subscriber.wait_for(
        lambda message: message.topic == board.topic("status") and message.json()["state"] == "offline", 20,
        "the gateway says farewell")
    assert status.retained
