"""Contacts, rain gauges and relays on the kernel's own GPIO, through the installed gateway.

With the program as built here, against libgpiod 1.6, and with the one that Tests/Debian13/run.sh has linked against
libgpiod 2, on Debian 13's libraries. The library finds chips and lines and says who holds them; edges, levels and the
guard are the kernel's own interface, so that their tests run on libgpiod 2 in the soak run only.
"""

import os
import re

import pytest
from bench.board import UNIT
from bench.contacts import LIBRARIES, add_contact, add_gauge, add_relay
from support.waiting import wait_until

SOAK = bool(os.environ.get("MIMAMORI_SOAK"))


library_takes_no_part = pytest.mark.parametrize("gateway", LIBRARIES if SOAK else LIBRARIES[:1], indirect=True)


def underpass_with_relay(gateway, make_chip, active="high"):
    """A chip with a dry contact on line 4, and its relay on line 7: until the gateway does, the board's resistor holds
    it safe, as at the boot."""
    chip = make_chip()
    add_contact(gateway, "underpass", 4, bias="as-is")
    add_relay(gateway, 7, "underpass", active=active)
    chip.pull(4, True)
    chip.pull(7, active == "low")
    return chip


def said_since(gateway, uptime):
    """The journal's lines from this moment on: the machine serves many tests."""
    lines = gateway.journal(lines=2000).splitlines()
    return "\n".join(line for line in lines if float(re.match(r"\[ *([\d.]+)\]|", line)[1] or 0) >= uptime)


def wait_running(gateway):
    gateway.machine.wait_until(
        f"systemctl is-active {UNIT} && test $(systemctl show {UNIT} -p MainPID --value) != 0", 30)


def lost_edges(board, sensor, began):
    """The exact numbers that the gateway logged from that moment on."""
    said = re.findall(rf"The kernel dropped (\d+) edges of {sensor} ", said_since(board, began))
    return sum(map(int, said))


def test_contacts_are_read_as_they_are_wired_and_biased(gateway, start, make_chip, hear):
    chip = make_chip(lines=16)
    kinds = [("pull-up", "closed"), ("pull-up", "open"), ("pull-down", "closed"), ("pull-down", "open")]
    for line, (bias, wet) in enumerate(kinds):
        add_contact(gateway, f"contact-{line}", line, bias=bias, wet=wet)
    start()
    # Nothing is connected: the bias alone decides.
    assert [chip.value(line) for line in range(4)] == [1, 1, 0, 0]
    for line, (bias, _) in enumerate(kinds):
        chip.pull(line, bias == "pull-down")
    for line, (_, wet) in enumerate(kinds):
        hear(f"contact-{line}").wait("active", wet == "closed")
    for line, (bias, _) in enumerate(kinds):
        chip.pull(line, bias == "pull-up")
    for line, (_, wet) in enumerate(kinds):
        hear(f"contact-{line}").wait("active", wet == "open")


@library_takes_no_part
def test_splashes_are_debounced(gateway, start, make_chip, wires, hear, subscriber):
    chip = make_chip()
    add_contact(gateway, "underpass", 4, debounce="400ms")
    start()
    underpass = hear("underpass")
    topic = gateway.topic("observation", "underpass")

    def wet_reports():
        return sum(message.topic == topic and message.json()["active"] is True for message in subscriber.snapshot())

    for _ in range(20):
        before = wet_reports()
        told = wires.told(wires.tips(20, [chip.pull_path(4)], period_ms=100), 60)
        # Where the host stopped the machine in the middle of a splash, it was none.
        if told["longest_ms"] < 300:
            break
        underpass.wait("active", False)
    assert told["longest_ms"] < 300, told
    chip.pull(4, False)
    wait_until(lambda: wet_reports() > before, 30, lambda: f"{underpass.last()}")
    assert wet_reports() == before + 1, "wet at last, and not by a splash"


@library_takes_no_part
def test_a_torn_cable_is_told_from_dry_and_from_wet(gateway, start, make_chip, hear):
    chip = make_chip()
    add_contact(gateway, "underpass", 4, bias="disabled", supervision={"line": 5, "wiring": "changeover"})
    chip.pull(4, True)
    chip.pull(5, False)
    start()
    underpass = hear("underpass")
    chip.pull(5, True)
    underpass.wait("fault", "cable_break")
    assert underpass.last()["active"] is None
    chip.pull(4, False)
    underpass.wait("active", True)
    assert underpass.last()["fault"] is None
    chip.pull(5, False)
    underpass.wait("fault", "short_circuit")
    chip.pull(4, True)
    underpass.wait("active", False)


@library_takes_no_part
def test_twenty_tips_a_second_are_counted_with_their_bounce(gateway, start, make_chip, wires, hear):
    chip = make_chip()
    gauges = [f"rain-{number}" for number in range(4)]
    for line, gauge in enumerate(gauges):
        add_gauge(gateway, gauge, line)
        chip.pull(line, True)
    began = gateway.machine.uptime()
    start()
    made = 2500 if SOAK else 500
    told = wires.told(wires.tips(made, [chip.pull_path(line) for line in range(4)]), 600 if SOAK else 240)
    print(told)
    for gauge in gauges:
        wait_until(
            lambda: hear(gauge).last().get("tips", 0) + (lost_edges(gateway, gauge, began) + 1) // 2 >= made, 30,
            lambda: f"{made} tips of {gauge}: {hear(gauge).last()}; {told}; {gateway.journal()}")
        lost = lost_edges(gateway, gauge, began)
        assert made - (lost + 1) // 2 <= hear(gauge).last()["tips"] <= made, (lost, told)


@library_takes_no_part
def test_a_burst_beyond_the_kernel_s_buffer_is_told_with_its_exact_size(gateway, start, make_chip, wires):
    chip = make_chip()
    add_gauge(gateway, "rain", 4, debounce="0s", rate=50)
    chip.pull(4, True)
    began = gateway.machine.uptime()
    start()
    # Stopped, the gateway reads nothing. The kernel keeps 1,024 edges, the newest.
    process = gateway.process()
    gateway.machine.run(f"kill -STOP {process}")
    wires.edges(3000, chip.pull_path(4))
    gateway.machine.run(f"kill -CONT {process}")
    wait_until(lambda: lost_edges(gateway, "rain", began) > 0, 30, lambda: gateway.journal())
    assert lost_edges(gateway, "rain", began) == 3000 - 1024


@library_takes_no_part
def test_the_count_goes_on_over_stop_reload_and_kill(gateway, start, make_chip, wires, hear):
    chip = make_chip()
    add_gauge(gateway, "rain", 4)
    chip.pull(4, True)
    rain = hear("rain")
    machine = gateway.machine

    def tip(count):
        wires.told(wires.tips(count, [chip.pull_path(4)], period_ms=100), 60)

    start()
    tip(13)
    rain.wait("tips", 13)
    machine.run(f"systemctl restart {UNIT}")
    tip(4)
    rain.wait("tips", 17)
    machine.run(f"systemctl reload {UNIT}")
    tip(5)
    rain.wait("tips", 22)
    # Nothing of what was saved in order is lost to a kill, and nothing is counted twice.
    machine.run(f"kill -9 {gateway.process()}")
    wait_running(gateway)
    tip(20)
    # 17 were saved at the reload; 5 more may or may not have been.
    wait_until(lambda: 37 <= rain.last()["tips"], 60, lambda: f"{rain.last()}")
    assert rain.last()["tips"] <= 42


@library_takes_no_part
@pytest.mark.parametrize("active", ["high", "low"])
def test_a_relay_never_pulses_and_is_safe_within_a_second_of_a_kill(
        gateway, start, make_chip, wires, peers, active):
    chip = underpass_with_relay(gateway, make_chip, active=active)
    on, off = (1, 0) if active == "high" else (0, 1)
    watch = peers(wires.watch(chip.value_path(7)))
    start()
    assert watch.levels() == [off], "no pulse at the start"
    chip.pull(4, False)
    wait_until(lambda: chip.value(7) == on, 30, lambda: gateway.journal())
    # The line that nobody holds goes to the dangerous side here: it must be set, and held from then on.
    chip.pull(7, on == 1)
    killed = int(float(gateway.machine.says(
        f"cut -d' ' -f1 /proc/uptime && kill -9 {gateway.process()}")) * 1_000_000)
    wait_running(gateway)
    safe = [time for time, level in watch.changes() if level == off and time > killed]
    assert safe, watch.changes()
    milliseconds = (safe[0] - killed) / 1000
    print(f"safe {milliseconds:.0f} ms after the kill; {watch.changes()}")
    assert milliseconds < 1000, f"{watch.changes()}\n{gateway.journal()}"
    # And stays so until the next run: the line is held, although the gateway that held it and its guard are gone.
    assert levels_before_this_run(gateway, watch) == [off, on, off], f"{watch.changes()}\n{gateway.journal()}"
    assert "1 set to their safe state by the guard" in said_since(gateway, killed / 1_000_000)


def levels_before_this_run(gateway, watch):
    """What a line did before the gateway that runs now was started; what its rules want then is another matter."""
    started = int(gateway.properties("ExecMainStartTimestampMonotonic")["ExecMainStartTimestampMonotonic"])
    return [level for time, level in watch.changes() if time < started]


@library_takes_no_part
def test_a_relay_sounds_again_after_a_kill_while_its_reason_lasts(gateway, start, make_chip, wires, peers):
    chip = underpass_with_relay(gateway, make_chip)
    watch = peers(wires.watch(chip.value_path(7)))
    began = gateway.machine.uptime()
    start()
    chip.pull(4, False)
    wait_until(lambda: chip.value(7) == 1, 30, lambda: gateway.journal())
    # The line's resistor is on the dangerous side: let go of for a moment, it would show.
    chip.pull(7, True)
    for kills in (1, 2):
        gateway.machine.run(f"kill -9 {gateway.process()}")
        wait_running(gateway)
        wait_until(
            lambda: watch.levels() == [0, 1] + [0, 1] * kills, 60, lambda: f"{watch.changes()}\n{gateway.journal()}")
    assert "cannot be switched" not in said_since(gateway, began), "nobody else held the line"


def guard_of(gateway):
    """The number of the guard's process."""
    return int(gateway.machine.says(f"pgrep -x -P {gateway.process()} mimamori-guard"))


@library_takes_no_part
def test_the_guard_is_small_keeps_its_post_and_is_replaced(gateway, start, make_chip, wires, peers):
    chip = underpass_with_relay(gateway, make_chip)
    machine = gateway.machine
    began = machine.uptime()
    start()
    guard = guard_of(gateway)
    rollup = machine.says(f"grep -E '^(Rss|Pss|Private|Shared)' /proc/{guard}/smaps_rollup; "
                          f"grep -E '^(Rss|Pss|Private)' /proc/{gateway.process()}/smaps_rollup")
    print(rollup)
    held = machine.says(f"readlink /proc/{guard}/fd/*").splitlines()
    assert sorted(re.sub(r":\[\d+\]", "", name) for name in held) == ["anon_inode:gpio-line", "socket", "socket"], held
    for name in ("TERM", "INT", "HUP", "ABRT"):
        machine.run(f"kill -{name} {guard}")
    assert guard_of(gateway) == guard
    chip.pull(4, False)
    wait_until(lambda: chip.value(7) == 1, 30, lambda: gateway.journal())
    machine.run(f"kill -9 {guard}")
    wait_until(lambda: "The outputs are guarded again" in said_since(gateway, began), 40, lambda: gateway.journal())
    assert said_since(gateway, began).count("The guard of the outputs is lost: it has ended") == 1
    assert chip.value(7) == 1, "the relay has nothing to do with that"
    assert guard_of(gateway) != guard
    watch = peers(wires.watch(chip.value_path(7)))
    chip.pull(7, True)
    machine.run(f"kill -9 {gateway.process()}")
    wait_running(gateway)
    assert levels_before_this_run(gateway, watch) == [1, 0], f"{watch.changes()}\n{gateway.journal()}"


@library_takes_no_part
def test_a_relay_is_safe_when_the_watchdog_ends_a_gateway_that_hangs(gateway, start, make_chip, wires, peers):
    chip = underpass_with_relay(gateway, make_chip)
    gateway.adjust("WatchdogSec=8s\nTimeoutAbortSec=2s")
    start()
    chip.pull(4, False)
    wait_until(lambda: chip.value(7) == 1, 30, lambda: gateway.journal())
    chip.pull(7, True)
    watch = peers(wires.watch(chip.value_path(7)))
    hanging = gateway.process()
    stopped = gateway.machine.uptime()
    gateway.machine.run(f"kill -STOP {hanging}")
    wait_until(lambda: gateway.process() not in (0, hanging), 90, lambda: gateway.journal())
    wait_running(gateway)
    assert levels_before_this_run(gateway, watch) == [1, 0], f"{watch.changes()}\n{gateway.journal()}"
    journal = said_since(gateway, stopped)
    assert "Watchdog timeout" in journal and "set to their safe state by the guard" in journal


def test_a_relay_does_not_move_when_the_gateway_stops_and_starts(gateway, start, make_chip, wires, peers):
    chip = underpass_with_relay(gateway, make_chip)
    watch = peers(wires.watch(chip.value_path(7)))
    began = gateway.machine.uptime()
    start()
    for verb in ("restart", "reload"):
        gateway.machine.run(f"systemctl {verb} {UNIT}")
        wait_running(gateway)
    journal = said_since(gateway, began)
    assert "by the guard" not in journal, journal
    # All are killed, one after the other: the guard may come first and set what stands safe already.
    gateway.machine.run(f"systemctl kill --signal=KILL {UNIT}")
    wait_running(gateway)
    gateway.machine.run(f"systemctl stop {UNIT}")
    assert watch.levels() == [0]
    journal = said_since(gateway, began)
    assert "cannot be switched" not in journal, journal
    # Nobody holds the line after a stop.
    chip.pull(7, True)
    gateway.machine.wait_until(f"gpioinfo {chip.device} | grep -E 'line +7:' | grep -q unused", 10)


def test_a_line_that_another_program_holds_is_named_and_taken_when_it_is_free(gateway, start, make_chip, hear, machine):
    chip = make_chip()
    add_contact(gateway, "underpass", 4, bias="as-is")
    chip.pull(4, True)
    holder = machine.says(f"gpiomon --num-events=1 {chip.device} 4 >/dev/null 2>&1 & echo $!")
    machine.wait_until(f"gpioinfo {chip.device} | grep -q gpiomon", 10)
    start()
    underpass = hear("underpass")
    underpass.wait("fault", "port_busy")
    assert '"gpiomon" holds line 4' in gateway.journal()
    machine.run(f"kill {holder}")
    underpass.wait("active", False)
    assert underpass.last()["fault"] is None


def test_lines_that_are_not_there_and_labels_that_are_not_one_say_so(gateway, start, make_chip, hear):
    make_chip(label="twin", hogs=(9,))
    make_chip(label="single", lines=8)
    add_contact(gateway, "hogged", 9, chip="twin")
    add_contact(gateway, "beyond", 9, chip="single")
    add_contact(gateway, "nameless", "DOOR", chip="single")
    start()
    hear("hogged").wait("fault", "port_busy")
    hear("beyond").wait("fault", "port_error")
    hear("nameless").wait("fault", "port_error")
    journal = gateway.journal()
    assert '"other-driver" holds line 9' in journal
    assert "the chip has 8 lines, from 0" in journal
    assert "no line of the chip has this name" in journal
