"""Children that end with the tests, in whatever way the tests end: also when they are killed and can clean nothing up.

A gateway that outlives its tests goes on trying its ports, and their links now name pseudo-terminals that do not exist
any more. The kernel gives the next test the same numbers, and the gateway of yesterday takes that test's port.
"""

import os


def bound(*command, signal="KILL"):
    """The command, to which the kernel sends `signal` as soon as the thread that starts it has ended."""
    return ("setpriv", "--pdeathsig", signal, "--", *map(str, command))


def holders(path):
    """The processes that have a device open, for whoever wonders why it is busy. Those of other users may be missing."""
    device = os.path.realpath(path)
    found = set()
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            for descriptor in os.listdir(f"/proc/{process}/fd"):
                if os.readlink(f"/proc/{process}/fd/{descriptor}") == device:
                    with open(f"/proc/{process}/cmdline", encoding="utf-8", errors="replace") as file:
                        found.add(f"{process} " + " ".join(file.read().split("\0")).strip())
        except OSError:
            continue  # It has ended meanwhile, or is not ours to look into.
    return sorted(found)
