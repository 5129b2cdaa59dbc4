"""A mobile line in the rain, by the kernel's own netem: packets come late, in another order, twice or not at all."""

import pytest
from bench.canal import CALM, CAUTION, DANGER, SIREN, Canal
from support.waiting import wait_until

INTERFACE = "$(ls /sys/class/net | grep ^e | head -n 1)"


@pytest.fixture
def bad_line(board):
    board.machine.run(
        f"modprobe sch_netem && tc qdisc add dev {INTERFACE} root netem delay 300ms 150ms loss 20% duplicate 5% reorder 10%")
    yield
    board.machine.run(f"tc qdisc del dev {INTERFACE} root")


def test_on_a_bad_line_everything_arrives_in_order_and_the_siren_waits_for_nothing(
        board, bridge, peers, make_chip, tmp_path, bad_line, subscriber, measured):
    chip = make_chip()
    chip.pull(SIREN, False)
    canal = Canal(board, bridge, peers, tmp_path, chip)
    board.start()
    subscriber.wait_for(lambda message: message.topic == board.topic("status"), 90, "the gateway is online")
    for _ in range(2):
        for distance in (CAUTION, DANGER, CALM):
            canal.sensor.distance = distance
            # By the siren, which no line delays; by the ledger, where it does not change.
            if distance != CAUTION:
                canal.wait_siren(distance == DANGER)
            else:
                canal.move(CAUTION, subscriber, "caution", seconds=90)
    wait_until(
        lambda: len(canal.told(subscriber)) >= 6, 90,
        lambda: f"six messages; told {len(canal.told(subscriber))}; journal:\n{board.journal()}")
    stories = {}
    for alert in canal.told(subscriber):
        stories.setdefault(alert["id"], []).append((alert["message"], alert["revision"]))
    # Those of one alert in their order; a later alert may overtake an earlier one.
    assert [*stories.values()] == 2 * [[("raise", 1), ("update", 2), ("clear", 3)]], stories
    arrivals = len(subscriber.on(board.topic("alert")))
    statistics = board.machine.says(f"tc -s qdisc show dev {INTERFACE}")
    assert "dropped 0," not in statistics, "the line lost something"
    measured(f"{arrivals} arrivals of 6 messages; {statistics.splitlines()[1].strip()}")
