"""Scenarios: named checks against a running broker, and the loop that runs them."""

import time
import traceback

from .process import PATIENCE, Failure


class Report:
    """Prints each result as it comes, and the closing line."""

    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = 0

    def skip(self, name, reason):
        """Counted apart: what this broker isn't asked for."""
        self.skipped += 1
        print(f"skip  {name}  ({reason})", flush=True)

    def result(self, name, failure, seconds):
        if failure is None:
            self.passed += 1
            print(f"ok    {name}  ({seconds:.1f} s)", flush=True)
        else:
            self.failed.append(name)
            print(f"FAIL  {name}  ({seconds:.1f} s)", flush=True)
            print("\n".join("      " + line for line in str(failure).splitlines()), flush=True)

    def run(self, name, body):
        """Runs body(); an exception is the failure."""
        start = time.monotonic()
        failure = None
        try:
            body()
        except Failure as error:
            failure = str(error) or "failed"
        except Exception:  # a fault in the scenario itself is a failure too, with its place
            failure = traceback.format_exc()
        self.result(name, failure, time.monotonic() - start)
        return failure is None

    def close(self):
        if self.failed:
            print("failed: " + ", ".join(self.failed))
        print(f"{self.passed} passed, {len(self.failed)} failed" + (f", {self.skipped} skipped" if self.skipped else ""), flush=True)
        return 1 if self.failed or self.passed == 0 else 0


def check(condition, message):
    if not condition:
        raise Failure(message)


def equal(expected, actual, what):
    if expected != actual:
        raise Failure(f"{what}: expected {_shown(expected)}, got {_shown(actual)}")


def _shown(value):
    text = repr(value)
    return text if len(text) < 2000 else text[:2000] + "…"


def contains(text, part, what):
    if part not in text:
        raise Failure(f"{what}: {part!r} is not in\n{text[-3000:]}")


def eventually(condition, what, timeout_s=20, interval_s=0.1):
    """Polls until condition() is true (returned) or the time is over (Failure with its last value or exception)."""
    timeout_s *= PATIENCE
    end = time.monotonic() + timeout_s
    last = None
    while True:
        try:
            last = condition()
            if last:
                return last
        except Failure as error:
            last = error
        if time.monotonic() > end:
            raise Failure(f"not within {timeout_s} s: {what} (last: {last})")
        time.sleep(interval_s)
