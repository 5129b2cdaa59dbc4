"""Fixtures of the end-to-end tests: the release program against real peers.

The program is .build/release/mimamori-gateway, or what MIMAMORI_GATEWAY names.
"""

import os
import random
import signal
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(TOP / "Tests" / "Peers"))

from support.broker import Broker, find_mosquitto  # noqa: E402
from support.demo_files import write_demo_files  # noqa: E402
from support.judge import Judge, data_folder  # noqa: E402
from support.modbus_line import TwoMinutes  # noqa: E402
from support.noisy_minute import NoisyMinute  # noqa: E402
from support.phase_limit import (  # noqa: E402, F401
    pytest_runtest_call,
    pytest_runtest_setup,
    pytest_runtest_teardown,
)
from support.played_demo import PlayedDemo  # noqa: E402
from support.recordings import call  # noqa: E402
from support.site import Site  # noqa: E402
from support.subscriber import Subscriber  # noqa: E402


def gateway_program():
    return Path(os.environ.get("MIMAMORI_GATEWAY") or TOP / ".build/release/mimamori-gateway").absolute()


def pytest_sessionstart(session):
    # Whoever is started in the background of a shell ignores the interrupt, and so would every program under test.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
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
    """Names what was skipped and why: a skipped test proves nothing. And the figures that were measured."""
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        terminalreporter.write_line(f"skipped: {report.nodeid}: {reason}")
    for report in terminalreporter.stats.get("passed", []):
        for name, text in report.user_properties:
            if report.when == "call" and name == "measured":
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {text}")


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


@pytest.fixture(scope="session")
def judge():
    judge = Judge(TOP, data_folder(TOP))
    yield judge
    # What subscribers of the whole session heard after the last test.
    problems = judge.problems(heard())
    assert not problems, "\n".join(problems)


def heard():
    """What was heard and is not judged yet."""
    messages = []
    while Subscriber.unjudged:
        messages.append(Subscriber.unjudged.popleft())
    return messages


@pytest.fixture(autouse=True)
def all_that_is_heard_is_valid(judge):
    """Whatever a test is about: no message that it heard from a broker may break a schema or a rule."""
    yield
    problems = judge.problems(heard())
    assert not problems, "\n".join(problems[:40])


@pytest.fixture
def demo_site(top, program, tmp_path):
    """A folder with the demo's configuration, its keys and its watch list. No broker listens on the discard port: what is
    raised stays in the ledger."""
    write_demo_files(
        lambda *arguments: call(program, *arguments, folder=tmp_path), top / "examples/demo", tmp_path, port=9)
    return tmp_path


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


@pytest.fixture
def measured(record_property):
    """Says a figure that was measured; the summary shows it."""

    def say(text):
        record_property("measured", text)

    return say


def lasting(make):
    """A fixture of the whole session: what takes minutes of mere waiting is waited for once."""

    @pytest.fixture(scope="session")
    def begun(tmp_path_factory):
        started = make(TOP, gateway_program(), tmp_path_factory.mktemp(make.__name__))
        yield started
        started.close()

    return begun


# Two minutes of a Modbus line, with a silent unit in the second.
two_minutes = lasting(TwoMinutes)
# A minute of noise on the ports of every driver.
noisy_minute = lasting(NoisyMinute)
# All that was published while the demo's site was played.
played_demo = lasting(PlayedDemo)
