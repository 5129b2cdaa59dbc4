"""State folders, configurations and command lines that cannot be used: said clearly, with the exit status."""

import subprocess

import pytest
from support.one_gauge import CALM, CAUTION, DANGER, messages_of, river, sensor, wait_messages, without
from support.small_disk import fill, small_disk
from support.waiting import wait_until


# State folders


def test_a_state_folder_that_cannot_be_made_ends_the_start(river, tmp_path):
    (tmp_path / "file").write_text("in the way")
    river.gateway_table["state"] = str(tmp_path / "file" / "state")
    gateway = river.start()
    assert gateway.wait_ended(10) in (73, 77)
    assert str(tmp_path / "file" / "state") in gateway.errors() and len(gateway.errors().splitlines()) <= 3


def test_a_state_folder_without_permission_ends_the_start(river):
    river.state.mkdir(mode=0o500)
    gateway = river.start(wrapper=without("dac_override", "dac_read_search"))
    assert gateway.wait_ended(10) == 77
    assert str(river.state) in gateway.errors()


def test_a_disk_that_is_full_at_the_start_hinders_no_watching(river, small_disk, sensor, subscriber):
    fill(small_disk)
    river.state = small_disk / "state"
    river.gateway_table["state"] = str(river.state)
    gateway = river.start().wait_ready()
    assert f"Failed to open the ledger {river.state}/ledger.sqlite: database or disk is full: make room" in gateway.errors()
    sensor.distance = CAUTION
    wait_messages(subscriber, ["raise"])
    (small_disk / "ballast").unlink()
    wait_until(
        lambda: "The ledger can be written again" in gateway.errors(), 60, lambda: f"it is well: {gateway.errors()}")
    sensor.distance = CALM
    wait_messages(subscriber, ["raise", "clear"])
    assert "set aside" not in gateway.errors(), "there was none before"
    assert gateway.stop() == 0
    shown = river.call("ledger", "show", "--config", river.configuration).stdout
    assert all(f"{a['id']} revision {a['revision']} " in shown for a in messages_of(subscriber)), shown
    assert river.call("ledger", "verify", "--config", river.configuration).returncode == 0
    # The numbers go on in the epoch that was begun without a disk.
    again = river.start().wait_ready()
    sensor.distance = DANGER
    wait_messages(subscriber, ["raise", "clear", "raise"])
    told = messages_of(subscriber)
    assert {a["epoch"] for a in told} == {told[0]["epoch"]} and told[2]["sequence"] > told[1]["sequence"]
    assert again.stop() == 0


def test_a_disk_that_becomes_full_stops_no_watching_and_loses_no_number(river, small_disk, sensor, subscriber):
    river.gateway_table["state"] = str(small_disk / "state")
    river.state = small_disk / "state"
    gateway = river.start().wait_ready()
    sensor.distance = CAUTION
    wait_messages(subscriber, ["raise"])
    fill(small_disk)
    expected = ["raise"]
    # Many messages: a file that has room for one more must not hide that there is no room.
    for turn in range(40):
        sensor.distance = DANGER if turn % 2 == 0 else CAUTION
        expected.append("update")
        wait_messages(subscriber, expected)
    wait_until(lambda: "full" in gateway.errors(), 15, lambda: f"a full disk is said: {gateway.errors()}")
    assert gateway.errors().count("full") <= 4, "it is not said at each message"
    (small_disk / "ballast").unlink()
    sensor.distance = CALM
    wait_until(lambda: messages_of(subscriber)[-1]["message"] == "clear", 30, "messages go on when there is room")
    assert gateway.stop() == 0
    numbers = sorted({message.json()["sequence"] for message in subscriber.on("/alert")})
    assert numbers == list(range(1, len(numbers) + 1))
    revisions = {(a["id"], a["revision"]) for a in messages_of(subscriber)}
    assert len(revisions) == len(expected) + 1, "what was decided while the disk was full was kept and sent"
    assert river.call("ledger", "verify", "--config", river.configuration).returncode == 0


def test_a_second_gateway_on_the_same_state_ends_at_once(river, subscriber):
    first = river.start().wait_ready()
    second = river.start()
    assert second.wait_ended(10) == 75
    assert str(river.state) in second.errors()
    assert first.is_running
    assert first.stop() == 0
    third = river.start().wait_ready()
    assert third.stop() == 0


# Configurations


def test_a_missing_configuration_is_an_input_that_is_missing(site, tmp_path):
    for command in ("run", "check", "replay"):
        result = site.call(command, "--config", tmp_path / "none.toml", input="")
        assert result.returncode == 66, (command, result.stderr)
        assert str(tmp_path / "none.toml") in result.stderr


def test_a_bad_configuration_is_refused_with_all_its_problems(river):
    river.gateway_table["municipality"] = "282104"
    river.tables[-1][1]["levels"] = {"caution": 3.0, "danger": 2.0}
    file = river.write()
    for command, status in (("check", 1), ("run", 78)):
        result = river.call(command, "--config", file)
        assert result.returncode == status, (command, result.stdout, result.stderr)
        problems = result.stdout + result.stderr
        assert "municipality" in problems and "danger" in problems
        assert problems.count(f"{file}:") >= 2, problems
    assert not river.state.exists(), "nothing is touched before the configuration is right"


@pytest.mark.parametrize("arguments", [[], ["run"], ["run", "--confg", "x"], ["dance"], ["replay", "--config"]])
def test_wrong_usage_is_said_with_its_own_status(site, arguments):
    result = subprocess.run([site.program, *arguments], capture_output=True, text=True, timeout=20)
    if arguments:
        assert result.returncode == 64 and "Usage" in result.stderr, (result.returncode, result.stderr)
    else:
        assert "USAGE" in result.stdout.upper() + result.stderr.upper()


def test_help_and_version_are_answered_everywhere(site):
    version = site.call("--version")
    assert version.returncode == 0 and version.stdout.strip()
    for command in ("run", "check", "replay", "record", "simulate", "ledger", "acl", "schema", "sign"):
        result = site.call(command, "--help")
        assert result.returncode == 0 and "USAGE" in result.stdout, command
        assert not result.stderr
