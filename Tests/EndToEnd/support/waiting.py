"""Waiting for a condition, always with a deadline."""

import time


class Overdue(AssertionError):
    """What was waited for did not happen in time."""


def wait_until(condition, seconds, what, every=0.02):
    """Returns the first true value of `condition()`; fails with `what` after `seconds`.

    `what` may be a function, called only on failure, so that it can show how far things had come.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise Overdue(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(every)


def assert_holds(condition, seconds, what, every=0.05):
    """Fails as soon as `condition()` is false within the next `seconds`: for what must not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), what() if callable(what) else what
        time.sleep(every)
