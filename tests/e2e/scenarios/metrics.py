"""Lag and throughput, in statuses and in the operator's metrics, agree with what the clients did."""

from harness.scenario import eventually
from world import sum_of

import deadlines

WRITTEN, READ = 1000, 400
# The operator's metric -> its labels for the group, see docs/metrics.md.
LAG = "kafka_consumergroup_lag"


def lag(world):
    world.topic("measured", partitions=3)
    world.produce("measured", range(WRITTEN))
    world.admin("consume", "measured", "readers", str(READ))

    def in_status(thing):
        found = thing["status"].get("largestLag") or {}
        return (found.get("group"), found.get("records")) == ("readers", WRITTEN - READ) and found.get("seconds", 0) > 0
    world.until("topics", "measured", in_status, f"a lag of {WRITTEN - READ} in the status", deadlines.METRICS_AGREE)

    broker = world.broker_pod()["status"]["podIP"]
    eventually(lambda: sum_of(world.scrape(broker), LAG, consumergroup="readers", topic="measured") == WRITTEN - READ,
               "the lag by the broker", deadlines.METRICS_AGREE)
    operator = world.operator_pods()[0]["status"]["podIP"]
    eventually(lambda: sum_of(world.scrape(operator), LAG, consumergroup="readers", topic="measured") == WRITTEN - READ,
               "the lag by the operator", deadlines.METRICS_AGREE)


def bytes_and_rates(world):
    world.topic("weighed")
    world.produce("weighed", ["x" * 1000] * 1000)
    world.until("topics", "weighed", lambda t: t["status"].get("bytes", 0) > 1_000_000, "a megabyte in the status", deadlines.METRICS_AGREE)
    world.until("clusters", "quickstart", lambda c: c["status"]["brokers"][0].get("bytes", 0) > 1_000_000, "a megabyte of the broker",
                deadlines.METRICS_AGREE)


def scenarios(world):
    world.run("metrics_lag", lag)
    world.run("metrics_bytes", bytes_and_rates)
