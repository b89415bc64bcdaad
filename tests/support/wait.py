"""Waiting, with a limit and a reason."""
import time


def wait_until(condition, seconds=10, what="", pause=0.02):
    """The first true value of condition(); fails when the time is up."""
    limit = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > limit:
            raise AssertionError(f"not within {seconds} s: {what or condition}")
        time.sleep(pause)
