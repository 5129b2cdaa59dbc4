"""What lines do: delay, break up, stall, cut, and drop silently. Nothing may be lost, and the siren's decision never waits."""

import time

import pytest
from support.relay import Relay
from support.waiting import wait_until
from support.wire import Detour, Wire, or_say_why
from ultrasonic import Ultrasonic

CALM, CAUTION, DANGER = 4000, 3000, 1000
KEEP_ALIVE = 5
GIVEN_UP = "nothing came from the broker for one and a half keep-alive periods"


@pytest.fixture
def gauge(peers, tmp_path):
    return peers(Ultrasonic(tmp_path / "gauge", distance=CALM, interval=0.05))


@pytest.fixture
def river(site, gauge):
    site.add_ultrasonic("river-1", gauge.terminal.path, levels={"caution": 1.2, "danger": 2.0})
    site.mqtt_table["keep_alive"] = f"{KEEP_ALIVE}s"
    return site


@pytest.fixture
def relay(broker, peers):
    return peers(Relay(broker.port))


def flood(river, gauge, rounds):
    """Raises, steps up and clears so often; returns how many messages that makes, when all are in the ledger."""
    counted = lambda: sum(e.sequence is not None for e in river.ledger().entries())  # noqa: E731
    before = counted()
    for number in range(rounds):
        for step, distance in enumerate([CAUTION, DANGER, CALM], start=1):
            gauge.distance = distance
            wait_until(lambda: counted() >= before + 3 * number + step, 10, "the alert is in the ledger")
    return 3 * rounds


def heard(subscriber, river):
    """The alerts that the broker has, the first time that each came: (id, revision) in the order of arrival."""
    alerts = [message.json() for message in subscriber.on(river.topic("alert"))]
    return list(dict.fromkeys((alert["id"], alert["revision"]) for alert in alerts))


def expect_all(subscriber, river, count, seconds):
    wait_until(
        lambda: len(heard(subscriber, river)) >= count, seconds,
        lambda: f"all {count} arrive; heard {len(heard(subscriber, river))}")
    newest = {}
    for identifier, revision in heard(subscriber, river):
        assert revision == newest.get(identifier, 0) + 1, "each id in order, without a gap"
        newest[identifier] = revision
    wait_until(lambda: not river.ledger().undelivered(), 30, "the broker has acknowledged everything")


@pytest.mark.parametrize("fault", ["delay", "bytewise", "stall", "cut", "black hole"])
def test_nothing_is_lost_on_a_bad_line(river, gauge, relay, subscriber, fault):
    river.mqtt_table["port"] = relay.port
    gateway = river.start().wait_ready()
    gateway.wait_said("Connected to the broker")
    match fault:
        case "delay": relay.delay = 0.3
        case "bytewise": relay.bytewise = True
        case "stall": relay.stalled = True
        case "black hole": relay.black_hole = True
    count = flood(river, gauge, 4)
    if fault == "cut":
        for _ in range(4):
            relay.cut()
            count += flood(river, gauge, 1)
    if fault == "black hole":
        gateway.wait_said(GIVEN_UP, seconds=2 * KEEP_ALIVE)
    relay.stalled = relay.black_hole = False
    expect_all(subscriber, river, count, 60)
    assert gateway.is_running


def test_a_black_hole_is_noticed_within_one_and_a_half_keep_alive_periods(river, gauge, relay, subscriber, measured):
    river.mqtt_table["port"] = relay.port
    gateway = river.start().wait_ready()
    wait_until(lambda: subscriber.on(river.topic("health")), 20, "the first minute's states begin")
    time.sleep(1)
    relay.black_hole = True
    begun = time.monotonic()
    gateway.wait_said(GIVEN_UP, seconds=3 * KEEP_ALIVE)
    waited = time.monotonic() - begun
    measured(f"a black hole is noticed after {waited:.1f} s of keep-alive {KEEP_ALIVE} s")
    assert waited <= 1.5 * KEEP_ALIVE
    relay.black_hole = False
    expect_all(subscriber, river, flood(river, gauge, 1), 60)


@pytest.fixture
def wire(peers):
    return or_say_why(lambda: peers(Wire()))


def test_a_link_that_goes_down_is_noticed_and_loses_nothing(
        river, gauge, wire, make_broker, make_subscriber, measured):
    broker = make_broker("behind", settings=f"listener 18830 {wire.here}\nallow_anonymous true\n").start()
    subscriber = make_subscriber(broker.port)
    river.mqtt_table.update(host=wire.here, port=18830, insecure=True)
    gateway = river.start(wrapper=wire.wrapper).wait_ready()
    wait_until(lambda: subscriber.on(river.topic("health")), 20, "the first minute's states begin")
    time.sleep(1)
    wire.set("down")
    begun = time.monotonic()
    count = flood(river, gauge, 2)
    gateway.wait_said(GIVEN_UP, seconds=3 * KEEP_ALIVE)
    waited = time.monotonic() - begun
    measured(f"a dead link is noticed after {waited:.1f} s of keep-alive {KEEP_ALIVE} s")
    assert waited <= 1.5 * KEEP_ALIVE
    count += flood(river, gauge, 1)
    wire.set("up")
    expect_all(subscriber, river, count, 90)


class Hole:
    """A gauge whose gateway reaches its broker by a detour."""

    def __init__(self, river, detour, make_broker, make_subscriber):
        self.detour = detour
        broker = make_broker("far", settings=f"listener 18831 {detour.here}\nallow_anonymous true\n").start()
        self.subscriber = make_subscriber(broker.port)
        river.mqtt_table.update(host=detour.here, port=18831, insecure=True)
        self.river = river

    def start(self):
        gateway = self.river.start(wrapper=self.detour.wrapper).wait_ready()
        gateway.wait_said("Connected to the broker")
        return gateway


@pytest.fixture
def hole(river, peers, make_broker, make_subscriber):
    return Hole(river, or_say_why(lambda: peers(Detour())), make_broker, make_subscriber)


def test_what_long_packets_fall_into_is_noticed_and_loses_nothing(river, gauge, hole, measured):
    """A tunnel somewhere on the way that swallows long packets: short ones arrive, so the broker seems to be well."""
    gateway = hole.start()
    count = flood(river, gauge, 1)
    expect_all(hole.subscriber, river, count, 30)
    hole.detour.swallow(True)
    begun = time.monotonic()
    count += flood(river, gauge, 2)
    gateway.wait_said(GIVEN_UP, seconds=4 * KEEP_ALIVE)
    measured(f"a hole for long packets is noticed after {time.monotonic() - begun:.1f} s of keep-alive {KEEP_ALIVE} s")
    assert hole.detour.swallowed() > 0
    assert river.ledger().undelivered(), "long alerts wait"
    hole.detour.swallow(False)
    expect_all(hole.subscriber, river, count, 90)


def test_a_kernel_that_probes_gets_past_the_hole(top, river, gauge, hole, measured):
    assert f"echo {hole.detour.PROBING} " in (top / "docs/installing.md").read_text()
    hole.detour.probe()
    hole.detour.swallow(True)
    hole.start()
    begun = time.monotonic()
    expect_all(hole.subscriber, river, flood(river, gauge, 1), 60)
    measured(f"past the hole after {time.monotonic() - begun:.1f} s, {hole.detour.swallowed()} packets swallowed")
    assert hole.detour.swallowed() > 0, "the alerts were long enough"
