"""Runs the release program, its peers and the in-process benchmarks in turn, and prints every figure beside its target.

usage: measure.py GATEWAY BENCHMARKS LATENCY WORK_FOLDER
"""

import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "Tests" / "EndToEnd"))
sys.path.insert(0, str(TOP / "Tests" / "Peers"))

from support.broker import find_mosquitto, free_port  # noqa: E402
from support.city import City, random_persons  # noqa: E402
from support.site import Site  # noqa: E402
from support.waiting import wait_until  # noqa: E402
from terminal import Terminal  # noqa: E402
from ultrasonic import frame  # noqa: E402

SENSORS = 32
# A gateway serves 32 ports; one of them is the Bluetooth receiver's.
GAUGES = SENSORS - 1
TAGS = 10_000
WATCHED_SECONDS = 20
STARTS = 15
ALERTS = 300
RECORDED_LINES = 1_000_000
MEBIBYTE = 1 << 20


class Table:
    """Prints aligned rows as they are known: a figure, its value, its target, and how far from the target it is."""

    HEAD = ("figure", "value", "target", "of target")
    WIDTHS = (50, 34, 30, 10)

    def __init__(self):
        self._print(self.HEAD)
        print("-" * (sum(self.WIDTHS) + 6), flush=True)

    def row(self, figure, value, target="", share=None):
        self._print((figure, value, target, "" if share is None else f"{share:.2f}"))

    def _print(self, cells):
        print("  ".join(cell.ljust(width) for cell, width in zip(cells, self.WIDTHS)).rstrip(), flush=True)


def spread(values, digits=1):
    """Median, least and greatest."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def machine():
    model = next(
        (line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith(("model name", "Model"))), os.uname().machine)
    return f"Machine: {model}, {os.cpu_count()} cores, Linux {os.uname().release}; load {os.getloadavg()[0]:.2f}"


@contextmanager
def mosquitto(folder):
    """A broker on a free loopback port that keeps nothing and logs nothing; gives the port."""
    port = free_port()
    configuration = folder / "mosquitto.conf"
    configuration.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nlog_type error\npersistence false\nset_tcp_nodelay true\n")
    process = subprocess.Popen([find_mosquitto(), "-c", configuration], stdin=subprocess.DEVNULL)
    try:
        def answers():
            assert process.poll() is None, "mosquitto ended"
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_until(answers, 10, "mosquitto answers")
        yield port
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def running(site, command=None):
    """The gateway on a site; gives the process and the milliseconds from exec to READY=1."""
    if not site.configuration.exists():
        site.write()
    folder = tempfile.mkdtemp(prefix="mimamori-")
    notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notifications.bind(f"{folder}/notify")
    notifications.settimeout(20)
    environment = {**os.environ, "NOTIFY_SOCKET": f"{folder}/notify"}
    with open(site.folder / "gateway.err", "ab") as errors:
        started = time.monotonic()
        process = subprocess.Popen(
            [site.program, "run", "--config", site.configuration], stdin=subprocess.DEVNULL, stdout=errors,
            stderr=errors, env=environment)
    try:
        while b"READY=1" not in notifications.recv(4096):
            pass
        yield process, (time.monotonic() - started) * 1e3
    except TimeoutError:
        sys.exit(f"The gateway is not ready: {(site.folder / 'gateway.err').read_text()}")
    finally:
        process.terminate()
        try:
            process.wait(10)
        finally:
            process.kill()
        notifications.close()
        shutil.rmtree(folder)


def measure_size(table, gateway, work):
    stripped = work / "stripped"
    subprocess.run(["strip", "-o", stripped, gateway], check=True)
    size = stripped.stat().st_size / 1e6
    table.row("stripped size, MB", f"{size:.1f}", "20 or less", size / 20)


class Basin:
    """31 ultrasonic gauges on pseudo-terminals, each with a frame a second, as one thread plays them."""

    def __init__(self, site):
        self._terminals = [Terminal(site.folder / f"gauge-{number}") for number in range(GAUGES)]
        for number, terminal in enumerate(self._terminals):
            site.add_ultrasonic(f"river-{number + 1}", terminal.path, levels={"caution": 2.0, "danger": 3.0})
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()

    def _play(self):
        chance = random.Random(1)
        while True:
            for terminal in self._terminals:
                if self._ended.wait(1 / GAUGES):
                    return
                terminal.write(frame(3500 + chance.randrange(-4, 5)))

    def close(self):
        self._ended.set()
        self._thread.join()
        for terminal in self._terminals:
            terminal.close()


def threads_of(process):
    return list(Path(f"/proc/{process.pid}/task").iterdir())


def cost_of(process):
    """Nanoseconds on a processor, and how often a thread was woken, since the start."""
    nanoseconds = wakes = 0
    for task in threads_of(process):
        nanoseconds += int((task / "schedstat").read_text().split()[0])
        status = (task / "status").read_text()
        wakes += int(status.split("voluntary_ctxt_switches:")[1].split()[0])
    return nanoseconds, wakes


def memory_of(process):
    """RSS, PSS and anonymous memory in bytes."""
    rows = dict(
        line.split(":", 1) for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()[1:])
    return [int(rows[key].split()[0]) * 1024 for key in ("Rss", "Pss", "Anonymous")]


def measure_full_site(table, gateway, work, port):
    """What a large site costs: 31 gauges at 1 s, a receiver that is not plugged in, and 10,000 tags on the watch list."""
    site = Site(gateway, work / "full")
    site.mqtt_table["port"] = port
    site.add_receiver("gate-north", work / "full" / "receiver")
    site.add_place("school-7-gate", ["gate-north"], gone_after="60s")
    city = City(site, work / "city")
    city.equip(city.list_for(random_persons(random.Random(3), TAGS, ["school-7-gate"])))
    basin = Basin(site)
    try:
        starts = []
        for _ in range(STARTS):
            with running(site) as (_, milliseconds):
                starts.append(milliseconds)
        median = statistics.median(starts)
        table.row(f"start, {GAUGES} gauges, {TAGS:,} tags listed, warm, ms", spread(starts, 0), "150 or less", median / 150)
        with running(site) as (process, _):
            time.sleep(5)
            before, begun = cost_of(process), time.monotonic()
            time.sleep(WATCHED_SECONDS)
            after, elapsed = cost_of(process), time.monotonic() - begun
            rss, pss, anonymous = (size / MEBIBYTE for size in memory_of(process))
            threads = len(threads_of(process))
        table.row("  RSS, MiB", f"{rss:.1f}", "20 or less", rss / 20)
        table.row("  PSS, MiB", f"{pss:.1f}")
        table.row("  anonymous, MiB", f"{anonymous:.1f}", "6 or less", anonymous / 6)
        table.row("  threads", f"{threads}")
        processor = (after[0] - before[0]) / elapsed / 1e7
        table.row("  processor, % of a core", f"{processor:.2f}", "0.5 or less", processor / 0.5)
        wakes = (after[1] - before[1]) / elapsed
        table.row("  wake-ups of all threads a second", f"{wakes:.1f}", f"frames + 2 = {GAUGES + 2} or less", wakes / (GAUGES + 2))
    finally:
        basin.close()


def measure_latency(table, gateway, program, work, port):
    """From a byte on a line to a subscriber, beside what it is made of."""
    site = Site(gateway, work / "single")
    site.mqtt_table["port"] = port
    link = site.folder / "gauge"
    site.add_ultrasonic("river-1", link, mount_height=4.0, levels={"caution": 2.0}, stale_after="1h")
    with running(site):
        pass
    measuring = subprocess.Popen(
        [program, str(port), link, site.state, site.topic("alert"), str(ALERTS)], stdout=subprocess.PIPE, text=True)
    try:
        wait_until(link.is_symlink, 10, "the pseudo-terminal is there")
        with running(site) as (process, _):
            output, _ = measuring.communicate(timeout=120)
            rss, pss, anonymous = (size / MEBIBYTE for size in memory_of(process))
            threads = len(threads_of(process))
    finally:
        measuring.kill()
        measuring.wait()
    if measuring.returncode != 0:
        sys.exit(f"The latency was not measured: {(site.folder / 'gateway.err').read_text()}")
    figures = {name: (float(p50), float(p99)) for name, p50, p99, _ in (line.split() for line in output.splitlines())}
    alert, raw, sync = figures["alert"], figures["raw-publish"], figures["fsync"]
    floor = raw[0] + sync[0]
    table.row("raw QoS 1 publish, p50 / p99, µs", f"{raw[0]:.0f} / {raw[1]:.0f}")
    table.row("fsync of the same file system, p50 / p99, µs", f"{sync[0]:.0f} / {sync[1]:.0f}")
    table.row("alert, byte to subscriber, p50, µs", f"{alert[0]:.0f}", f"1.5 x (publish + fsync) = {1.5 * floor:.0f}",
              alert[0] / (1.5 * floor))
    table.row("alert, byte to subscriber, p99, µs", f"{alert[1]:.0f}", f"5 x its p50 = {5 * alert[0]:.0f}",
              alert[1] / (5 * alert[0]))
    table.row("  with one gauge: RSS, MiB", f"{rss:.1f}", "20 or less", rss / 20)
    table.row("  PSS and anonymous, MiB; threads", f"{pss:.1f}, {anonymous:.1f}; {threads}")
    starts = []
    for _ in range(STARTS):
        with running(site) as (_, milliseconds):
            starts.append(milliseconds)
    table.row("start, one gauge, warm, ms", spread(starts, 0), "150 or less", statistics.median(starts) / 150)


def measure_pure_code(table, program):
    names = {
        "reports-known": ("H4 reports a second, 300 listed of 2,000 tags", 1_000_000),
        "reports-new": ("H4 reports a second, every tag new", 1_000_000),
        "state-machine": ("readings a second, state machine alone", 2_000_000),
        "replay-lines": ("recorded lines a second, with parsing", 500_000),
    }
    output = subprocess.run([program], stdout=subprocess.PIPE, check=True, text=True).stdout
    for line in output.splitlines():
        name, median, least, greatest, _ = line.split("\t")
        figure, target = names[name]
        table.row(
            figure, f"{int(median):,} ({int(least) / 1e6:.2f} to {int(greatest) / 1e6:.2f} M)", f"{target:,} or more",
            int(median) / target)


def measure_replay(table, gateway, benchmarks, work):
    """The command as a person runs it, its start included."""
    site = Site(gateway, work / "replay")
    site.add("serial.rs485", device="/dev/ttyS9", baud=115200, frame="8N1")
    for number in range(SENSORS):
        name = f"river-{number + 1}"
        site.add("[sensor]", id=name, name=name, driver="modbus", serial="rs485", unit=number + 1,
                 register={"table": "input", "address": 0, "type": "int16"}, scale=0.001, offset=0.0,
                 quantity="water_level", range=[-1.0, 10.0], every="1s", stale_after="60s")
        site.add("[flood]", sensor=name, levels={"standby": 2.0, "caution": 3.0, "danger": 4.0}, confirm=3,
                 release={"margin": 0.1, "hold": "10m"})
    site.write()
    recording = site.folder / "recording.jsonl"
    subprocess.run([benchmarks, "record", recording, str(RECORDED_LINES)], check=True)
    rates = []
    for _ in range(4):
        begun = time.monotonic()
        result = subprocess.run(
            [gateway, "replay", "--config", site.configuration, "--input", recording], stdout=subprocess.PIPE,
            check=True)
        rates.append(RECORDED_LINES / (time.monotonic() - begun))
        assert result.stdout, "the replay raised nothing"
    rates = rates[1:]
    recording.unlink()
    table.row(
        "recorded lines a second, the replay command",
        f"{statistics.median(rates):,.0f} ({min(rates) / 1e6:.2f} to {max(rates) / 1e6:.2f} M)", "500,000 or more",
        statistics.median(rates) / 500_000)


def main():
    gateway, benchmarks, latency, work = (Path(argument).absolute() for argument in sys.argv[1:5])
    # A plain end, so that every `finally` runs and nothing is left behind.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    print(machine())
    print("Medians, with least and greatest in brackets. \"of target\": 1.00 is the target; beyond it is better where it "
          "says \"or more\".\n")
    table = Table()
    measure_size(table, gateway, work)
    with mosquitto(work) as port:
        measure_latency(table, gateway, latency, work, port)
        measure_full_site(table, gateway, work, port)
    measure_pure_code(table, benchmarks)
    measure_replay(table, gateway, benchmarks, work)


if __name__ == "__main__":
    main()
