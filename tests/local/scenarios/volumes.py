"""Volumes change while they are used: they grow in place, and are made anew for another class or less room. No acknowledged record is lost."""

import json

from harness.scenario import check, equal, eventually
from .scaling import _settle, _stream
from world import condition, topic

LONG = 150  # seconds for what several brokers do, one after the other
CLAIMS = [f"data-main-{broker}" for broker in range(3)]


def _storage(size, **more):
    return {"volumes": [{"name": "data", "size": size, **more}], "deletionPolicy": "Retain"}


def _processes(world):
    return [world.broker_pid(broker=b) for b in range(3)]


def _asks(claim):
    return claim["spec"]["resources"]["requests"]["storage"]


def grows(world):
    """A larger size is there at once, and nobody is restarted."""
    before = _processes(world)
    world.write("cluster.yaml", world.cluster(brokers=3, storage=_storage("12Mi")))
    for name in CLAIMS:
        world.until("PersistentVolumeClaim", name, lambda c: c["status"]["capacity"]["storage"] == "12Mi", "the new capacity", LONG)
    world.ready("Cluster", "main", LONG)
    world.said("GrowVolume PersistentVolumeClaim/data-main-2: it grows from 10Mi to 12Mi, as is asked", LONG)
    equal(before, _processes(world), "processes")


def grows_when_full(world):
    """What is written makes it grow, up to a limit, which the status tells of; the Cluster serves all the same."""
    before = _processes(world)
    world.write("cluster.yaml", world.cluster(brokers=3, storage={**_storage("12Mi"), "autoGrow": {"maxSize": "18Mi"}}))
    world.ready("Cluster", "main", LONG)
    line = "x" * 1000
    world.produce("ledger", [line] * 11_000)
    for name in CLAIMS:
        claim = world.until("PersistentVolumeClaim", name, lambda c: _asks(c) == "15Mi", "a step of 25 %", LONG)
        equal("12Mi", claim["metadata"]["annotations"]["dohle.dev/size"], "what the spec asks")
        equal("15Mi", claim["metadata"]["annotations"]["dohle.dev/grown"], "what it has grown to")
    check("more than 80 %: it grows from 12Mi to 15Mi, 18Mi at most" in world.event("main", "GrowVolume", LONG) or
          world.said("% full .* it grows from 12Mi to 15Mi, 18Mi at most", LONG), "an event with the figures")
    world.produce("ledger", [line] * 5_000)
    world.until("Cluster", "main", lambda c: condition(c, "Degraded").get("reason") == "VolumeFull", "VolumeFull", LONG)
    equal(["18Mi"] * 3, [_asks(world.get("PersistentVolumeClaim", name)) for name in CLAIMS], "what claims ask for")
    message = condition(world.get("Cluster", "main"), "Degraded")["message"]
    check("has reached its limit of 18Mi: raise autoGrow.maxSize, or keep less" in message, message)
    equal("True", condition(world.get("Cluster", "main")).get("status"), "Ready")
    equal(16_000, len(world.consume("ledger")), "records")
    # What was grown stays without the permission to grow more.
    world.write("cluster.yaml", world.cluster(brokers=3, storage=_storage("12Mi")))
    world.until("Cluster", "main", lambda c: condition(c, "Degraded").get("status") == "False", "not degraded any more", LONG)
    equal(["18Mi"] * 3, [_asks(world.get("PersistentVolumeClaim", name)) for name in CLAIMS], "what claims ask for")
    equal(before, _processes(world), "processes")


def _uids(world):
    return [world.get("PersistentVolumeClaim", name)["metadata"]["uid"] for name in CLAIMS]


def _away(world):
    pods = [p for p in world.objects("Pod") if condition(p).get("status") == "True" and "deletionTimestamp" not in p["metadata"]]
    return 3 - len(pods)


def another_class(world):
    """Each broker in turn is emptied and comes back on a volume of the new class; what all three hold is copied anew."""
    world.write("moved.yaml", topic("moved", partitions=6, replicas=2))
    world.ready("Topic", "moved", LONG)
    before, first = _uids(world), world.ready("Cluster", "main", LONG)["status"]["clusterId"]
    stream = _stream(world, "refitted", "moved", 6)
    since = len(world.operator.lines)
    world.write("cluster.yaml", world.cluster(brokers=3, storage=_storage("64Mi", storageClassName="fast")))
    most = []

    def renewed():
        most.append(_away(world))
        claims = [world.get("PersistentVolumeClaim", name) for name in CLAIMS]
        return all(c is not None and c["spec"].get("storageClassName") == "fast" for c in claims)
    eventually(renewed, "all claims are of the new class", 3 * LONG, 0.1)
    equal(1, max(most), "brokers away at the same time")
    world.ready("Cluster", "main", LONG)
    check(not set(before) & set(_uids(world)), "the same claims as before")
    for broker in range(3):
        world.said(f"MoveReplicas Broker/{broker}: volume data is of storage class none and shall be of fast: ", LONG, since)
    equal(["64Mi"] * 3, [_asks(world.get("PersistentVolumeClaim", name)) for name in CLAIMS], "what claims ask for")
    equal(first, world.get("Cluster", "main")["status"]["clusterId"], "id of the cluster")
    _settle(world, stream, "moved", 6)
    equal(16_000, len(world.consume("ledger")), "records of before")

    def complete():
        topics = json.loads(world.kcat("-L", "-J")[1])["topics"]
        return all(len(p["isrs"]) == len(p["replicas"]) for t in topics for p in t["partitions"])
    eventually(complete, "all replicas are in sync", LONG)


def taken_back(world):
    """Less room is asked for, and the old size again before a broker is empty: the same volumes, all open."""
    before, processes = _uids(world), _processes(world)
    since = len(world.operator.lines)
    world.write("cluster.yaml", world.cluster(brokers=3, storage=_storage("60Mi", storageClassName="fast")))
    broker = world.said(r"Cordon Broker/\d: its volumes are made anew", LONG, since).split("Broker/")[1][0]
    world.write("cluster.yaml", world.cluster(brokers=3, storage=_storage("64Mi", storageClassName="fast")))
    world.said(f"Uncordon Broker/{broker}", LONG, since)
    world.ready("Cluster", "main", LONG)
    equal(before, _uids(world), "claims")
    equal(processes, _processes(world), "processes")


def run(session):
    world = session.world().up(topic("ledger", partitions=3, replicas=3, config={"segment.bytes": "1048576"}), timeout_s=LONG, brokers=3, storage=_storage("10Mi"))
    session.run("volumes_grow", grows, world)
    session.run("volumes_grow_when_full", grows_when_full, world)
    session.run("volumes_another_class", another_class, world)
    session.run("volumes_taken_back", taken_back, world)
