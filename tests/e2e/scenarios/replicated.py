"""manifests/samples/three-brokers.yaml: a quorum of three and three replicas; nobody notices when one broker is away."""

import json

from harness.numbered_producer import NumberedProducer
from harness.scenario import check, equal, eventually
from world import NAMESPACE, ROOT, VERSION, is_ready

import deadlines

CLUSTER, TOPIC = "three-brokers", "ledger"
PLACE = "replicated"  # the namespace
BOOTSTRAP = f"{CLUSTER}-bootstrap.{PLACE}.svc:9092"


def producing(world):
    """A client in a pod."""
    return NumberedProducer(["kubectl", "exec", "-i", "-n", NAMESPACE, "client", "--", "kcat"], BOOTSTRAP, TOPIC,
                            world.directory / "producer-in-a-pod.log", "-X", f"message.timeout.ms={int(1000 * deadlines.POD_BACK)}", rate=200)


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
    producer = producing(world)
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

    sent = producer.end(deadlines.POD_BACK)
    read = consumed(world)
    lost = set(map(str, range(sent))) - set(read)
    check(not lost, f"{len(lost)} acknowledged records are lost, as {sorted(lost)[:3]}")
    equal(sent, len(read), "records")
    world.note(f"{sent} acknowledged, {len(read)} read")
    world.leave(PLACE)


def scenarios(world):
    world.run("three_brokers_formed", formed)
    world.run("three_brokers_one_away", one_away)
