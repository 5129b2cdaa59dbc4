"""What a reload would end or lose refuses it, and the watch goes on as it was."""

import re
import signal
import time

import pytest
from support.authority import Authority, Requester
from support.certificates import CertificateAuthority
from support.one_gauge import CALM, CAUTION, DANGER, messages_of, river, sensor, wait_messages
from support.site import ROOT
from support.small_disk import fill, hanging, slow_disk, small_disk
from support.waiting import wait_until

REFUSED = "The new configuration is refused and the old one stays"
KEPT = "The reload is refused and the old configuration stays"


def reload(gateway):
    gateway.process.send_signal(signal.SIGHUP)


def connections(subscriber):
    return [m.json()["connection"] for m in subscriber.on("/status") if m.json()["state"] == "online"]


def online(subscriber):
    wait_until(lambda: connections(subscriber), 20, "the gateway is online")
    return subscriber.on("/status")[-1].json()["boot"]


@pytest.fixture
def city(river):
    return Authority().allow(river)


@pytest.fixture
def desk(broker, peers):
    return peers(Requester(broker.port, "desk"))


def ask_for_reload(river, subscriber, city, desk, boot):
    command, text = city.command("reload", river.name, boot=boot)
    desk.send(river.topic("command"), text)
    return subscriber.wait_for(
        lambda m: m.topic == river.topic("reply") and m.json()["id"] == command, 15, "the answer").json()


# Files that cannot be read


@pytest.fixture
def secretive(river, city):
    """A site with a file of every kind that a session cannot do without, and those files."""
    files = {
        name: river.folder / name for name in ("password", "second-password", "api-key", "tag-key", "resolver-keys")}
    for path in files.values():
        path.write_text("a-word\n")
    files["tag-key"].write_text("0123456789abcdef" * 4 + "\n")
    files["resolver-keys"].write_text('{"keys":[]}')
    for path in files.values():
        path.chmod(0o640)
    files["authority"] = river.folder / f"{city.kid}.pub"
    river.mqtt_table.update(username="test-001", password_file="password")
    river.add("mqtt.fallback", host="127.0.0.1", port=9, username="test-001", password_file="second-password")
    river.add("fiware", api_key_file="api-key")
    river.add("watchlist", group="east", tag_keys={"2026-11": "tag-key"}, resolver_keys="resolver-keys")
    return files


@pytest.mark.parametrize("fault", ["missing", "unreadable"])
def test_a_reload_without_one_of_its_files_is_refused_and_the_watch_goes_on(
        river, secretive, sensor, subscriber, fault):
    gateway = river.start().wait_ready()
    online(subscriber)
    for path in secretive.values():
        aside = path.with_suffix(".aside")
        path.rename(aside)
        if fault == "unreadable":
            # As root, no mode keeps a file from being read.
            path.mkdir()
        reload(gateway)
        gateway.wait_said(f"{REFUSED}. Failed to read {path}: ")
        assert gateway.is_running
        if fault == "unreadable":
            path.rmdir()
        aside.rename(path)
    assert gateway.errors().count(REFUSED) == len(secretive)
    sensor.distance = CAUTION
    wait_messages(subscriber, ["raise"])
    assert len(connections(subscriber)) == 1, "nothing was interrupted"
    # All are there again, and one is new.
    secretive["password"].write_text("another-word\n")
    reload(gateway)
    wait_until(lambda: len(connections(subscriber)) == 2, 20, "the new password is used")
    assert gateway.stop() == 0
    assert [a["message"] for a in messages_of(subscriber)] == ["raise"]
    assert "a-word" not in gateway.errors() and "another-word" not in gateway.errors()


def test_who_commands_such_a_reload_is_told_the_reason(river, secretive, subscriber, city, desk):
    gateway = river.start().wait_ready()
    boot = online(subscriber)
    secretive["password"].unlink()
    answer = ask_for_reload(river, subscriber, city, desk, boot)
    assert (answer["result"], answer["reason"]) == ("refused", "bad_configuration")
    assert str(secretive["password"]) in answer["explanation"] and "check the path" in answer["explanation"]
    assert gateway.stop() == 0


def test_a_configuration_that_fails_as_it_is_taken_up_leaves_the_old_one_without_its_files(
        river, secretive, sensor, subscriber, tmp_path):
    gateway = river.start().wait_ready()
    online(subscriber)
    (tmp_path / "in-the-way").write_text("")
    state = river.gateway_table["state"]
    river.gateway_table["state"] = str(tmp_path / "in-the-way")
    for name in ("password", "tag-key"):
        secretive[name].rename(tmp_path / name)
    river.mqtt_table["password_file"] = str(tmp_path / "password")
    header, table = river.tables.pop()
    river.add(header, **{**table, "tag_keys": {"2026-11": str(tmp_path / "tag-key")}})
    river.write()
    reload(gateway)
    # What the old configuration names is gone.
    gateway.wait_said("The new configuration cannot be used and the old one stays")
    wait_until(lambda: len(connections(subscriber)) == 2, 20, "it watches on")
    sensor.distance = CAUTION
    wait_messages(subscriber, ["raise"])
    river.gateway_table["state"] = state
    river.write()
    reload(gateway)
    wait_until(lambda: len(connections(subscriber)) == 3, 20, "it can still be reloaded")
    assert gateway.stop() == 0


@pytest.mark.parametrize("fault", ["another key", "no certificate", "missing"])
def test_a_new_certificate_that_is_bad_ends_no_watch_and_is_mended_without_a_restart(
        river, sensor, make_broker, make_subscriber, tmp_path, fault):
    authority = CertificateAuthority(tmp_path / "keys")
    broker_files = authority.issue("broker", address="127.0.0.1")
    broker = make_broker("guarded", settings=(
        f"allow_anonymous true\ncafile {authority.path}\ncertfile {broker_files[0]}\nkeyfile {broker_files[1]}\n"
        "require_certificate true\n")).start()
    certificate, key = authority.issue(river.name)
    good = certificate.read_bytes(), key.read_bytes()
    river.mqtt_table["port"] = broker.port
    river.add("mqtt.tls", ca=authority.path, certificate=certificate, key=key)
    gateway = river.start().wait_ready()
    gateway.wait_said("Connected to the broker", seconds=20)
    if fault == "another key":
        authority.issue(river.name)
        key.write_bytes(good[1])
    elif fault == "no certificate":
        certificate.write_text("no certificate\n")
    else:
        certificate.unlink()
    reload(gateway)
    gateway.wait_said(
        {"another key": "is not that of the certificate", "no certificate": "holds no certificate",
         "missing": "no certificate can be read from"}[fault], seconds=20)
    sensor.distance = CAUTION
    wait_until(lambda: river.ledger().entries(), 15, "it watches")
    certificate.write_bytes(good[0])
    reload(gateway)
    gateway.wait_said("Connected to the broker", seconds=30, times=2)
    wait_until(lambda: not river.ledger().undelivered(), 20, "all is delivered")
    assert gateway.stop() == 0


# A disk that fails


def test_a_reload_waits_until_what_is_in_memory_alone_is_written(
        river, small_disk, sensor, subscriber, broker, city, desk):
    river.state = small_disk / "state"
    river.gateway_table["state"] = str(river.state)
    gateway = river.start().wait_ready()
    boot = online(subscriber)
    expected = ["raise"]
    sensor.distance = CAUTION
    wait_messages(subscriber, expected)
    fill(small_disk)
    while "Failed to write the ledger" not in gateway.errors():
        sensor.distance = DANGER if len(expected) % 2 else CAUTION
        expected.append("update")
        wait_messages(subscriber, expected)
        assert len(expected) < 60
    answer = ask_for_reload(river, subscriber, city, desk, boot)
    assert (answer["result"], answer["reason"]) == ("refused", "ledger_failing")
    assert str(river.state) in answer["explanation"] and "full" in answer["explanation"]
    # Decided, and neither sent nor stored.
    broker.stop()
    sensor.distance = CALM
    expected.append("clear")
    # Its readings come twenty times a second.
    time.sleep(1)
    reload(gateway)
    gateway.wait_said(KEPT, times=2)
    assert re.search(f"{KEPT}: .*make room on the file system of {re.escape(str(river.state))}", gateway.errors())
    (small_disk / "ballast").unlink()
    gateway.wait_said("The ledger can be written again", seconds=60)
    broker.start()
    wait_messages(subscriber, expected, seconds=60)
    assert len({a["id"] for a in messages_of(subscriber)}) == 1
    assert len({(a["id"], a["revision"]) for a in messages_of(subscriber)}) == len(expected)
    reload(gateway)
    gateway.wait_said("The new configuration is taken up", seconds=20)
    wait_until(lambda: gateway.errors().count("Watching.") == 2, 20, "it is reloaded now")
    assert gateway.stop() == 0
    assert river.call("ledger", "verify", "--config", river.configuration).returncode == 0


def test_a_reload_does_not_wait_for_a_disk_that_hangs(river, slow_disk, sensor, subscriber):
    river.state = slow_disk / "state"
    river.gateway_table["state"] = str(river.state)
    gateway = river.start().wait_ready()
    online(subscriber)
    with hanging(slow_disk):
        sensor.distance = CAUTION
        time.sleep(3)
        reload(gateway)
        gateway.wait_said(f"{KEPT}: the disk has been busy with the ledger for ")
        assert str(river.state) in gateway.errors()
        # Whoever waits for the disk answers no signal.
        reload(gateway)
        gateway.wait_said(KEPT, times=2)
    wait_messages(subscriber, ["raise"], seconds=30)
    assert len(connections(subscriber)) == 1
    reload(gateway)
    gateway.wait_said("The new configuration is taken up", seconds=20)
    wait_until(lambda: len(connections(subscriber)) == 2, 20, "it is reloaded now")
    assert gateway.stop() == 0
