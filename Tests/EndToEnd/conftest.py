"""Fixtures of the end-to-end tests: the release program against real peers.

The program is .build/release/mimamori-gateway, or what MIMAMORI_GATEWAY names.
"""

import os
import random
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(TOP / "Tests" / "Peers"))

from support.broker import Broker, find_mosquitto  # noqa: E402
from support.modbus_line import TwoMinutes  # noqa: E402
from support.played_demo import PlayedDemo  # noqa: E402
from support.site import Site  # noqa: E402
from support.subscriber import Subscriber  # noqa: E402


def gateway_program():
    return Path(os.environ.get("MIMAMORI_GATEWAY") or TOP / ".build/release/mimamori-gateway").absolute()


def pytest_sessionstart(session):
    if session.config.option.collectonly:
        return
    program = gateway_program()
    if not os.access(program, os.X_OK) or program.is_dir():
        pytest.exit(
            f"The gateway is not built: {program} is no program. Run `make build`, or name another in "
            "MIMAMORI_GATEWAY.", returncode=1)
    if not os.access(find_mosquitto(), os.X_OK):
        pytest.exit("mosquitto is not installed: run packaging/require.sh test", returncode=1)


def pytest_terminal_summary(terminalreporter):
    """Names what was skipped and why: a skipped test proves nothing."""
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        terminalreporter.write_line(f"skipped: {report.nodeid}: {reason}")


@pytest.fixture(scope="session")
def top():
    """The root of the checkout."""
    return TOP


@pytest.fixture(scope="session")
def program():
    """The program on trial."""
    return gateway_program()


@pytest.fixture(scope="session")
def shared_data():
    """Data from outside the project: absent on most machines, but never where CI is true."""
    folder = Path(os.environ.get("MIMAMORI_SHARED_DATA") or TOP.parent / "shared" / "data")
    if folder.is_dir():
        return folder
    reason = f"../shared/data is absent (looked for {folder})"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def make_broker(tmp_path):
    """Makes brokers that end with the test."""
    brokers = []

    def make(name="broker", **options):
        broker = Broker(tmp_path / name, **options)
        brokers.append(broker)
        return broker

    yield make
    for broker in brokers:
        broker.stop()


@pytest.fixture
def broker(make_broker):
    """A mosquitto that runs and lets everybody in."""
    return make_broker().start()


@pytest.fixture
def make_subscriber():
    """Makes subscribers that end with the test."""
    subscribers = []

    def make(port, **options):
        subscriber = Subscriber(port, **options)
        subscribers.append(subscriber)
        return subscriber.wait_subscribed()

    yield make
    for subscriber in subscribers:
        subscriber.close()


@pytest.fixture
def subscriber(broker, make_subscriber):
    """Everything that the broker is told."""
    return make_subscriber(broker.port)


@pytest.fixture
def make_site(tmp_path, program):
    """Makes sites whose gateways end with the test."""
    sites = []

    def make(folder="site", **options):
        site = Site(program, tmp_path / folder, **options)
        sites.append(site)
        return site

    yield make
    for site in sites:
        site.close()


@pytest.fixture
def site(make_site):
    return make_site()


@pytest.fixture
def peers():
    """Closes the peers that a test hands to it, in whatever way the test ends."""
    opened = []

    def add(peer):
        opened.append(peer)
        return peer

    yield add
    for peer in reversed(opened):
        peer.close()


@pytest.fixture
def chance(request):
    """Random numbers that are the same in each run of a test."""
    return random.Random(request.node.name)


# What takes minutes of mere waiting. It begins with the first test and runs beside the others, if it is asked for.
EARLY = {"two_minutes": TwoMinutes, "played_demo": PlayedDemo}


@pytest.fixture(scope="session", autouse=True)
def early_starts(request, tmp_path_factory):
    asked = {name for item in request.session.items for name in item.fixturenames}
    started = {
        name: make(TOP, gateway_program(), tmp_path_factory.mktemp(name)) for name, make in EARLY.items()
        if name in asked}
    yield started
    for each in started.values():
        each.close()


@pytest.fixture(scope="session")
def two_minutes(early_starts):
    """Two minutes of a Modbus line, with a silent unit in the second."""
    return early_starts["two_minutes"]


@pytest.fixture(scope="session")
def played_demo(early_starts):
    """All that was published while the demo's site was played."""
    return early_starts["played_demo"]
