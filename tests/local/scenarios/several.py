"""A Cluster of three brokers: one quorum, replicas, and nobody notices when one of them is away."""

import json
import signal
import threading

from harness import packages
from harness.process import Child
from harness.scenario import check, equal, eventually
from world import condition, topic

LONG = 90  # seconds for what three brokers do, one after the other


class Producer:
    """One client that writes numbers, each acknowledged by all replicas in sync, until it is asked for how many."""

    def __init__(self, world, name):
        self.child = Child([packages.command("kcat", "kcat"), "-b", world.bootstrap, "-P", "-E", "-t", name, "-X", "acks=all",
                            "-X", "enable.idempotence=true", "-X", "message.timeout.ms=60000", "-X", "linger.ms=5"],
                           world.log.parent / "producer.err")
        self.sent = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()
        # -E: it doesn't give up when no broker can be reached for a moment. Until it knows several it has one only.
        eventually(lambda: len(world.consume(name)) > 10, "the first records", LONG)

    def _send(self):
        while not self._stop.wait(0.01):
            self.child.send(str(self.sent))
            self.sent += 1

    def end(self):
        self._stop.set()
        self._thread.join()
        self.child.process.stdin.close()
        equal(0, self.child.finish(), f"the producer's exit code\n{self.child.log_tail()}")
        # Connections that break are told, too, and don't count: the client goes to another broker.
        check("Delivery failed" not in self.child.log_path.read_text(), self.child.log_tail())
        return self.sent


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
