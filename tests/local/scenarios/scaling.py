"""A Cluster grows, shrinks, sleeps and wakes under load: no acknowledged record is lost or doubled, no client sees an error."""

import json
import pathlib

from harness import history, packages
from harness.scenario import check, equal, eventually
from world import condition, topic

LONG = 150  # seconds for what several brokers do, one after the other
CLIENTS = pathlib.Path(__file__).resolve().parents[2] / "interop/clients/python"


def _stream(world, name, topic_name, partitions):
    """An idempotent producer and a consumer group, librdkafka."""
    argv = [packages.python_venv(CLIENTS / "requirements.txt"), CLIENTS / "stream.py"]
    stream = history.Stream(argv, world.bootstrap, topic_name, partitions, name, world.log.parent / f"{name}.log", group=f"readers.{name}")
    stream.await_progress("at first", LONG)
    return stream


def _logs(world, topic_name, partitions):
    logs = {}
    for p in range(partitions):
        out = world.kcat("-C", "-t", topic_name, "-p", str(p), "-o", "beginning", "-e", "-q", "-f", "%o %s\n")[1]
        logs[p] = [(int(offset), value) for offset, value in (line.split(" ") for line in out.splitlines())]
    return logs


def _settle(world, stream, topic_name, partitions):
    stream.await_progress("at the end", LONG)
    stream.drain()
    logs = _logs(world, topic_name, partitions)
    places = {(p, o) for p, found in logs.items() for o, _ in found}
    eventually(lambda: places <= stream.positions_read(), "the group reads to the end", 60, 0.5)
    stream.end()
    history.check_history([stream], logs)
    equal([], stream.refused(), "records that were refused")
    print(f"      {len(stream.acks())} acknowledged, longest gap {history.longest_gap_ms(stream.acks()):.0f} ms", flush=True)


def _scale(world, brokers, **spec):
    world.write("cluster.yaml", world.cluster(brokers=brokers, **spec))


def _has(world, brokers, timeout_s=LONG):
    """Ready with these brokers, which a client sees and no others."""
    def so(cluster):
        ready = condition(cluster)
        there = [b["id"] for b in cluster["status"].get("brokers", [])]
        return ready.get("status") == "True" and ready.get("observedGeneration") == cluster["metadata"]["generation"] and there == brokers
    world.until("Cluster", "main", so, f"Ready with brokers {brokers}", timeout_s)
    equal(brokers, sorted(b["id"] for b in json.loads(world.kcat("-L", "-J")[1])["brokers"]), "brokers that a client sees")


def _replicas(world, name):
    metadata = json.loads(world.kcat("-L", "-J")[1])
    return [sorted(r["id"] for r in p["replicas"]) for t in metadata["topics"] if t["topic"] == name for p in t["partitions"]]


def one_to_three(world):
    """A Cluster of one becomes one of three while it is written to; Ready says that the voters are as wanted, too."""
    stream = _stream(world, "growing", "early", 2)
    _scale(world, 3)
    _has(world, [0, 1, 2])
    _settle(world, stream, "early", 2)


def three_to_five_to_three(world):
    """Two more, and two less: what they hold moves away first, and no client notices."""
    world.write("moved.yaml", topic("moved", partitions=6, replicas=3))
    world.ready("Topic", "moved", LONG)
    stream = _stream(world, "moving", "moved", 6)
    _scale(world, 5)
    _has(world, [0, 1, 2, 3, 4])
    world.write("spread.yaml", topic("spread", partitions=10, replicas=3))
    world.ready("Topic", "spread", LONG)
    check(any(b > 2 for p in _replicas(world, "spread") for b in p), "the new brokers hold nothing of a new topic")
    world.produce("spread", range(1000))
    _scale(world, 3)
    _has(world, [0, 1, 2])
    equal([[0, 1, 2]] * 10, _replicas(world, "spread"), "replicas")
    equal(sorted(map(str, range(1000))), sorted(world.consume("spread")), "records")
    for broker in (3, 4):
        claim = world.get("PersistentVolumeClaim", f"data-main-{broker}")
        equal("done", claim["metadata"]["annotations"]["dohle.dev/removal"], f"removal of broker {broker}")
    _settle(world, stream, "moved", 6)


def replicas_change(world):
    """A topic gets more replicas and fewer again while it is written to, under a throttle that leaves nothing behind."""
    _scale(world, 3, balance={"throttle": "20M"})
    world.write("copied.yaml", topic("copied", partitions=4, replicas=1))
    world.ready("Topic", "copied", LONG)
    stream = _stream(world, "copying", "copied", 4)
    for replicas in (3, 2):
        world.write("copied.yaml", topic("copied", partitions=4, replicas=replicas))
        world.until("Topic", "copied", lambda t, n=replicas: t["status"].get("replicas") == n and condition(t).get("status") == "True",
                    f"Ready with {replicas} replicas", LONG)
        equal([replicas] * 4, [len(p) for p in _replicas(world, "copied")], "replicas of each partition")
    world.write("copied.yaml", topic("copied", partitions=4, replicas=4))
    check("3 brokers" in world.not_ready("copied", "TooFewBrokers", LONG), "who has three brokers is told so")
    world.write("copied.yaml", topic("copied", partitions=4, replicas=2))
    world.ready("Topic", "copied", LONG)
    _scale(world, 3)
    _settle(world, stream, "copied", 4)


def taken_back(world):
    """Half-way out, and back again: the same brokers as before, open for new replicas."""
    _scale(world, 4)
    _has(world, [0, 1, 2, 3])
    world.write("back.yaml", topic("back", partitions=12, replicas=3))
    world.ready("Topic", "back", LONG)
    world.produce("back", range(500))
    stream = _stream(world, "wavering", "back", 12)
    pid = world.broker_pid(broker=3)
    since = len(world.operator.lines)
    _scale(world, 3)
    world.said("Cordon Broker/3", LONG, since)
    _scale(world, 4)
    world.said("Uncordon Broker/3", LONG, since)
    _has(world, [0, 1, 2, 3])
    equal(pid, world.broker_pid(broker=3), "the process of the broker that stayed")
    made = []

    def placed():
        """The controller learns with the broker's next heartbeat that it is open."""
        made.append(f"after-{len(made)}")
        world.write(f"{made[-1]}.yaml", topic(made[-1], partitions=8, replicas=3))
        world.ready("Topic", made[-1], LONG)
        return any(3 in p for p in _replicas(world, made[-1]))
    eventually(placed, "the broker that stayed gets new replicas", LONG)
    _scale(world, 3)
    _has(world, [0, 1, 2])
    stream.drain()
    stream.end()
    equal([], stream.refused(), "records that were refused")


def refused(world):
    """Topics with three replicas forbid less than three brokers; nothing has moved when the number is back."""
    before = [world.broker_pid(broker=b) for b in range(3)]
    _scale(world, 2)
    message = world.until("Cluster", "main", lambda c: "more than the 2 brokers that would be left" in json.dumps(c["status"]), "the refusal", LONG)
    equal("True", condition(message, "Degraded").get("status"), "Degraded")
    _scale(world, 3)
    _has(world, [0, 1, 2])
    equal(before, [world.broker_pid(broker=b) for b in range(3)], "processes")


def hibernates(world):
    """All brokers gone, all volumes there; the same cluster comes back, also under another operator."""
    first = world.ready("Cluster", "main", LONG)["status"]["clusterId"]
    records = sorted(world.consume("moved"))
    _scale(world, 3, hibernated=True)
    world.until("Cluster", "main", lambda c: c["status"]["phase"] == "Hibernated", "Hibernated", LONG)
    equal([None] * 3, [world.broker_pid(broker=b) for b in range(3)], "processes")
    equal([], world.objects("Pod"), "Pods")
    world.stop()
    world.start()
    world.until("Cluster", "main", lambda c: c["status"]["phase"] == "Hibernated", "Hibernated still", LONG)
    _scale(world, 3)
    _has(world, [0, 1, 2])
    equal(first, world.get("Cluster", "main")["status"]["clusterId"], "id of the cluster")
    equal(records, sorted(world.consume("moved")), "records")


def run(session):
    world = session.world().up(topic("early", partitions=2), timeout_s=LONG, brokers=1)
    session.run("scaling_one_to_three", one_to_three, world)
    session.run("scaling_replicas_change", replicas_change, world)
    session.run("scaling_three_to_five_to_three", three_to_five_to_three, world)
    session.run("scaling_taken_back", taken_back, world)
    session.run("scaling_refused", refused, world)
    session.run("scaling_hibernates", hibernates, world)
