"""A client that writes numbers until it is asked for how many, so that what is read can be held against what was acknowledged."""

import threading
import time

from .process import Child
from .scenario import check, equal

_PERIOD_S = 0.02  # between two writes into its pipe


class NumberedProducer:
    """kcat writes 0, 1, 2 …, idempotently, each acknowledged by all replicas in sync.

    kcat is how it is called, before its options; `rate` is in records a second and may be changed at any moment; `record` makes a number's text.
    """

    def __init__(self, kcat, bootstrap, topic, log_path, *options, rate=100, record=str):
        self._child = Child([*kcat, "-b", bootstrap, "-P", "-t", topic, "-X", "acks=all", "-X", "enable.idempotence=true",
                             "-X", "linger.ms=5", *options], log_path)
        self.sent = 0
        self.rate = rate
        self._record = record
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def _send(self):
        due, last = 0.0, time.monotonic()
        while not self._stop.wait(_PERIOD_S):
            now = time.monotonic()
            due, last = min(due + self.rate * (now - last), self.rate), now
            count = int(due)
            if count:
                self._child.send("\n".join(self._record(self.sent + i) for i in range(count)))
            self.sent += count
            due -= count

    def end(self, timeout_s=60):
        """How many were sent, and all acknowledged; a Failure if one wasn't. Connections that break on the way don't count."""
        self._stop.set()
        self._thread.join()
        self._child.process.stdin.close()
        equal(0, self._child.finish(timeout_s), f"the producer's exit code\n{self._child.log_tail()}")
        check("Delivery failed" not in self._child.log_path.read_text(), f"not all was acknowledged\n{self._child.log_tail()}")
        return self.sent
