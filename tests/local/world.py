"""One directory of manifests with the operator that runs it, seen through what users have: files, its output, its commands, clients."""

import json
import os
import pathlib
import re
import signal
import urllib.request

from harness import packages
from harness.broker import answers, free_port
from harness.process import Child, Failure, run
from harness.scenario import check, equal, eventually

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOON = 15  # seconds for what the operator does at once, on a machine with other work


def executable():
    path = pathlib.Path(os.environ.get("DOHLE_OPERATOR") or ROOT / "build/bin/dohle-operator")
    if not os.access(path, os.X_OK):
        raise Failure(f"{path} is not there: build it first")
    return path


def topic(name, cluster="main", **spec):
    where = {} if "bootstrapServers" in spec else {"cluster": cluster}
    return {"apiVersion": "dohle.dev/v1alpha1", "kind": "Topic", "metadata": {"name": name}, "spec": {**where, **spec}}


def condition(thing, kind="Ready"):
    return next((c for c in thing.get("status", {}).get("conditions", []) if c["type"] == kind), {})


class World:
    def __init__(self, directory):
        self.directory = directory / "manifests"
        self.state = self.directory / ".dohle"
        self.log = directory / "operator.err"
        self.port = free_port()
        self.operator = None
        self.directory.mkdir(parents=True)

    # --- files

    def cluster(self, name="main", deletion="Retain", **spec):
        storage = {"volumes": [{"name": "data", "size": "1Gi"}], "deletionPolicy": deletion}
        return {"apiVersion": "dohle.dev/v1alpha1", "kind": "Cluster", "metadata": {"name": name},
                "spec": {"storage": storage, "listeners": [{"name": "internal", "port": self.port, "type": "internal"}], **spec}}

    def write(self, name, *things):
        """JSON is YAML, too. Put in place in one step, as editors do it."""
        text = things[0] if isinstance(things[0], str) else "---\n".join(json.dumps(t, indent=1) + "\n" for t in things)
        new = self.directory / f".{name}.new"
        new.write_text(text)
        new.rename(self.directory / name)

    def remove(self, name):
        (self.directory / name).unlink()

    # --- the operator

    def start(self):
        self.operator = Child([executable(), "--local", self.directory, "--plain", "--metrics-port", "0"], self.log)
        self.operator.wait_for(lambda lines: any("metrics and health on" in line for line in lines), "it says that it runs", SOON)
        return self

    def stop(self):
        equal(0, self.operator.terminate(), "the operator's exit code")
        self.operator = None

    def kill(self):
        self.operator.kill()
        self.operator = None

    def said(self, pattern, timeout_s=SOON, since=0):
        """The first line of the operator's output that matches."""
        def found(lines):
            return next((line for line in lines[since:] if re.search(pattern, line)), None)
        return self.operator.wait_for(found, f"it says {pattern}", timeout_s)

    def close(self):
        if self.operator is not None:
            self.operator.terminate()

    def command(self, *words, ok=True):
        code, out, err = run([executable(), *words, "--local", self.directory], check=False)
        check((code == 0) == ok, f"{words}: exit code {code}\n{out}{err}")
        return out + err

    # --- what there is

    def page(self, path, host=None):
        address = host or (self.state / "http-address").read_text()
        try:
            with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as response:
                return response.read().decode()
        except OSError as error:
            raise Failure(f"http://{address}{path}: {error}") from None

    def objects(self, kind):
        return [o for o in json.loads(self.page("/objects")) if o["kind"] == kind]

    def get(self, kind, name):
        return next((o for o in self.objects(kind) if o["metadata"]["name"] == name), None)

    def until(self, kind, name, predicate, what, timeout_s=SOON):
        """The object, once it is so."""
        last = []

        def seen():
            last[:] = [self.get(kind, name)]
            return last[0] if last[0] is not None and predicate(last[0]) else None
        try:
            return eventually(seen, what, timeout_s)
        except Failure as error:
            raise Failure(f"{kind} {name}: {error}\n{json.dumps(last, indent=1)[-3000:]}\n{self.operator.output_tail()}") from None

    def ready(self, kind, name, timeout_s=SOON):
        """Ready, for what is asked of it now."""
        def so(thing):
            ready = condition(thing)
            return ready.get("status") == "True" and ready.get("observedGeneration") == thing["metadata"]["generation"]
        return self.until(kind, name, so, "Ready", timeout_s)

    def not_ready(self, name, reason, timeout_s=SOON, kind="Topic"):
        """Returns the message."""
        return condition(self.until(kind, name, lambda t: condition(t).get("reason") == reason, f"Ready is False: {reason}", timeout_s))["message"]

    def gone(self, kind, name, timeout_s=SOON):
        eventually(lambda: self.get(kind, name) is None, f"{kind} {name} is gone", timeout_s)

    def event(self, name, reason, timeout_s=SOON):
        """The note of the event."""
        def found():
            return next((e["note"] for e in self.objects("Event") if e["regarding"]["name"] == name and e["reason"] == reason), None)
        return eventually(found, f"an event {reason} of {name}", timeout_s)

    def broker_pid(self, cluster="main", broker=0):
        """The process of a broker; the state's path in its arguments tells it from others'."""
        name = f"{self.state}/".encode()
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                ended = b") Z " in (entry / "stat").read_bytes()
            except OSError:
                continue
            mine = any(name in word and f"{cluster}-broker-{broker}/".encode() in word for word in words)
            if words[0].endswith(b"/dohle-broker") and mine and not ended:
                return int(entry.name)
        return None

    def signal_broker(self, number, cluster="main", broker=0):
        pid = eventually(lambda: self.broker_pid(cluster, broker), "the broker's process", SOON)
        os.kill(pid, number)
        return pid

    def metric(self, name, host=None, **labels):
        """The sum of the samples that have these labels; None if there are none."""
        found = []
        for line in self.page("/metrics", host).splitlines():
            match = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
            if match and labels.items() <= dict(re.findall(r'(\w+)="([^"]*)"', match.group(1) or "")).items():
                found.append(float(match.group(2)))
        return sum(found) if found else None

    # --- clients

    @property
    def bootstrap(self):
        return f"localhost:{self.port}"

    def answering(self):
        eventually(lambda: answers(self.port), "the cluster answers", SOON)

    def kcat(self, *words, stdin=None, check=True):
        return run([packages.command("kcat", "kcat"), "-b", self.bootstrap, *words], timeout_s=60, stdin=stdin, check=check)

    def produce(self, name, values):
        """Returns once each is acknowledged."""
        self.kcat("-P", "-t", name, "-X", "acks=all", "-X", "topic.metadata.refresh.interval.ms=1000", stdin="".join(f"{v}\n" for v in values))

    def consume(self, name):
        """All that there is."""
        return self.kcat("-C", "-t", name, "-o", "beginning", "-e", "-q")[1].splitlines()

    def partitions(self, name):
        # Of all topics: one that is asked for by name is made.
        found = [t for t in json.loads(self.kcat("-L", "-J")[1])["topics"] if t["topic"] == name and "error" not in t]
        return len(found[0]["partitions"]) if found else 0

    # --- a start that most scenarios share

    def up(self, *topics, timeout_s=SOON, **spec):
        self.write("cluster.yaml", self.cluster(**spec))
        if topics:
            self.write("topics.yaml", *topics)
        self.start()
        self.ready("Cluster", "main", timeout_s)
        for thing in topics:
            self.ready("Topic", thing["metadata"]["name"], timeout_s)
        return self


STOP, CONTINUE, KILL = signal.SIGSTOP, signal.SIGCONT, signal.SIGKILL
