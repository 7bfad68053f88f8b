"""Topics that grow under load: a burst of a real producer, its records all there once, and what forbids a growth is told."""

import re
import time

from harness import packages
from harness.numbered_producer import NumberedProducer
from harness.scenario import check, contains, equal, eventually
from world import topic

SIZE = 1000  # bytes of a record, with its number
TARGET = "200k"  # bytes a second of a partition
CALM, BURST = 100, 2400  # records a second; the burst asks for 12 partitions
REFRESH_MS = 1000  # how old a producer's metadata may get; 5 minutes by default


def scaled(name, most=16, **autoscaling):
    return topic(name, partitions=4, autoscaling={"maxPartitions": most, "targetBytesPerSecondPerPartition": TARGET, "keyOrder": "Relaxed", **autoscaling})


def _load(world, name, rate):
    """Numbered records of SIZE bytes."""
    return NumberedProducer([packages.command("kcat", "kcat")], world.bootstrap, name, world.log.parent / f"{name}.producer.err",
                            "-X", f"topic.metadata.refresh.interval.ms={REFRESH_MS}", "-X", "sticky.partitioning.linger.ms=0",
                            rate=rate, record=lambda number: f"{number:08d}".ljust(SIZE, "x"))


def new_partitions_used(world, name):
    """How many of the partitions after the fourth have records."""
    asked = [word for p in range(4, world.partitions(name)) for word in ("-t", f"{name}:{p}:-1")]
    ends = re.findall(r"offset (\d+)", world.kcat("-Q", *asked)[1]) if asked else []
    return sum(int(end) > 0 for end in ends)


def burst(world):
    load = _load(world, "bursting", CALM)
    try:
        world.until("Topic", "bursting", lambda t: (t["status"].get("autoscaling") or {}).get("reason") == "WithinTargets", "it is looked at", 30)
        equal(4, world.partitions("bursting"), "partitions before the burst")
        load.rate = BURST
        began = time.monotonic()
        note = world.event("bursting", "PartitionsGrown", 30)
        decided = time.monotonic()
        contains(note, "from 4 to ", "the event")
        contains(note, "producers bring", "the event")
        eventually(lambda: world.partitions("bursting") >= 6, "partitions are added", 15)
        eventually(lambda: new_partitions_used(world, "bursting") >= 2, "the producer uses new partitions", 15)
        used = time.monotonic()
        print(f"autoscaling_burst: {note}", flush=True)
        print(f"autoscaling_burst: decided {decided - began:.1f} s after the burst began, new partitions used {used - decided:.1f} s later", flush=True)
        world.until("Topic", "bursting", lambda t: (t["status"].get("autoscaling") or {}).get("reason") == "BytesPerSecond", "the status says why", 15)
    finally:
        sent = load.end()
    numbers = sorted(int(line[:8]) for line in world.consume("bursting"))
    equal(sent, len(numbers), "records")
    equal(list(range(sent)), numbers, "each record once")
    partitions = world.partitions("bursting")
    check(6 <= partitions <= 16, f"{partitions} partitions")
    # The operator starts again and finds more partitions than spec.partitions: that is as it should be.
    world.stop()
    world.start()
    ready = world.ready("Topic", "bursting", 60)
    equal(partitions, ready["status"]["partitions"], "partitions after a restart of the operator")


def strict(world):
    """A topic with records whose keys keep their order stays as it is, and says what the load asks for."""
    load = _load(world, "ordered", BURST)
    try:
        contains(world.event("ordered", "PartitionsNotGrown", 30), "keyOrder is Strict", "the event")
        held = world.until("Topic", "ordered", lambda t: (t["status"].get("autoscaling") or {}).get("reason") == "KeyOrderStrict", "held up", 15)
        check(held["status"]["autoscaling"]["wanted"] > 4, held["status"])
        equal(4, world.partitions("ordered"), "partitions")
    finally:
        load.end()


def brokers(world):
    """A Cluster under load gets a fourth broker by the scale subresource, and says why."""
    load = _load(world, "loaded", 10 * CALM)
    try:
        contains(world.event("main", "ScaledOut", 90), "From 3 to 4 brokers", "the event")
        scaled_out = world.until("Cluster", "main", lambda c: c["status"].get("readyReplicas") == 4, "4 brokers are ready", 90)
        equal(4, scaled_out["spec"]["brokers"], "spec.brokers")
        check(scaled_out["status"]["autoscaling"].get("lastScaleTime"), scaled_out["status"]["autoscaling"])
        world.until("Cluster", "main", lambda c: c["status"]["autoscaling"]["reason"] == "AtMaxBrokers", "that is the most", 90)
    finally:
        sent = load.end()
    equal(sent, len(world.consume("loaded")), "records")


def run_brokers(session):
    autoscaling = {"minBrokers": 3, "maxBrokers": 4, "targetBytesPerSecondPerBroker": "100k", "scaleOutStabilizationSeconds": 10}
    world = session.world().up(topic("loaded", partitions=6), brokers=3, autoscaling=autoscaling, timeout_s=90)
    session.run("autoscaling_brokers", brokers, world)


def run(session):
    world = session.world().up(scaled("bursting"), scaled("ordered", keyOrder="Strict"))
    session.run("autoscaling_strict", strict, world)
    session.run("autoscaling_burst", burst, world)
