"""The rows of the operator: `dohle-operator --local` with its broker, measured from outside."""

import pathlib
import re
import shutil
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from harness import packages  # noqa: E402
from harness.broker import free_port  # noqa: E402
from harness.cluster_state import ClusterState  # noqa: E402
from harness.local_operator import LocalOperator  # noqa: E402
from harness.numbered_producer import NumberedProducer  # noqa: E402
from harness.process import Failure, run  # noqa: E402

POLL_S = 0.003
SETTLE_S = 10
CLUSTER = """apiVersion: dohle.dev/v1alpha1
kind: Cluster
metadata:
  name: bench
spec:
  brokers: 1
  storage:
    volumes:
      - {{name: data, size: 1Gi}}
  listeners:
    - {{name: internal, port: {port}, type: internal}}
"""
TOPIC = """---
apiVersion: dohle.dev/v1alpha1
kind: Topic
metadata:
  name: {name}
spec:
  cluster: bench
  partitions: {partitions}
"""


def topics(count, partitions=1):
    return "".join(TOPIC.format(name=f"topic-{i}", partitions=partitions) for i in range(count))


def until(condition, timeout_s=300, interval_s=POLL_S):
    """The seconds that it took."""
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > timeout_s:
            raise Failure(f"not within {timeout_s} s")
        time.sleep(interval_s)
    return time.monotonic() - begin


def resident_mib(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) / 1024


class Bench:
    """One operator in a fresh folder below `base`, gone at the end."""

    def __init__(self, base, more=""):
        self.port = free_port()
        self.cluster = CLUSTER.format(port=self.port)
        self._base = base / f"operator-{time.monotonic_ns()}"
        self.began = time.monotonic()
        self.operator = LocalOperator(self._base / "manifests", self.cluster + more)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.operator.stop()
        shutil.rmtree(self._base, ignore_errors=True)

    def write(self, more):
        self.operator.write(self.cluster + more)

    def ready_topics(self):
        return len(re.findall(r'^dohle_topic_condition\{.*condition="Ready"\} 1$', self.operator.get("/metrics"), re.MULTILINE))

    def broker_metrics(self):
        host = self.operator.find("Pod", "bench-broker-0")["status"]["podIP"]

        def get():
            with urllib.request.urlopen(f"http://{host}:9404/metrics", timeout=5) as response:
                return response.read().decode()
        return get


def start(base):
    """Exec to the first reconciliation of a Cluster, as the log tells it."""
    with Bench(base) as bench:
        until(lambda: "[operator] cluster default/bench" in bench.operator.log_path.read_text())
        return {"ms": (time.monotonic() - bench.began) * 1000}


def first_record(base):
    """Exec to the first record that the broker acknowledged, of producers that are started until one gets through: kcat ends when it can't."""
    produce = [packages.command("kcat", "kcat"), "-P", "-t", "topic-0", "-X", "acks=all", "-X", "topic.metadata.refresh.fast.interval.ms=20"]
    with Bench(base, topics(1)) as bench:
        until(lambda: run([*produce, "-b", f"localhost:{bench.port}"], stdin="record\n", check=False)[0] == 0, 30)
        return {"ms": (time.monotonic() - bench.began) * 1000}


def idle(base):
    with Bench(base, topics(2)) as bench:
        until(lambda: bench.ready_topics() == 2)
        time.sleep(SETTLE_S)
        return {"mib": resident_mib(bench.operator.process)}


def change(base):
    """From a changed file to the partitions that the broker has."""
    with Bench(base, topics(1)) as bench:
        until(lambda: bench.ready_topics() == 1)
        page = bench.broker_metrics()
        bench.write(topics(1, partitions=2))
        return {"ms": 1000 * until(lambda: 'kafka_topic_partitions{topic="topic-0"} 2' in page())}


def many(base, count):
    """Topics that are all written at once, into a cluster that is Ready; then the memory, in peace."""
    with Bench(base) as bench:
        bench.operator.until("Cluster", "bench")
        bench.write(topics(count))
        took = until(lambda: bench.ready_topics() == count, interval_s=1)  # rarely: each look costs the operator a page
        time.sleep(SETTLE_S)
        return {"s": took, "mib": resident_mib(bench.operator.process)}


class Door:
    """A Cluster's listener, as ClusterState wants a node."""
    node_id, host = -1, "localhost"

    def __init__(self, port):
        self.port = port

    def serves(self):
        return True

    def brokers(self):
        return [self]


ROLLED = """apiVersion: dohle.dev/v1alpha1
kind: Cluster
metadata:
  name: bench
spec:
  brokers: 9
  config: {{queued.max.requests: {requests}}}
  roll: {{maxUnavailable: "{width}"}}
  storage:
    volumes:
      - {{name: data, size: 1Gi}}
  listeners:
    - {{name: internal, port: {port}, type: internal}}
"""


def _ready_for(cluster):
    """The generation that it is ready for; 0 if for none."""
    ready = next((c for c in cluster.get("status", {}).get("conditions", []) if c["type"] == "Ready"), {})
    return ready.get("observedGeneration", 0) if ready.get("status") == "True" else 0


def roll(base):
    """All brokers of nine, in waves and then one after the other, with a producer that waits for all replicas in sync. Replicas stand as
    in three racks, so that three brokers share no partition."""
    port = free_port()
    folder = base / f"operator-{time.monotonic_ns()}"
    state = ClusterState(Door(port))
    operator = LocalOperator(folder / "manifests", ROLLED.format(requests=400, width="33%", port=port))
    try:
        before = _ready_for(operator.until("Cluster", "bench", _ready_for, 300))
        racks = [[rack + 3 * i for i in range(3)] for rack in range(3)]
        assignment = {p: [racks[(p + i) % 3][p // 3 ** (i + 1) % 3] for i in range(3)] for p in range(300)}
        state.create_topic("rolled", len(assignment), assignment=assignment, configs={"min.insync.replicas": 2})
        until(lambda: state.whole(["rolled"]), 60, 0.5)
        result = {}
        errors = 0
        for requests, width, figure in ((401, "33%", "wide_s"), (402, "1", "serial_s")):
            producer = NumberedProducer([packages.command("kcat", "kcat")], f"localhost:{port}", "rolled", folder / f"{figure}.producer.err",
                                        "-X", "message.timeout.ms=60000")
            began = time.monotonic()
            operator.write(ROLLED.format(requests=requests, width=width, port=port))
            before = _ready_for(operator.until("Cluster", "bench", lambda c, past=before: _ready_for(c) > past, 600))
            result[figure] = time.monotonic() - began
            try:
                producer.end()
            except Failure:
                errors += 1
        return {**result, "share": result["wide_s"] / result["serial_s"], "errors": errors}
    finally:
        operator.stop()
        shutil.rmtree(folder, ignore_errors=True)


def measure(names, base, sizes):
    """Row -> list of results, of the rows in `names`. The two rows of many Topics are measured as one."""
    repeated = {"operator-start": start, "operator-record": first_record, "operator-change": change}
    measured = {name: [repeated[name](base) for _ in range(sizes.starts)] for name in repeated if name in names}
    if "operator-idle" in names:
        measured["operator-idle"] = [idle(base)]
    if "operator-roll" in names:
        measured["operator-roll"] = [roll(base)]
    if {"operator-topics", "operator-loaded"} & set(names):
        result = many(base, sizes.many_partitions)
        measured.update({name: [result] for name in ("operator-topics", "operator-loaded")})
    return measured
