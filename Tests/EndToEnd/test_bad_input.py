"""What goes wrong around a gateway: ports, brokers and state folders. It says so clearly, once, and watches on."""

import fcntl
import os
import signal
import subprocess
import termios
import time

import pytest
from support.broker import free_port
from support.brokers_gone_wrong import Listener
from support.children import holders
from support.waiting import assert_holds, wait_until
from terminal import Terminal
from ultrasonic import NO_TARGET, Ultrasonic

LEVELS = {"caution": 1.2, "danger": 2.6}
CALM, CAUTION, DANGER = 4000, 3000, 1500  # millimetres below a mount height of 4.5 m


@pytest.fixture
def sensor(peers, tmp_path):
    return peers(Ultrasonic(tmp_path / "gauge", distance=CALM, interval=0.05))


@pytest.fixture
def river(site, sensor, broker):
    """A site with one gauge and a broker."""
    site.mqtt_table["port"] = broker.port
    site.add_ultrasonic("river-1", sensor.terminal.path, levels=LEVELS, stale_after="1s")
    return site


def without(*capabilities):
    """Runs a program without these rights of root; anybody else has none of them anyway."""
    if os.geteuid() != 0:
        return ()
    return ("setpriv", "--bounding-set=" + ",".join(f"-{capability}" for capability in capabilities))


def messages_of(subscriber, sensor="river-1", kind="water_level"):
    alerts = [message.json() for message in subscriber.on("/alert")]
    return [a for a in alerts if a["sensor"] == sensor and a["kind"] == kind]


def wait_messages(subscriber, expected, seconds=15, **which):
    wait_until(
        lambda: [a["message"] for a in messages_of(subscriber, **which)] == expected, seconds,
        lambda: f"messages {expected}; there are {[m.json() for m in subscriber.on('/alert')]}")


# Ports


def test_a_port_that_is_missing_at_the_start_is_used_as_soon_as_it_is_there(river, sensor, subscriber):
    sensor.terminal.unplug()
    sensor.distance = CAUTION
    gateway = river.start().wait_ready()
    gateway.wait_said(sensor.terminal.path)
    wait_messages(subscriber, ["raise"], kind="sensor_fault")
    assert messages_of(subscriber, kind="sensor_fault")[0]["fault"] == "port_missing"
    said = gateway.errors().count(sensor.terminal.path)
    # It is tried again all the time; that is not said again.
    assert_holds(lambda: gateway.errors().count(sensor.terminal.path) == said, 2, gateway.errors)
    assert gateway.is_running and said <= 2, gateway.errors()
    sensor.terminal.plug()
    wait_messages(subscriber, ["raise"])
    wait_messages(subscriber, ["raise", "clear"], kind="sensor_fault")
    assert f"{sensor.terminal.path} is back" in gateway.errors()


def test_a_port_that_goes_away_and_comes_back_recovers(river, sensor, subscriber):
    sensor.distance = CAUTION
    gateway = river.start().wait_ready()
    wait_messages(subscriber, ["raise"])
    for turn in (1, 2):
        sensor.terminal.unplug()
        wait_until(lambda: "raise" == [a["message"] for a in messages_of(subscriber, kind="sensor_fault")][-1:][0]
                   if len(messages_of(subscriber, kind="sensor_fault")) == 2 * turn - 1 else False, 15, "the fault")
        said = gateway.errors().count(sensor.terminal.path)
        assert_holds(lambda: gateway.errors().count(sensor.terminal.path) == said, 1, gateway.errors)
        sensor.terminal.plug()
        wait_messages(subscriber, ["raise", "clear"] * turn, kind="sensor_fault")
    assert gateway.errors().count(f"{sensor.terminal.path} is back") == 2
    assert gateway.errors().count(sensor.terminal.path) <= 6, "for each turn: lost, missing, back"
    # Losing the port cleared nothing; the river is believed again.
    assert [a["message"] for a in messages_of(subscriber)] == ["raise"]
    sensor.distance = DANGER
    wait_messages(subscriber, ["raise", "update"])
    assert gateway.is_running


@pytest.mark.parametrize("claim", ["lock", "exclusive mode"])
def test_a_port_that_another_program_holds_is_left_to_it_until_it_is_free(river, sensor, subscriber, claim):
    """What serial programs do to be alone on a port: a lock, or the terminal's exclusive mode."""
    sensor.distance = CAUTION
    other = os.open(sensor.terminal.path, os.O_RDWR | os.O_NOCTTY)
    try:
        if claim == "lock":
            fcntl.flock(other, fcntl.LOCK_EX)
        else:
            fcntl.ioctl(other, termios.TIOCEXCL)
        # The exclusive mode does not count for an administrator, so the gateway is none here.
        gateway = river.start(wrapper=without("sys_admin")).wait_ready()
        wait_messages(subscriber, ["raise"], kind="sensor_fault")
        assert messages_of(subscriber, kind="sensor_fault")[0]["fault"] == "port_busy"
        assert gateway.errors().count(sensor.terminal.path) <= 2 and "program" in gateway.errors()
    finally:
        fcntl.ioctl(other, termios.TIOCNXCL)
        os.close(other)
    wait_until(
        lambda: f"{sensor.terminal.path} is back" in gateway.errors(), 15,
        lambda: f"the gateway takes the port; {holders(sensor.terminal.path)} hold it, and it said: {gateway.errors()}")
    wait_messages(subscriber, ["raise"])


def test_a_device_that_is_no_serial_port_fails_alone(river, sensor, subscriber, tmp_path):
    (tmp_path / "file").write_text("not a port")
    river.add_ultrasonic("canal-1", tmp_path / "file", levels=LEVELS, stale_after="1s")
    sensor.distance = CAUTION
    gateway = river.start().wait_ready()
    wait_messages(subscriber, ["raise"])
    wait_messages(subscriber, ["raise"], sensor="canal-1", kind="sensor_fault")
    assert "no serial port" in gateway.errors()


@pytest.mark.parametrize("trouble, fault", [("garbled", None), ("silent", None), ("no target", "no_target"),
                                            ("blind zone", "blind_zone")])
def test_a_sensor_without_a_believable_value_is_a_fault_and_clears_nothing(river, sensor, subscriber, trouble, fault):
    sensor.distance = DANGER
    river.start().wait_ready()
    wait_messages(subscriber, ["raise"])
    match trouble:
        case "no target": sensor.distance = NO_TARGET
        case "blind zone": sensor.distance = 20
        case _: setattr(sensor, trouble, True)
    wait_messages(subscriber, ["raise"], kind="sensor_fault")
    word = messages_of(subscriber, kind="sensor_fault")[0]["fault"]
    assert word == fault if fault else word, word
    assert [a["message"] for a in messages_of(subscriber)] == ["raise"]


# Brokers


def test_a_broker_that_refuses_the_login_is_tried_again(
        make_site, make_broker, make_subscriber, sensor, tmp_path):
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "observer", "secret"], check=True)
    os.chmod(passwords, 0o600)
    site, port = make_site(), free_port()
    welcoming, observer = broker_to_come(make_broker, make_subscriber, port)
    refusing = make_broker("refusing", port=port, settings=f"allow_anonymous false\npassword_file {passwords}\n").start()
    site.mqtt_table["port"] = port
    site.add_ultrasonic("river-1", sensor.terminal.path, levels=LEVELS)
    sensor.distance = CAUTION
    gateway = site.start().wait_ready()
    wait_until(lambda: len(site.ledger().undelivered()) >= 2, 10, "the alert waits in the ledger")
    gateway.wait_said("login", seconds=15)
    assert gateway.is_running
    refusing.stop()
    welcoming.start()
    observer.reconnect()
    wait_messages(observer, ["raise"], seconds=60)


def broker_to_come(make_broker, make_subscriber, port):
    """A broker that is not there yet, and its subscriber: whatever it is told first, that subscriber will get."""
    broker = make_broker("right", port=port).start()
    observer = make_subscriber(port)
    observer.close()
    broker.stop()
    return broker, observer


# What answers where a broker should, and the word by which an installer can tell what is wrong.
WRONG_BROKERS = {
    "HTTP": (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "not speak MQTT"),
    "noise": (b"\xff" * 64, "not speak MQTT"),
    "nothing at all": (b"", "no MQTT broker answers"),
}


@pytest.mark.parametrize("kind", WRONG_BROKERS)
def test_what_is_no_broker_holds_nothing_up(make_site, make_broker, make_subscriber, sensor, kind):
    """The gateway watches on and says what is wrong; once there is a broker, that gets everything."""
    greeting, word = WRONG_BROKERS[kind]
    site, port = make_site(), free_port()
    broker, observer = broker_to_come(make_broker, make_subscriber, port)
    site.mqtt_table["port"] = port
    site.add_ultrasonic("river-1", sensor.terminal.path, levels=LEVELS)
    wrong = Listener(port, greeting)
    try:
        gateway = site.start().wait_ready()
        wait_until(lambda: wrong.connections >= 1, 10, "the gateway connects")
        for count, distance in enumerate([CAUTION, DANGER, CALM], start=1):
            sensor.distance = distance
            wait_until(
                lambda: sum(e.sequence is not None for e in site.ledger().entries()) == count, 10,
                "each alert is in the ledger although nobody takes it")
        gateway.wait_said(word, seconds=20)
        assert gateway.is_running
    finally:
        wrong.close()
    broker.start()
    observer.reconnect()
    wait_until(
        lambda: [a["message"] for a in messages_of(observer)] == ["raise", "update", "clear"], 70,
        lambda: f"the broker gets everything; the gateway runs: {gateway.is_running}, and said: {gateway.errors()}")


# Stopping


def test_a_stop_takes_less_than_five_seconds_though_the_broker_is_dead(make_site, sensor):
    site, port = make_site(), free_port()
    site.mqtt_table["port"] = port
    site.add_ultrasonic("river-1", sensor.terminal.path, levels=LEVELS)
    dead = Listener(port)
    try:
        gateway = site.start().wait_ready()
        sensor.distance = CAUTION
        wait_until(lambda: site.ledger().undelivered(), 10, "an alert waits")
        wait_until(lambda: dead.connections >= 1, 10, "the gateway waits for an answer")
        begun = time.monotonic()
        assert gateway.stop(seconds=8) == 0
        assert time.monotonic() - begun < 5
        assert any("STOPPING=1" in text for text in gateway.notified)
    finally:
        dead.close()


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_clean_stop_is_published_as_one(river, subscriber, broker, make_subscriber, signal_number):
    gateway = river.start().wait_ready()
    subscriber.wait_for(lambda m: m.topic.endswith("/status") and m.json()["state"] == "online", 10, "online")
    gateway.process.send_signal(signal_number)
    assert gateway.wait_ended(5) == 0
    subscriber.wait_for(lambda m: m.topic.endswith("/status") and m.json()["state"] == "offline", 10, "offline")
    late = make_subscriber(broker.port, name="late")
    status = late.wait_for(lambda m: m.topic == river.topic("status"), 10, "the retained status")
    assert (status.json()["state"], status.json()["cause"]) == ("offline", "stop") and status.retained


@pytest.mark.parametrize("version, earliest, latest", [("5", 20, 45), ("3.1.1", 0, 10)])
def test_a_killed_gateway_is_told_of_by_its_will(river, subscriber, version, earliest, latest):
    river.mqtt_table["version"] = version
    gateway = river.start().wait_ready()
    online = subscriber.wait_for(
        lambda m: m.topic.endswith("/status") and m.json()["state"] == "online", 10, "online").json()
    gateway.kill()
    killed = time.monotonic()
    will = subscriber.wait_for(
        lambda m: m.topic.endswith("/status") and m.json()["state"] == "offline", latest, "the will")
    # MQTT 5 delays it by 30 s, so that a short drop is no alarm; 3.1.1 cannot.
    assert earliest <= time.monotonic() - killed <= latest
    assert will.retained and will.json()["cause"] == "will"
    assert (will.json()["boot"], will.json()["connection"]) == (online["boot"], online["connection"])


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


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 512 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    result = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k,mode=0755", "tmpfs", folder], capture_output=True, text=True)
    if result.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {result.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder):
    """Leaves no byte free."""
    with open(folder / "ballast", "wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(4096))
        except OSError:
            pass


def test_a_disk_that_is_full_at_the_start_ends_the_start(river, small_disk):
    fill(small_disk)
    river.gateway_table["state"] = str(small_disk / "state")
    gateway = river.start()
    assert gateway.wait_ended(10) in (73, 74)
    assert str(small_disk) in gateway.errors()


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
        time.sleep(0.15)  # Each level is there for three frames; there may be no ledger to ask.
        assert gateway.is_running, gateway.errors()
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


def test_a_terminal_that_only_makes_noise_stops_nothing(river, sensor, subscriber, peers, tmp_path, chance):
    """Random bytes on one port: the other goes on, and the noise is a fault and no level."""
    noisy = peers(Terminal(tmp_path / "noise"))
    river.add_ultrasonic("canal-1", noisy.path, levels={"caution": 0.1}, stale_after="1s", confirm=3)
    gateway = river.start().wait_ready()
    begun = time.monotonic()
    while time.monotonic() - begun < 2:
        # No 0xFF: what could be a frame with a right checksum would be one.
        noisy.write(bytes(chance.randrange(255) for _ in range(64)))
        time.sleep(0.01)
    sensor.distance = CAUTION
    wait_messages(subscriber, ["raise"])
    assert gateway.is_running
    assert messages_of(subscriber, sensor="canal-1") == []
