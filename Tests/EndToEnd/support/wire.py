"""Real networks between a gateway and its broker: namespaces of the kernel, joined by virtual Ethernet. Only root can make them."""

import os
import subprocess

import pytest


def run(*arguments):
    subprocess.run(arguments, check=True, capture_output=True, text=True)


def or_say_why(make):
    """What `make()` makes. Where no namespace can be made the test is skipped, and never where CI is true."""
    try:
        return make()
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        reason = f"no network namespace can be made here: {getattr(error, 'stderr', '') or error}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


class Wire:
    """A network namespace, and a pair of virtual Ethernet ends between it and this machine."""

    here, there = "10.213.77.1", "10.213.77.2"

    def __init__(self):
        self.name = f"mm{os.getpid()}"
        self.ends = f"{self.name}a", f"{self.name}b"
        try:
            run("ip", "netns", "add", self.name)
            run("ip", "link", "add", self.ends[0], "type", "veth", "peer", "name", self.ends[1])
            run("ip", "link", "set", self.ends[1], "netns", self.name)
            run("ip", "addr", "add", f"{self.here}/30", "dev", self.ends[0])
            run("ip", "link", "set", self.ends[0], "up")
            inside = "ip", "-n", self.name
            run(*inside, "addr", "add", f"{self.there}/30", "dev", self.ends[1])
            run(*inside, "link", "set", self.ends[1], "up")
            run(*inside, "link", "set", "lo", "up")
        except Exception:
            self.close()
            raise

    @property
    def wrapper(self):
        """What a program is started by, to be at the other end."""
        return ("ip", "netns", "exec", self.name)

    def set(self, state):
        """Takes this machine's end down, or up again: what the other sends is dropped, and nobody is told."""
        run("ip", "link", "set", self.ends[0], state)

    def close(self):
        subprocess.run(["ip", "link", "del", self.ends[0]], capture_output=True)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True)


class Detour:
    """A namespace for the gateway, and one of a router between it and this machine. What the router hands on is of any size, or,
    as a black hole, of no more than `limit` octets; what is longer vanishes without a word: no ICMP ever tells the gateway.

    Both ends believe in 1,500 octets, so nothing that they negotiate helps.
    """

    here = "10.213.78.1"
    limit = 1280
    PROBING = "net.ipv4.tcp_mtu_probing=1"

    def __init__(self):
        self.field, self.router = f"mf{os.getpid()}", f"mr{os.getpid()}"
        self._here, self._up = f"{self.router}a", f"{self.router}b"
        self._down, self._field = f"{self.field}a", f"{self.field}b"
        try:
            for name in (self.field, self.router):
                run("ip", "netns", "add", name)
            self._join(self._here, None, f"{self.here}/30", self._up, self.router, "10.213.78.2/30")
            self._join(self._down, self.router, "10.213.78.5/30", self._field, self.field, "10.213.78.6/30")
            run("ip", "-n", self.field, "route", "add", "default", "via", "10.213.78.5")
            # Whatever this end takes, it tells the other that it takes 1,500 octets, as does who sits behind a tunnel.
            run("ip", "route", "add", "10.213.78.4/30", "via", "10.213.78.2", "dev", self._here, "advmss", "1460")
            run("ip", "netns", "exec", self.router, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        except Exception:
            self.close()
            raise

    @staticmethod
    def _join(one, its_space, its_address, other, other_space, other_address):
        run("ip", "link", "add", one, "type", "veth", "peer", "name", other)
        for end, space, address in ((one, its_space, its_address), (other, other_space, other_address)):
            if space:
                run("ip", "link", "set", end, "netns", space)
            inside = ("ip", "-n", space) if space else ("ip",)
            run(*inside, "addr", "add", address, "dev", end)
            # As the packets would be on a wire: not merged into larger ones by the sender.
            command = ("ip", "netns", "exec", space) if space else ()
            run(*command, "ip", "link", "set", end, "gso_max_segs", "1", "up")

    @property
    def wrapper(self):
        return ("ip", "netns", "exec", self.field)

    def swallow(self, is_black_hole):
        """A virtual end drops in silence what is longer than its own limit: here what the router hands on to this machine."""
        run("ip", "link", "set", self._here, "mtu", str(self.limit if is_black_hole else 1500))

    def swallowed(self):
        """How many packets from the gateway were dropped."""
        path = f"/sys/class/net/{self._up}/statistics/tx_dropped"
        return int(subprocess.run(
            ["ip", "netns", "exec", self.router, "cat", path], check=True, capture_output=True, text=True).stdout)

    def probe(self):
        """The gateway's kernel finds out by itself what gets through (RFC 4821)."""
        run(*self.wrapper, "sysctl", "-q", "-w", self.PROBING)

    def close(self):
        subprocess.run(["ip", "link", "del", self._here], capture_output=True)
        for name in (self.field, self.router):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
