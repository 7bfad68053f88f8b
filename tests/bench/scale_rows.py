"""The rows of the operator with much to look after: a Cluster that grows and shrinks under load, and many Clusters and Topics at rest."""

import base64
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
from harness import history, packages  # noqa: E402
from harness.broker import free_port  # noqa: E402
from harness.cluster_state import ClusterState  # noqa: E402
from harness.local_operator import LocalOperator, ready  # noqa: E402
from harness.process import Failure  # noqa: E402
from harness.scenario import eventually  # noqa: E402
from operator_rows import TOPIC, Door, resident_mib, until  # noqa: E402
from scenarios.cluster_ground import stream_argv  # noqa: E402

LONG_S = 900
SETTLE_S = 20
WATCH_S = 60  # of a peaceful operator
RATE = 200  # records a second of the stream whose waits are counted
PARTITIONS = 24
CLUSTER = """---
apiVersion: dohle.dev/v1alpha1
kind: Cluster
metadata:
  name: {name}
spec:
  brokers: {brokers}
  storage:
    volumes:
      - {{name: data, size: 20Gi}}
  listeners:
    - {{name: internal, port: {port}, type: internal}}
"""


def _p99(acks, from_us, to_us=float("inf")):
    waits = sorted((ack.acked_us - ack.sent_us) / 1000 for ack in acks if from_us <= ack.sent_us < to_us)
    return waits[int(0.99 * len(waits))]


def _now_us():
    return time.monotonic_ns() // 1000


def _fill(port, topic, size):
    """With records of 1 KiB that don't compress, spread over the partitions."""
    kcat = subprocess.Popen([packages.command("kcat", "kcat"), "-P", "-b", f"localhost:{port}", "-t", topic, "-X", "acks=all", "-X", "linger.ms=20",
                             "-X", "batch.size=1000000"], stdin=subprocess.PIPE)
    lines = b"".join(base64.b64encode(os.urandom(765)) + b"\n" for _ in range(1024))
    for _ in range(size // len(lines)):
        kcat.stdin.write(lines)
    kcat.stdin.close()
    if kcat.wait() != 0:
        raise Failure("the topic couldn't be filled")


class _Brokers:
    """What the brokers of the Cluster `bench` say of themselves."""

    def __init__(self, operator):
        self._operator = operator

    def _sum(self, broker, family):
        host = self._operator.find("Pod", f"bench-broker-{broker}")["status"]["podIP"]
        with urllib.request.urlopen(f"http://{host}:9404/metrics", timeout=5) as response:
            return sum(float(value) for value in re.findall(rf"^{family}(?:{{.*}})? (\S+)$", response.read().decode(), re.MULTILINE))

    def fetched(self, ids):
        """Bytes of records that they have copied from others since they began."""
        return sum(self._sum(broker, "kafka_server_brokertopicmetrics_replicationbytesin_total") for broker in ids)

    def held(self, ids):
        return sum(self._sum(broker, "kafka_log_log_size") for broker in ids)

    def settled(self, ids):
        def there(cluster):
            return ready(cluster) and [b["id"] for b in cluster["status"].get("brokers", [])] == ids
        self._operator.until("Cluster", "bench", there, LONG_S)


def grow_and_shrink(base, replica_bytes):
    """From three brokers to six and back with `replica_bytes` on them, while a producer waits for all replicas in sync. `moved_out`, `moved_in`:
    what was copied, to what the brokers hold that got it or held that gave it; what is written meanwhile is in both and small."""
    port = free_port()
    folder = base / f"operator-{time.monotonic_ns()}"

    def cluster(brokers):
        return CLUSTER.format(name="bench", brokers=brokers, port=port)
    operator = LocalOperator(folder / "manifests", cluster(3))
    brokers = _Brokers(operator)
    stream = None
    try:
        brokers.settled([0, 1, 2])
        state = ClusterState(Door(port))
        for topic, partitions in (("filled", PARTITIONS), ("timed", 6)):
            state.create_topic(topic, partitions, 3, configs={"min.insync.replicas": 2})
        eventually(lambda: state.whole(["filled", "timed"]), "all replicas in sync", LONG_S)
        _fill(port, "filled", replica_bytes // 3)
        stream = history.Stream(stream_argv("librdkafka"), f"localhost:{port}", "timed", 6, "timed", folder / "stream.log", rate=RATE)
        stream.await_progress("at first", LONG_S)
        calm_us = _now_us()
        time.sleep(SETTLE_S)
        begin_us, began = _now_us(), time.monotonic()
        operator.write(cluster(6))
        brokers.settled(list(range(6)))
        eventually(lambda: len({i for p in state.topics(["filled"])["filled"].values() for i in p.replicas}) == 6, "replicas on all brokers", LONG_S, 1)
        _await_peace(operator)
        eventually(lambda: state.whole(["filled"]), "all replicas in sync", LONG_S)
        out_s, out_us = time.monotonic() - began, _now_us()
        old, new = [0, 1, 2], [3, 4, 5]
        left = brokers.held(new)
        moved_out = brokers.fetched(new) / left
        before = brokers.fetched(old)
        began = time.monotonic()
        operator.write(cluster(3))
        brokers.settled([0, 1, 2])
        in_s, in_us = time.monotonic() - began, _now_us()
        moved_in = (brokers.fetched(old) - before) / left
        stream.drain()
        acks, refused = stream.acks(), stream.refused()
        calm = _p99(acks, calm_us, begin_us)
        slow = max(_p99(acks, begin_us, out_us), _p99(acks, out_us, in_us))
        return {"p99_share": slow / calm, "p99_ms": slow, "calm_p99_ms": calm, "out_s": out_s, "in_s": in_s, "moved_out": moved_out,
                "moved_in": moved_in, "errors": len(refused)}
    finally:
        if stream:
            stream.kill()
        operator.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _await_peace(operator):
    """Nothing is moved any more, and nothing is about to be."""
    operator.until("Cluster", "bench", lambda cluster: ready(cluster) and not cluster["status"].get("plan"), LONG_S)


def _cpu_s(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def crowd(base, clusters, count):
    """Clusters of one broker and Topics, all Ready; then the operator's share of a core and its memory, in peace."""
    folder = base / f"operator-{time.monotonic_ns()}"
    text = "".join(CLUSTER.format(name=f"bench-{i}", brokers=1, port=free_port()) for i in range(clusters))
    text += "".join(TOPIC.format(name=f"topic-{i}", partitions=1).replace("cluster: bench", f"cluster: bench-{i % clusters}") for i in range(count))
    operator = LocalOperator(folder / "manifests", text)
    try:
        took = until(lambda: operator.get("/metrics").count('condition="Ready"} 1\n') == clusters + count, LONG_S, 1)
        time.sleep(SETTLE_S)
        began, cpu = time.monotonic(), _cpu_s(operator.process)
        time.sleep(WATCH_S)
        return {"core": (_cpu_s(operator.process) - cpu) / (time.monotonic() - began), "mib": resident_mib(operator.process), "ready_s": took}
    finally:
        operator.stop()
        shutil.rmtree(folder, ignore_errors=True)
