"""manifests/samples/three-brokers.yaml: a quorum of three and three replicas; nobody notices when one broker is away."""

import json
import threading

from harness.process import Child
from harness.scenario import check, equal, eventually
from world import NAMESPACE, ROOT, VERSION, is_ready

import deadlines

CLUSTER, TOPIC = "three-brokers", "ledger"
PLACE = "replicated"  # the namespace
BOOTSTRAP = f"{CLUSTER}-bootstrap.{PLACE}.svc:9092"


class Producing:
    """A client in a pod that writes numbers, each acknowledged by all replicas in sync, until it is asked for how many."""

    def __init__(self, world):
        self._child = Child(["kubectl", "exec", "-i", "-n", NAMESPACE, "client", "--", "kcat", "-b", BOOTSTRAP, "-P", "-t", TOPIC,
                             "-X", "acks=all", "-X", "enable.idempotence=true", "-X", "linger.ms=5",
                             "-X", f"message.timeout.ms={int(1000 * deadlines.POD_BACK)}"], world.directory / "producer-in-a-pod.log")
        self.sent = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def _send(self):
        while not self._stop.wait(0.005):
            self._child.send(str(self.sent))
            self.sent += 1

    def end(self):
        self._stop.set()
        self._thread.join()
        self._child.process.stdin.close()
        equal(0, self._child.finish(deadlines.POD_BACK), f"the producer's exit code\n{self._child.log_tail()}")
        check("Delivery failed" not in self._child.log_path.read_text(), f"not all was acknowledged\n{self._child.log_tail()}")
        return self.sent


def metadata(world):
    return json.loads(world.inside(f"kcat -b {BOOTSTRAP} -L -J"))


def partitions(world):
    return next((t["partitions"] for t in metadata(world)["topics"] if t["topic"] == TOPIC), [])


def ids(replicas):
    return sorted(r["id"] for r in replicas)


def consumed(world):
    return sorted(world.inside(f"kcat -b {BOOTSTRAP} -t {TOPIC} -C -o beginning -e -q").split())


def in_sync(world):
    """All replicas of all partitions, by what a client is told and by the status."""
    eventually(lambda: [ids(p["isrs"]) for p in partitions(world)] == [[0, 1, 2]] * 6, "three replicas in sync of each partition",
               deadlines.POD_BACK, interval_s=0.5)
    world.until("clusters", CLUSTER, lambda c: is_ready(c) and not c["status"].get("underReplicatedPartitions")
                and not c["status"].get("offlinePartitions"), "Ready, with all replicas in sync", deadlines.POD_BACK, PLACE)


def formed(world):
    world.namespace(PLACE)
    world.apply((ROOT / "manifests/samples/three-brokers.yaml").read_text(), PLACE)
    cluster = world.ready("clusters", CLUSTER, deadlines.CLUSTER_READY, PLACE)
    world.ready("topics", TOPIC, deadlines.TOPIC_READY, PLACE)
    equal([(i, VERSION) for i in range(3)], [(b["id"], b.get("version")) for b in cluster["status"]["brokers"]], "brokers in the status")
    nodes = {world.broker_pod(CLUSTER, i, PLACE)["spec"]["nodeName"] for i in range(3)}
    check(len(nodes) >= min(3, len(world.lab.nodes)), f"all brokers are on {nodes}")
    equal([0, 1, 2], ids(metadata(world)["brokers"]), "brokers that a client in a pod is told")
    equal([[0, 1, 2]] * 6, [ids(p["replicas"]) for p in partitions(world)], "replicas")
    equal({0, 1, 2}, {p["leader"] for p in partitions(world)}, "brokers that lead")
    in_sync(world)


def one_away(world):
    """One broker is killed, then the pod of another is deleted, under load: nothing that was acknowledged is lost or there twice."""
    producing = Producing(world)
    eventually(lambda: len(consumed(world)) > 100, "the first records", deadlines.KCAT, interval_s=0.5)

    pod = world.broker_pod(CLUSTER, 0, PLACE)
    world.signal(pod, "broker")
    world.broker_ready(CLUSTER, 0, PLACE, unlike=pod)
    in_sync(world)

    pod = world.broker_pod(CLUSTER, 1, PLACE)
    world.delete("pod", pod["metadata"]["name"], PLACE, wait=False)
    back = world.broker_ready(CLUSTER, 1, PLACE, unlike=pod)
    check(back["metadata"]["uid"] != pod["metadata"]["uid"], "the pod is the old one")
    in_sync(world)

    sent = producing.end()
    read = consumed(world)
    lost = set(map(str, range(sent))) - set(read)
    check(not lost, f"{len(lost)} acknowledged records are lost, as {sorted(lost)[:3]}")
    equal(sent, len(read), "records")
    world.note(f"{sent} acknowledged, {len(read)} read")
    world.leave(PLACE)


def scenarios(world):
    world.run("three_brokers_formed", formed)
    world.run("three_brokers_one_away", one_away)
