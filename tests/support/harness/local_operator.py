"""A `dohle-operator --local` of its own, with what it runs. DOHLE_OPERATOR names another executable than build/bin/dohle-operator; the broker is
the dohle-broker beside it.

    with LocalOperator(directory, manifests, "--partition-metrics=false") as operator:
        operator.until("Topic", "orders", ready)
"""

import json
import os
import pathlib
import signal
import subprocess
import urllib.request

from .process import Failure, die_with_parent
from .scenario import eventually

PROGRAM = os.environ.get("DOHLE_OPERATOR") or pathlib.Path(__file__).resolve().parents[3] / "build/bin/dohle-operator"


def ready(thing):
    """The condition Ready is true, of what the resource is now."""
    status = thing.get("status", {})
    return any(c["type"] == "Ready" and c["status"] == "True" and c.get("observedGeneration", 0) == thing["metadata"].get("generation", 0)
               for c in status.get("conditions", []))


class LocalOperator:
    """`manifests`: the text of a YAML file; write() replaces it. Everything is below `directory`."""

    def __init__(self, directory, manifests, *flags):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.write(manifests)
        self.log_path = directory.parent / f"{directory.name}.log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([PROGRAM, "--local", directory, "--metrics-port", "0", "--plain", *flags], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, preexec_fn=die_with_parent)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def write(self, manifests):
        """At once, as editors do."""
        draft = self.directory / ".draft"
        draft.write_text(manifests)
        draft.rename(self.directory / "manifests.yaml")

    @property
    def address(self):
        """host:port of its metrics and health."""
        path = self.directory / ".dohle/http-address"
        return eventually(lambda: path.exists() and path.read_text(), f"the operator serves\n{self.log_tail()}")

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=20) as response:
            return response.read().decode()

    def find(self, kind, name):
        """The object as it is, or {}."""
        return next((o for o in json.loads(self.get("/objects")) if o["kind"] == kind and o["metadata"]["name"] == name), {})

    def until(self, kind, name, condition=ready, timeout_s=20):
        """The object, once the condition holds of it."""
        def look():
            if self.process.poll() is not None:
                raise Failure(f"the operator has ended\n{self.log_tail()}")
            thing = self.find(kind, name)
            return thing if thing and condition(thing) else None
        return eventually(look, f"{kind} {name}\n{self.log_tail()}", timeout_s)

    def log_tail(self):
        return self.log_path.read_text(errors="replace")[-3000:]

    def stop(self):
        """With its brokers."""
        if self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)  # a broker with many partitions takes its time
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
