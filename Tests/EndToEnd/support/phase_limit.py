"""Setting up, calling and tearing down a test each have an end: what would block for good fails with where it stood, and the next
test has its turn."""

import contextlib
import os
import signal

import pytest

# Far more than any takes; MIMAMORI_PHASE_SECONDS names another limit, 0 none.
SECONDS = float(os.environ.get("MIMAMORI_PHASE_SECONDS") or (14400 if os.environ.get("MIMAMORI_SOAK") == "1" else 600))


class Stuck(AssertionError):
    """A phase did not come to its end."""


@contextlib.contextmanager
def limited(item, phase):
    def ring(*_):
        raise Stuck(f"the {phase} of {item.nodeid} took over {SECONDS:.0f} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item):
    with limited(item, "setting up"):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item):
    with limited(item, "call"):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item):
    with limited(item, "tearing down"):
        return (yield)
