"""A Cluster of three brokers: one quorum, replicas, and nobody notices when one of them is away."""

import json
import signal

from harness import packages
from harness.numbered_producer import NumberedProducer
from harness.scenario import check, equal, eventually
from world import condition, topic

LONG = 90  # seconds for what three brokers do, one after the other


class Producer(NumberedProducer):
    """Of a world's clients, after the first records have arrived."""

    def __init__(self, world, name):
        # -E: it doesn't give up when no broker can be reached for a moment. Until it knows several it has one only.
        super().__init__([packages.command("kcat", "kcat")], world.bootstrap, name, world.log.parent / "producer.err",
                         "-E", "-X", "message.timeout.ms=60000")
        eventually(lambda: len(world.consume(name)) > 10, "the first records", LONG)


def one_cluster(world):
    """Three brokers, one cluster id, three replicas in sync of each partition, and the status knows."""
    cluster = world.ready("Cluster", "main")
    status = cluster["status"]
    equal([0, 1, 2], [b["id"] for b in status["brokers"]], "brokers")
    equal(3, status["readyReplicas"], "ready brokers")
    metadata = json.loads(world.kcat("-L", "-J")[1])
    equal([0, 1, 2], sorted(b["id"] for b in metadata["brokers"]), "brokers that a client sees")
    world.until("Cluster", "main", lambda c: sum(b.get("replicas", 0) for b in c["status"]["brokers"]) >= 9, "9 replicas")
    for partition in next(t for t in metadata["topics"] if t["topic"] == "ledger")["partitions"]:
        equal([0, 1, 2], sorted(r["id"] for r in partition["replicas"]), "replicas")
    equal({"0,1,2"}, {c["metadata"]["annotations"]["dohle.dev/founders"] for c in world.objects("PersistentVolumeClaim")}, "first voters")
    equal({status["clusterId"]}, {c["metadata"]["annotations"]["dohle.dev/cluster-id"] for c in world.objects("PersistentVolumeClaim")}, "ids")
    world.produce("ledger", range(1000))
    equal(1000, len(world.consume("ledger")), "records")


def one_killed(world):
    """-9 of each broker in turn: the others go on, it comes back, nothing is lost."""
    world.write("killed.yaml", topic("killed", partitions=3, replicas=3))
    world.ready("Topic", "killed")
    producer = Producer(world, "killed")
    for broker in range(3):
        before = _container(world, broker)["restartCount"]
        world.signal_broker(signal.SIGKILL, broker=broker)
        eventually(lambda b=broker, n=before: _container(world, b)["restartCount"] > n and _container(world, b)["ready"], f"broker {broker} is back", LONG)
        _in_sync(world)
    sent = producer.end()
    equal(sorted(map(str, range(sent))), sorted(world.consume("killed")), "records")
    equal(1000, len(world.consume("ledger")), "records of before")


def rolling_restart(world):
    """A change of the configuration restarts each broker once, one after the other; producers see no error."""
    world.write("rolled.yaml", topic("rolled", partitions=6, replicas=3))
    world.ready("Topic", "rolled")
    before = [world.broker_pid(broker=b) for b in range(3)]
    producer = Producer(world, "rolled")
    seen = []
    world.write("cluster.yaml", world.cluster(brokers=3, config={"queued.max.requests": "400"}))

    def rolled(cluster):
        pods = world.objects("Pod")
        seen.append(sum(1 for p in pods if condition(p).get("status") == "True" and "deletionTimestamp" not in p["metadata"]))
        ready = condition(cluster)
        return ready.get("status") == "True" and ready.get("observedGeneration") == 2
    world.until("Cluster", "main", rolled, "Ready with the new configuration", LONG)
    sent = producer.end()
    after = [world.broker_pid(broker=b) for b in range(3)]
    check(not set(before) & set(after) and None not in after, f"processes {before}, then {after}")
    check(min(seen) >= 2, f"brokers that were ready at the same time: {min(seen)}")
    equal(sorted(map(str, range(sent))), sorted(world.consume("rolled")), "records")
    _in_sync(world)


def grows(world):
    """A broker that is added is there for clients, and the quorum knows it."""
    world.write("cluster.yaml", world.cluster(brokers=4, config={"queued.max.requests": "400"}))
    world.until("Cluster", "main", lambda c: c["status"].get("readyReplicas") == 4, "four brokers", LONG)
    world.ready("Cluster", "main", LONG)
    equal([0, 1, 2, 3], sorted(b["id"] for b in json.loads(world.kcat("-L", "-J")[1])["brokers"]), "brokers that a client sees")


def comes_back(world):
    """Stopped with its operator, and started again: the same cluster with its data."""
    first = world.ready("Cluster", "main", LONG)["status"]["clusterId"]
    world.stop()
    eventually(lambda: all(world.broker_pid(broker=b) is None for b in range(4)), "no broker is left")
    world.start()
    equal(first, world.ready("Cluster", "main", LONG)["status"]["clusterId"], "id of the cluster")
    _in_sync(world)
    equal(1000, len(world.consume("ledger")), "records")


def _container(world, broker):
    return world.get("Pod", f"main-broker-{broker}")["status"]["containerStatuses"][0]


def _in_sync(world):
    def complete():
        topics = json.loads(world.kcat("-L", "-J")[1])["topics"]
        return all(len(p["isrs"]) == len(p["replicas"]) for t in topics for p in t["partitions"])
    eventually(complete, "all replicas are in sync", LONG)

    def so(cluster):
        status = cluster["status"]
        return condition(cluster).get("status") == "True" and not status.get("underReplicatedPartitions") and not status.get("offlinePartitions")
    world.until("Cluster", "main", so, "Ready, all replicas in sync", LONG)


def run(session):
    world = session.world().up(topic("ledger", partitions=3, replicas=3), timeout_s=LONG, brokers=3)
    session.run("several_form_one_cluster", one_cluster, world)
    session.run("several_one_killed", one_killed, world)
    session.run("several_rolling_restart", rolling_restart, world)
    session.run("several_grow", grows, world)
    session.run("several_come_back", comes_back, world)
