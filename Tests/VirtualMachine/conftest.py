"""Fixtures of the tests in the virtual machine: one boot for all of them, the gateway installed in it as on a board.

The image is in .build/virtual-machine/, made by image/build.sh; see README.md.
"""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
for folder in (Path(__file__).parent, TOP / "Tests/EndToEnd", TOP / "Tests/Peers"):
    sys.path.insert(0, str(folder))

from bench.board import STATE, Board  # noqa: E402
from bench.chip import SimulatedChip  # noqa: E402
from bench.clock import MachineClock  # noqa: E402
from bench.contacts import LIBRARIES, Heard  # noqa: E402
from bench.disk import StateDisk  # noqa: E402
from bench.lines import Bridge, WireWatch  # noqa: E402
from bench.machine import Machine  # noqa: E402
from bench.radio import Controller  # noqa: E402
from bench.wires import Wires  # noqa: E402
from support.broker import Broker  # noqa: E402
from support.phase_limit import (  # noqa: E402, F401
    pytest_runtest_call,
    pytest_runtest_setup,
    pytest_runtest_teardown,
)
from support.subscriber import Subscriber  # noqa: E402


def pytest_sessionstart(session):
    # Being told to end, as by timeout(1), still ends what was begun.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def top():
    """The root of the checkout."""
    return TOP


@pytest.fixture(scope="session")
def program():
    """The program on trial."""
    return Path(os.environ.get("MIMAMORI_GATEWAY") or TOP / ".build/release/mimamori-gateway").absolute()


def pytest_configure(config):
    config.addinivalue_line("markers", "soak: takes many minutes; only where MIMAMORI_SOAK is 1")


def pytest_collection_modifyitems(config, items):
    if os.environ.get("MIMAMORI_SOAK") == "1":
        return
    left_out = [item for item in items if item.get_closest_marker("soak")]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)
    config.left_out = [item.nodeid for item in left_out]


def pytest_terminal_summary(terminalreporter, config):
    """Names what was left out, and the figures that were measured."""
    for name in getattr(config, "left_out", []):
        terminalreporter.write_line(f"left out, for the soak: {name}")
    for report in terminalreporter.stats.get("passed", []):
        for name, text in report.user_properties:
            if report.when == "call" and name == "measured":
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {text}")


@pytest.fixture
def measured(record_property):
    """Says a figure that was measured; the summary shows it."""
    return lambda text: record_property("measured", text)


class Chance(random.Random):
    """Random numbers that are the same for the same seed."""

    def __init__(self, seed):
        super().__init__(seed)
        self.seed_number = seed


@pytest.fixture
def chance():
    """Random numbers; MIMAMORI_SEED names another seed."""
    chance = Chance(int(os.environ.get("MIMAMORI_SEED") or 20261122))
    print(f"seed {chance.seed_number}")
    return chance


@pytest.fixture(scope="session")
def machine(tmp_path_factory):
    """The machine, booted once. What a test changes in it, it must put back."""
    machine = Machine(state=StateDisk(tmp_path_factory.mktemp("disk")))
    try:
        yield machine.boot()
    finally:
        machine.close()


@pytest.fixture(scope="session")
def install(program, tmp_path_factory):
    """Brings what `make install` brings to a machine, and makes it known to systemd and udev as a package would."""
    stage = tmp_path_factory.mktemp("stage")
    # The program on trial is installed as it is: building is another target's work.
    result = subprocess.run(
        ["make", "--no-print-directory", "--old-file=build", "install", f"DESTDIR={stage}", f"GATEWAY={program}"],
        cwd=TOP, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr

    def put(machine):
        machine.put(stage, "/")
        machine.run(
            "systemd-sysusers && systemd-tmpfiles --create && systemctl daemon-reload && udevadm control --reload",
            seconds=120)
        return machine

    return put


@pytest.fixture(scope="session")
def installed(machine, install):
    """The machine with the gateway installed."""
    return install(machine)


@pytest.fixture(autouse=True)
def the_kernel_is_well(request):
    """Whatever a test is about: the machine's kernel must not have broken in it."""
    machine = request.getfixturevalue("machine") if "machine" in request.fixturenames else None
    before = len(machine.breakages()) if machine else 0
    yield
    broken = machine.breakages()[before:] if machine else []
    assert not broken, "the machine's kernel broke; the console said:\n" + machine.console(lines=80)


@pytest.fixture
def make_chip(machine):
    """Makes GPIO chips that end with the test."""
    chips = []

    def make(label="panel", **options):
        chip = SimulatedChip(machine, label, **options)
        chips.append(chip)
        return chip

    yield make
    for chip in chips:
        chip.remove()


@pytest.fixture
def peers():
    """Closes the peers that a test hands to it, the last first, in whatever way the test ends."""
    opened = []

    def add(peer):
        opened.append(peer)
        return peer

    yield add
    for peer in reversed(opened):
        peer.close()


@pytest.fixture
def bridge(peers):
    """Joins one of the machine's lines and a peer's pseudo-terminal for the test."""
    return lambda line, terminal: peers(Bridge(line, terminal))


@pytest.fixture
def wire(machine):
    """What QEMU sees of the 16550s while the test runs."""
    watch = WireWatch(machine)
    yield watch
    watch.close()


@pytest.fixture
def broker(tmp_path):
    """A mosquitto on the host's loopback, which the machine reaches."""
    broker = Broker(tmp_path / "broker").start()
    yield broker
    broker.stop()


@pytest.fixture
def subscriber(broker):
    """Everything that the broker is told."""
    subscriber = Subscriber(broker.port).wait_subscribed()
    yield subscriber
    subscriber.close()


@pytest.fixture
def board(installed, broker, tmp_path, make_chip):
    """The gateway as a service of the machine, not yet started, its broker named. Its state ends with the test, and it lets go of
    the chips' lines before they are removed."""
    board = Board(installed, tmp_path / "site", broker)
    yield board
    board.close()


@pytest.fixture
def debian_13(installed, top):
    """The command that runs the program of Debian 13 with nothing but Debian 13's libraries, on this machine's kernel."""
    folder = top / ".build/debian-13/board"
    assert (folder / "mimamori-gateway").exists(), "run `make debian-13`, which links it"
    if installed.run("test -e /opt/debian-13", check=False).status != 0:
        installed.put(folder, "/opt/debian-13")
        installed.run("chmod 0755 /opt/debian-13 /opt/debian-13/*")
    loader = next(path.name for path in folder.glob("ld-linux*"))
    return f"/opt/debian-13/{loader} --library-path /opt/debian-13 /opt/debian-13/mimamori-gateway"


@pytest.fixture(params=LIBRARIES)
def gateway(request, board):
    """The service that is not yet started, on either library."""
    if request.param == "libgpiod 2":
        debian_13 = request.getfixturevalue("debian_13")
        board.adjust(f"ExecStart=\nExecStart={debian_13} run --config /etc/mimamori/gateway.toml")
    return board


@pytest.fixture
def wires(machine, tmp_path):
    return Wires(machine, tmp_path)


@pytest.fixture
def hear(gateway, subscriber):
    """What the broker was told last of a sensor."""
    return lambda sensor: Heard(gateway, subscriber, sensor)


@pytest.fixture
def start(gateway, subscriber):
    """Starts the service. Its lines are held when this returns, and what changes from then on is published at once: only
    what was known before it was connected is spread over a minute."""
    def started():
        gateway.start()
        subscriber.wait_for(
            lambda message: message.topic == gateway.topic("status") and message.json()["state"] == "online", 60,
            "the gateway is online")

    return started


@pytest.fixture
def state_disk(board):
    """The state folder on a disk of its own, empty, until the end of the test."""
    board.mount_state()
    yield board.machine.state
    board.stop()
    board.machine.run(f"umount {STATE}")


@pytest.fixture
def clock(machine):
    """The machine's wall clock, right again after the test."""
    clock = MachineClock(machine)
    yield clock
    clock.close()


@pytest.fixture
def bluetooth(machine, tmp_path):
    """The machine's hci0: a controller of bumble's on its radio line, with beacons around it."""
    controller = Controller(machine, TOP, tmp_path / "controller")
    try:
        yield controller.attach()
    finally:
        controller.close()
