"""The rows of three nodes: what clients see when nodes die, and what replication costs. Dohle and Apache Kafka get the same properties,
and Kafka's defaults wherever a figure depends on them."""

import json
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
from harness import broker as brokers  # noqa: E402
from harness import history  # noqa: E402
from harness.cluster import BOTH, Cluster  # noqa: E402
from harness.scenario import eventually  # noqa: E402
from scenarios.cluster_ground import stream_argv  # noqa: E402
from servers import LOAD, Malfunction, java_of_apache, load  # noqa: E402

MIB = 2**20
RATE = 200  # records a second of a stream: a gap is seen to 5 ms
SETTLE_S = 10
PARTITIONS_OF_A_TOPIC = 1000
# Where the tests' small numbers would change a figure, Kafka's defaults hold.
DEFAULTS = dict.fromkeys(["broker.session.timeout.ms", "broker.heartbeat.interval.ms", "group.initial.rebalance.delay.ms",
                          "log.retention.check.interval.ms", "offsets.topic.num.partitions"])
FAILOVER = ("three-leader", "three-leader-java", "three-follower", "three-follower-java", "three-controller", "three-both")


class Apache(brokers.Apache):
    """As its own start script runs it."""

    def _java(self, *options):
        return java_of_apache(*options)


PROGRAMS = {"apache": Apache, "dohle": brokers.Dohle}


def groups(names):
    """The rows that are measured on one cluster together."""
    together = [FAILOVER, ("three-rolling",), ("three-cpu", "three-10mb", "three-10mb-flush"), ("three-partitions", "three-led"), ("three-idle",)]
    return [chosen for group in together if (chosen := [name for name in group if name in names])]


def measure(names, kind, base, sizes, say):
    """Row -> list of results."""
    directory = base / f"three-{kind}-{time.monotonic_ns()}"
    directory.mkdir()
    with Cluster(directory, {i: (kind, BOTH) for i in (1, 2, 3)}, overrides=DEFAULTS, programs=PROGRAMS) as cluster:
        cluster.start()
        if names[0] in FAILOVER:
            return failover(names, cluster, sizes, say)
        if names == ["three-rolling"]:
            return {"three-rolling": [rolling_restart(cluster, sizes)]}
        if names == ["three-idle"]:
            time.sleep(SETTLE_S)
            return {"three-idle": [{"mib": sum(node.resident_bytes() for node in cluster.nodes.values()) / MIB}]}
        if "three-partitions" in names or "three-led" in names:
            return many_partitions(cluster, sizes)
        return {name: produce(name, cluster, sizes, say) for name in names}


# --- what clients see when a node dies -----------------------------------------------------------------------------------

class Streams:
    """A librdkafka and a Java producer with default settings on one topic. A context."""

    def __init__(self, cluster, topic, partitions, rate=RATE, **options):
        self._cluster = cluster
        self._all = {client: history.Stream(stream_argv(client), cluster.bootstrap, topic, partitions, client, cluster.directory / f"{client}.log",
                                            rate=rate, idempotent=client == "java", **options) for client in ("librdkafka", "java")}

    def __enter__(self):
        self.progress("at first")
        return self

    def __exit__(self, *_):
        for stream in self._all.values():
            stream.kill()

    def progress(self, what):
        for stream in self._all.values():
            stream.await_progress(what, 120)

    def gaps(self, since_us):
        return {f"{client}_ms": history.longest_gap_ms(stream.acks(), since_us) for client, stream in self._all.items()}

    def drain(self):
        for stream in self._all.values():
            stream.drain()
        acks = [ack for stream in self._all.values() for ack in stream.acks()]
        return acks, sum(len(stream.refused()) for stream in self._all.values())


def _victim(cluster, topic, role):
    controller, leader = cluster.state.active_controller(), cluster.state.leader(topic)
    if role == "controller":
        return controller
    if role == "leader":
        return leader
    return next(node for node in cluster.nodes.values() if node not in (controller, leader))


def _place(cluster, role, number):
    """A topic of one partition, led by the active controller for "both" and by another node else."""
    controller = cluster.state.active_controller().node_id
    others = [i for i in cluster.nodes if i != controller]
    replicas = [controller, *others] if role == "both" else [*others, controller]
    topic = f"failover-{role}-{number}"
    cluster.state.create_topic(topic, 1, assignment={0: replicas}, configs={"min.insync.replicas": 2})
    cluster.await_whole(topic)
    return topic


def _one_failover(cluster, role, number):
    topic = _place(cluster, role, number)
    with Streams(cluster, topic, 1) as streams:
        victim = _victim(cluster, topic, "leader" if role == "both" else role)
        began_us = time.monotonic_ns() // 1000
        victim.kill()
        # Until the outage is over and behind: some seconds of acknowledgements after the cluster knows of the death.
        eventually(lambda: victim.node_id not in cluster.state.partitions(topic)[0].isr, "the ISR without the dead node", 60)
        streams.progress("without the node")
        streams.progress("without the node")
        gaps = streams.gaps(began_us)
        streams.drain()
    victim.start()
    cluster.await_brokers(120)
    cluster.await_whole(timeout_s=120)
    return gaps


def failover(names, cluster, sizes, say):
    roles = {"leader": ("three-leader", "three-leader-java"), "follower": ("three-follower", "three-follower-java"),
             "controller": ("three-controller",), "both": ("three-both",)}
    measured = {}
    for role, rows in roles.items():
        if not set(rows) & set(names):
            continue
        results = []
        for number in range(sizes.failovers):
            results.append(_one_failover(cluster, role, number))
            say(f"{role} killed: {results[-1]}")
        worst = {f"{client}_worst_ms": max(result[f"{client}_ms"] for result in results) for client in ("librdkafka", "java")}
        for row in set(rows) & set(names):
            measured[row] = [{**result, **worst} for result in results]
    return measured


def _percentile(values, fraction):
    return sorted(values)[min(int(fraction * len(values)), len(values) - 1)]


def rolling_restart(cluster, sizes):
    """Each node is stopped cleanly and started again under two producers; what each record waited for its acknowledgement."""
    topic = "rolling"
    cluster.state.create_topic(topic, 12, configs={"min.insync.replicas": 2})
    cluster.await_whole(topic)
    with Streams(cluster, topic, 12, rate=sizes.rolling_rate) as streams:
        began_us = time.monotonic_ns() // 1000
        for node in cluster.nodes.values():
            node.stop()
            node.start()
            cluster.await_brokers(120)
            cluster.await_whole(topic, timeout_s=120)
            cluster.state.elect_preferred()
        streams.progress("after the last restart")
        acks, errors = streams.drain()
    waits = [(ack.acked_us - ack.sent_us) / 1000 for ack in acks if ack.acked_us >= began_us]
    return {"p99_ms": _percentile(waits, 0.99), "p999_ms": _percentile(waits, 0.999), "worst_ms": max(waits), "errors": errors}


# --- what replication costs ----------------------------------------------------------------------------------------------

def _spread_topic(cluster, name, partitions, configs=None):
    """Partition p is led by the node at p modulo their number, so that a connection can go to its leader."""
    ids = list(cluster.nodes)
    assignment = {p: [ids[(p + i) % len(ids)] for i in range(len(ids))] for p in range(partitions)}
    cluster.state.create_topic(name, partitions, assignment=assignment, configs={"min.insync.replicas": 2, **(configs or {})})
    cluster.await_whole(name)
    ports = ",".join(str(cluster.nodes[i].port) for i in ids)
    return {"topic": name, "partitions": partitions, "connections": partitions, "acks": -1, "warmup": 0}, ports


def _timed(cluster, ports, **flags):
    before = sum(node.cpu_s() for node in cluster.nodes.values())
    result = load("produce", ports, **flags)
    result["cpu_s"] = sum(node.cpu_s() for node in cluster.nodes.values()) - before
    result["cpu_s_per_gb"] = result["cpu_s"] / (result["bytes"] * 1e-9)
    return result


def produce(name, cluster, sizes, say):
    configs = {"flush.messages": 1} if name.endswith("-flush") else {}
    if name == "three-cpu":
        shape, amount = {"record_bytes": 1024, "batch_bytes": 65536}, {"bytes": sizes.window_bytes // 2}
    else:
        shape, amount = {"record_bytes": 1024, "batch_bytes": 16384, "depth": 5}, {"rate": 10e6 / 16384, "seconds": sizes.rate_s}
    results = []
    for number in range(sizes.rounds):
        topic, ports = _spread_topic(cluster, f"{name}-{number}", 9, configs)
        load("produce", ports, **topic, **shape, seconds=sizes.cluster_warmup_s, rate=amount.get("rate", 0))
        results.append(_timed(cluster, ports, **topic, **shape, **amount))
        say(f"{name}: {results[-1]}")
        cluster.state.delete_topic(f"{name}-{number}")
    return results


def _led(node, prefix, topics, without=-1):
    """When all partitions of all topics are led, by the monotonic clock."""
    command = [str(LOAD), "led", "--port", str(node.port), "--prefix", prefix, "--topics", str(topics), "--partitions", str(PARTITIONS_OF_A_TOPIC),
               "--without", str(without)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Malfunction(f"waiting for leaders: {done.stderr.strip()}")
    return json.loads(done.stdout)["monotonic_ns"] * 1e-9


def many_partitions(cluster, sizes):
    topics = sizes.many_partitions // PARTITIONS_OF_A_TOPIC
    controller = cluster.state.active_controller()
    victim = next(node for node in cluster.nodes.values() if node is not controller)
    began = time.monotonic()
    for number in range(topics):
        cluster.state.create_topic(f"many-{number}", PARTITIONS_OF_A_TOPIC, 3)
    created = max(_led(node, "many-", topics) for node in cluster.nodes.values()) - began
    mib = sum(node.resident_bytes() for node in cluster.nodes.values()) / MIB
    cluster.await_whole(timeout_s=120)
    killed = time.monotonic()
    victim.kill()
    led = max(_led(node, "many-", topics, victim.node_id) for node in cluster.nodes.values() if node is not victim) - killed
    return {"three-partitions": [{"create_s": created, "mib": mib}], "three-led": [{"led_s": led}]}
