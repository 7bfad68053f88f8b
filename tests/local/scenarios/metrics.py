"""Lag and throughput, in statuses and in the operator's metrics, agree with what the clients did."""

import time

from harness.prometheus import check_metrics
from harness.scenario import check, equal, eventually
from world import topic

WRITTEN, READ = 1000, 400
AGREE = 45  # seconds: measured every 5 s, in statuses every 30 s


def lag(world):
    world.produce("measured", range(WRITTEN))
    world.kcat("-G", "readers", "-X", "auto.offset.reset=earliest", "-X", "enable.auto.offset.store=true", "-c", str(READ), "-q", "measured")
    read = eventually(lambda: world.metric("kafka_consumergroup_current_offset", consumergroup="readers", topic="measured"),
                      "committed offsets", AGREE)
    eventually(lambda: world.metric("kafka_consumergroup_lag", consumergroup="readers", topic="measured") == WRITTEN - READ,
               f"a lag of {WRITTEN - READ}", AGREE)
    equal(READ, read, "the committed offset")
    eventually(lambda: world.metric("kafka_consumergroup_lag_seconds", consumergroup="readers", topic="measured") > 0, "a lag in seconds", AGREE)
    host = world.get("Pod", "main-broker-0")["status"]["podIP"] + ":9404"
    eventually(lambda: world.metric("kafka_consumergroup_lag", host, consumergroup="readers", topic="measured") == WRITTEN - READ,
               "the lag by the broker", AGREE)

    def in_status(thing):
        found = thing["status"].get("largestLag") or {}
        return (found.get("group"), found.get("records")) == ("readers", WRITTEN - READ) and found.get("seconds", 0) > 0
    world.until("Topic", "measured", in_status, f"a lag of {WRITTEN - READ} in the status", AGREE)


def throughput(world):
    """A stream of known speed for some time: the rates are near it."""
    begin = time.monotonic()
    rates = []
    while time.monotonic() < begin + 18 and len(rates) < 3:
        world.produce("streamed", ["x" * 1000] * 200)
        time.sleep(0.3)
        rate = world.metric("dohle_topic_records_in_per_second", topic="streamed")
        if rate:
            rates.append((rate, world.metric("dohle_topic_bytes_in_per_second", topic="streamed")))
    done = len(world.consume("streamed")) / (time.monotonic() - begin)
    check(rates, "no rate was shown")
    check(any(done / 4 < r < done * 4 for r, _ in rates), f"about {done:.0f} records/s were written, shown were {rates}")
    eventually(lambda: (world.metric("dohle_topic_bytes_in_per_second", topic="streamed") or 0) > 1000, "bytes in per second", 10)
    world.until("Topic", "streamed", lambda t: t["status"].get("bytes", 0) > 100_000, "bytes in the status", AGREE)
    world.until("Cluster", "main", lambda c: c["status"]["brokers"][0].get("bytes", 0) > 100_000, "bytes of the broker", AGREE)


def conditions(world):
    equal(1, world.metric("dohle_cluster_condition", dohle_cluster="main", condition="Ready"), "the Cluster's condition")
    equal(1, world.metric("dohle_topic_condition", topic="measured", condition="Ready"), "the Topic's condition")
    equal(0, world.metric("dohle_cluster_offline_partitions", dohle_cluster="main"), "offline partitions")
    check_metrics(world.page("/metrics"))
    for page in ("/healthz", "/readyz"):
        check(world.page(page), page)


def run_lag(session):
    world = session.world().up(topic("measured"))
    session.run("metrics_lag", lag, world)
    session.run("metrics_conditions", conditions, world)


def run_throughput(session):
    session.run("metrics_throughput", throughput, session.world().up(topic("streamed")))
