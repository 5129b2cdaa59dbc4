"""A chip is pulled out while the gateway holds lines of it.

Linux 6.1 frees what it still needs then: when the gateway lets go of the lines, its memory is spoilt, and something else fails
minutes later. So each of these tests has a machine of its own.
"""

import pytest
from bench.contacts import add_contact, add_gauge, add_relay
from bench.machine import Machine
from support.waiting import wait_until


@pytest.fixture
def the_kernel_is_well():
    """It is not, and ends with the test."""


@pytest.fixture
def machine():
    machine = Machine()
    try:
        yield machine.boot()
    finally:
        machine.close()


@pytest.fixture
def installed(machine, install):
    return install(machine)


def test_a_chip_that_goes_away_is_noticed_and_taken_up_under_another_number(gateway, start, make_chip, wires, hear):
    chip = make_chip(names={9: "SPARE"})
    add_contact(gateway, "underpass", 4, bias="as-is")
    add_gauge(gateway, "rain", 5)
    add_relay(gateway, 7, "underpass")
    chip.pull(4, True)
    chip.pull(5, True)
    start()
    underpass, rain = hear("underpass"), hear("rain")
    wires.told(wires.tips(3, [chip.pull_path(5)], period_ms=200), 30)
    rain.wait("tips", 3)
    chip.pull(4, False)
    wait_until(lambda: chip.value(7) == 1, 30, lambda: gateway.journal())

    before = chip.device
    chip.vanish()
    # Nobody tells the gateway: contact, gauge and relay are each missed by it.
    for heard in (underpass, rain):
        wait_until(
            lambda: heard.last()["fault"] in ("port_lost", "port_missing"), 40, lambda: f"{heard.last()}")
    wait_until(lambda: "The output relay cannot be switched" in gateway.journal(), 20, lambda: gateway.journal())
    make_chip(label="other")
    chip.appear()
    assert chip.device != before
    # Whatever the contact is by now is read: it was not pulled yet, and is so now.
    chip.pull(4, False)
    chip.pull(5, True)
    underpass.wait("active", True)
    rain.wait("fault", None)
    wait_until(lambda: chip.value(7) == 1, 30, lambda: gateway.journal())
    wires.told(wires.tips(2, [chip.pull_path(5)], period_ms=200), 30)
    rain.wait("tips", 5)
