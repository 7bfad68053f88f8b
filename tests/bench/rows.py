"""The rows of the benchmark: what is measured, and what is to be reached. Each row gives, for each target, a list of
results; the median of its figure counts."""

import itertools
import json
import subprocess
import time

from servers import ROOT, Malfunction, load

GB = 10**9
MIB = 2**20
SETTLE_S = 3
IMAGE_LOAD = ROOT / "build/bin/dohle-image-load"


class Row:
    """One line of the table. `figure` names the value in the results; to_apache, to_bare and most are what Dohle is to
    reach: at most so many times Apache's and the bare loop's, and at most so much."""

    def __init__(self, name, title, figure, unit, to_apache=None, to_bare=None, most=None, also=()):
        self.name, self.title, self.figure, self.unit = name, title, figure, unit
        self.to_apache, self.to_bare, self.most, self.also = to_apache, to_bare, most, also
        self.writes = name.startswith("produce")
        self.of_cluster = name.startswith("three-")


ROWS = [
    Row("produce-100", "produce, 64 KiB batches of 100 B, 8 connections", "cpu_s_per_gb", "CPU-s/GB", 1 / 2, 2,
        also=("mb_per_s", "p99_ms")),
    Row("produce-1k", "produce, 64 KiB batches of 1 KiB, 8 connections", "cpu_s_per_gb", "CPU-s/GB", 1 / 2, 2,
        also=("mb_per_s", "p99_ms")),
    Row("single-64", "produce, one 100 B record a request, 64 connections", "cpu_us_per_request", "CPU-µs", 3 / 4, 2,
        also=("requests_per_s", "p50_ms", "p99_ms", "p999_ms")),
    Row("single-1", "the same, 1 connection", "cpu_us_per_request", "CPU-µs",
        also=("requests_per_s", "p50_ms", "p99_ms", "p999_ms")),
    Row("fetch", "fetch from the page cache, 1 MiB a request", "cpu_s_per_gb", "CPU-s/GB", 1 / 3, 1.5,
        also=("mb_per_s", "p99_ms")),
    Row("fetch-64k", "the same, 64 KiB a request", "cpu_s_per_gb", "CPU-s/GB", 1 / 3, 1.5,
        also=("mb_per_s", "p99_ms")),
    Row("topics", "create a topic of 8 partitions", "p50_ms", "ms", also=("p99_ms", "cpu_us_per_request")),
    Row("idle", "resident memory, idle", "mib", "MiB", most=16),
    Row("loaded", "resident memory after 5 GB", "mib", "MiB", most=64),
    Row("partitions", "resident memory, 10,000 empty partitions", "mib", "MiB", most=128, also=("create_s",)),
    Row("partitions-100k", "resident memory, 100,000 empty partitions", "mib", "MiB", also=("create_s", "cpu_s")),
    Row("topics-10k", "10,000 topics of one partition, one request each", "create_s", "s", 1 / 2, also=("cpu_s", "mib")),
    Row("image", "metadata image, 1,000,000 partitions, a partition", "bytes_per_partition", "B", most=300),
    Row("image-replay", "the same, replayed from a snapshot", "replay_s", "s", most=5, also=("replay_cpu_s",)),
    Row("start", "exec to first served request, empty", "ms", "ms", most=50),
    Row("recovery", "the same after kill -9, 5 GB in 1,000 partitions", "ms", "ms", most=1000),
    Row("three-leader", "three nodes: gap of acks=all, a leader killed, librdkafka", "librdkafka_ms", "ms", most=500,
        also=("librdkafka_worst_ms",)),
    Row("three-leader-java", "the same, Java", "java_ms", "ms", most=500, also=("java_worst_ms",)),
    Row("three-follower", "the same, a follower killed, librdkafka", "librdkafka_ms", "ms", most=500,
        also=("librdkafka_worst_ms",)),
    Row("three-follower-java", "the same, Java", "java_ms", "ms", most=500, also=("java_worst_ms",)),
    Row("three-controller", "the same, the active controller killed, worst", "librdkafka_worst_ms", "ms", most=2000,
        also=("java_worst_ms",)),
    Row("three-both", "the same, controller and leader at once, worst", "librdkafka_worst_ms", "ms", most=2000,
        also=("java_worst_ms",)),
    Row("three-rolling", "three nodes: rolling restart, p99 of produce", "p99_ms", "ms", 1 / 3,
        also=("p999_ms", "worst_ms", "errors")),
    Row("three-cpu", "three nodes: produce, 1 KiB records, acks=all", "cpu_s_per_gb", "CPU-s/GB", 1 / 3,
        also=("mb_per_s", "p99_ms")),
    Row("three-10mb", "three nodes: p99 of produce at 10 MB/s, acks=all", "p99_ms", "ms", 1 / 5,
        also=("p50_ms", "p999_ms", "cpu_s_per_gb")),
    Row("three-10mb-flush", "the same with flush.messages=1", "p99_ms", "ms", also=("p50_ms", "p999_ms")),
    Row("three-partitions", "three nodes: 10,000 partitions created", "create_s", "s", 1 / 5, also=("mib",)),
    Row("three-led", "the same, a node killed, all led again", "led_s", "s", most=1),
    Row("three-idle", "three nodes: resident memory, idle, together", "mib", "MiB", most=64),
    Row("operator-start", "operator, exec to first reconciliation", "ms", "ms", most=200),
    Row("operator-record", "operator --local, exec to first acknowledged record", "ms", "ms", most=1000),
    Row("operator-change", "operator, changed YAML to action on the broker", "ms", "ms", most=1000),
    Row("operator-idle", "operator, resident memory, idle", "mib", "MiB", most=20),
    Row("operator-topics", "operator, 10,000 Topics from nothing to Ready", "s", "s", most=60),
    Row("operator-roll", "operator, roll of 9 brokers, 300 partitions of 3 replicas, to one after the other", "share", "", most=1 / 3,
        also=("wide_s", "serial_s", "errors")),
    Row("operator-loaded", "operator, resident memory, 10,000 Topics", "mib", "MiB", most=64),
    Row("operator-scale", "operator, 3 to 6 to 3 brokers with 10 GB under load, p99 of produce to before", "p99_share", "", most=2,
        also=("p99_ms", "calm_p99_ms", "out_s", "in_s", "moved_out", "moved_in", "errors")),
    Row("operator-crowd", "operator, 20 Clusters and 10,000 Topics, a core's share", "core", "", most=0.01, also=("mib", "ready_s")),
]


class Sizes:
    """How much of each load."""

    def __init__(self, quick):
        self.rounds = 1 if quick else 3
        self.apache_warmup_s = 4 if quick else 10
        self.window_bytes = GB // 2 if quick else 2 * GB
        self.window_s = 2 if quick else 5
        self.fetch_data = GB // 4 if quick else GB
        self.big_load = GB // 2 if quick else 5 * GB
        self.many_partitions = 1000 if quick else 10_000
        self.clusters = 4 if quick else 20
        self.scaled_bytes = GB // 2 if quick else 10 * GB
        self.recovery_partitions = 100 if quick else 1000
        self.topics = 20 if quick else 100
        self.failovers = 1 if quick else 5
        self.rolling_rate = 100 if quick else 500
        self.rate_s = 5 if quick else 30
        self.cluster_warmup_s = 3 if quick else 10
        self.starts = 3 if quick else 7


_numbers = itertools.count(1)


def new_topic(server, partitions):
    """Its name. The bare loop has none to make."""
    name = f"bench-{next(_numbers)}"
    if server.name != "bare":
        load("create", server.port, topic=name, partitions=partitions)
    return name


def drop_topic(server, name):
    if server.name != "bare":
        load("delete", server.port, topic=name)


def warmup(server, sizes, round_number):
    return sizes.apache_warmup_s if server.name == "apache" and round_number == 0 else 0.5


# --- loads on servers that run through all rows, one target after the other, round by round ---------------------------

def measure_load(row, servers, sizes, say):
    results = {server.name: [] for server in servers}
    fetch_topics = {}
    if row.name.startswith("fetch"):
        for server in servers:
            fetch_topics[server.name] = topic = new_topic(server, 8)
            if server.name != "bare":
                load("produce", server.port, topic=topic, record_bytes=1024, bytes=sizes.fetch_data, warmup=0)
    for round_number in range(sizes.rounds):
        for server in servers:
            if row.name == "topics" and server.name == "bare":
                continue
            result = one_load(row, server, sizes, round_number, fetch_topics)
            results[server.name].append(result)
            say(f"{row.name} {server.name}: {result[row.figure]:.4g} {row.unit}")
    for server in servers:
        if server.name in fetch_topics:
            drop_topic(server, fetch_topics[server.name])
    return results


def one_load(row, server, sizes, round_number, fetch_topics):
    common = {"pid": server.pid, "warmup": warmup(server, sizes, round_number)}
    if row.name == "topics":
        return load("topics", server.port, prefix=f"made-{round_number}", partitions=8, bytes=sizes.topics,
                    pid=server.pid)
    if row.name.startswith("fetch"):
        return load("fetch", server.port, topic=fetch_topics[server.name], bytes=sizes.window_bytes,
                    max_bytes=65536 if row.name == "fetch-64k" else MIB, **common)
    connections = {"single-64": 64, "single-1": 1}.get(row.name, 8)
    topic = new_topic(server, connections)
    try:
        if row.name.startswith("single"):
            return load("single", server.port, topic=topic, connections=connections, partitions=connections,
                        seconds=sizes.window_s, **common)
        record_bytes = 100 if row.name == "produce-100" else 1024
        return load("produce", server.port, topic=topic, record_bytes=record_bytes, bytes=sizes.window_bytes,
                    **common)
    finally:
        drop_topic(server, topic)


# --- rows that need a server of their own -----------------------------------------------------------------------------

def measure_memory(names, make_server, sizes):
    """The rows idle, loaded and partitions, as far as `names` asks for them."""
    results = {}
    if "idle" in names or "loaded" in names:
        with make_server() as server:
            server.start()
            time.sleep(3)
            results["idle"] = [{"mib": server.resident_bytes() / MIB}]
            if "loaded" in names:
                topic = new_topic(server, 8)
                load("produce", server.port, topic=topic, record_bytes=1024, bytes=sizes.big_load, warmup=0)
                results["loaded"] = [{"mib": server.resident_bytes() / MIB}]
    if "partitions" in names:
        results["partitions"] = [many_partitions(make_server, sizes.many_partitions)]
    # Apache needs minutes and more descriptors than most systems give.
    if "partitions-100k" in names and make_server.name == "dohle":
        results["partitions-100k"] = [many_partitions(make_server, 10 * sizes.many_partitions)]
    if "topics-10k" in names:
        with make_server() as server:
            results["topics-10k"] = [timed_creation(server, lambda: load("topics", server.port, prefix="one", partitions=1,
                                                                          bytes=sizes.many_partitions))]
    return results


def many_partitions(make_server, count):
    with make_server() as server:
        return timed_creation(server, lambda: [new_topic(server, 1000) for _ in range(count // 1000)])


def timed_creation(server, create):
    server.start()
    before, began = server.cpu_s(), time.monotonic()
    create()
    result = {"create_s": time.monotonic() - began, "cpu_s": server.cpu_s() - before}
    time.sleep(SETTLE_S)
    return {**result, "mib": server.resident_bytes() / MIB}


def measure_image(names, sizes):
    """The rows of the metadata image: no server, but what one does with a snapshot."""
    done = subprocess.run([str(IMAGE_LOAD), str(100 * sizes.many_partitions), "100"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Malfunction(f"{IMAGE_LOAD.name}: {done.stderr.strip()}")
    return {name: [json.loads(done.stdout)] for name in names}


def measure_start(make_server, sizes):
    results = []
    for _ in range(sizes.starts if make_server.name != "apache" else 2):
        with make_server() as server:
            results.append({"ms": server.start() * 1000})
    return results


def measure_recovery(make_server, sizes):
    with make_server() as server:
        server.start()
        partitions = sizes.recovery_partitions
        topic = new_topic(server, partitions)
        load("produce", server.port, topic=topic, partitions=partitions, spread=1, depth=4, record_bytes=1024,
             bytes=sizes.big_load, warmup=0)
        server.kill()
        return [{"ms": server.start(topic, partitions - 1) * 1000}]
