"""Brokers of a Cluster of six are restarted several at once, as far as no partition forbids; what can change live restarts none."""

import types

from harness.cluster_state import ClusterState
from harness.scenario import check, equal, eventually
from world import condition

from .several import Producer, _in_sync

BROKERS = range(6)
LONG = 180  # seconds for what six brokers do
# Two thirds of the brokers hold each partition: 0 and 3 share none, as 1 and 4, 2 and 5.
TRIPLES = [[a, b, c] for a in (0, 3) for b in (1, 4) for c in (2, 5)]


class Door:
    """Where clients come in, whichever broker that is."""

    node_id = -1

    def __init__(self, world):
        self.host, self.port = "localhost", world.port

    def serves(self):
        return True


def _state(world):
    door = Door(world)
    return ClusterState(types.SimpleNamespace(brokers=lambda: [door]))


def _topic(world, name):
    """Its replicas stand so that pairs of brokers may go together; the first leads."""
    assignment = {p: triple[p % 3:] + triple[:p % 3] for p, triple in enumerate(TRIPLES * 3)}
    _state(world).create_topic(name, len(assignment), assignment=assignment, configs={"min.insync.replicas": 2})


def _pids(world):
    return [world.broker_pid(broker=b) for b in BROKERS]


def _roll(world, name, requests, **roll):
    """How many brokers were away at the same time at most."""
    before = _pids(world)
    generation = world.get("Cluster", "main")["metadata"]["generation"]
    producer = Producer(world, name)
    away = []
    world.write("cluster.yaml", world.cluster(brokers=6, config={"queued.max.requests": requests}, roll=roll))

    def rolled(cluster):
        pods = [p for p in world.objects("Pod") if "deletionTimestamp" not in p["metadata"]]
        away.append(6 - sum(1 for p in pods if condition(p).get("status") == "True"))
        ready = condition(cluster)
        return ready.get("status") == "True" and ready.get("observedGeneration", 0) > generation
    world.until("Cluster", "main", rolled, "Ready with the new configuration", LONG)
    sent = producer.end()
    after = _pids(world)
    check(not set(before) & set(after) and None not in after, f"processes {before}, then {after}")
    equal(sorted(map(str, range(sent))), sorted(world.consume(name)), "records")
    _in_sync(world)
    return max(away)


def live(world):
    """A setting that brokers take while they run is set in all of them and taken back, no process changes, and what others set stays."""
    before = _pids(world)
    door, state = Door(world), _state(world)

    def defaults():
        body = {"resources": [{"resourceType": 4, "resourceName": "", "configurationKeys": None}], "includeSynonyms": False, "includeDocumentation": False}
        return {c["name"]: c["value"] for c in state.ask(door, "DescribeConfigs", 4, body)["results"][0]["configs"]}
    theirs = {"resources": [{"resourceType": 4, "resourceName": "", "configs": [{"name": "log.cleaner.threads", "configOperation": 0, "value": "2"}]}],
              "validateOnly": False}
    equal(0, state.ask(door, "IncrementalAlterConfigs", 1, theirs)["responses"][0]["errorCode"], "error")
    world.write("cluster.yaml", world.cluster(brokers=6, config={"log.retention.ms": "7200000"}))
    eventually(lambda: defaults().get("log.retention.ms") == "7200000", "it is set", LONG)
    world.ready("Cluster", "main", LONG)
    equal(before, _pids(world), "processes")
    world.write("cluster.yaml", world.cluster(brokers=6))
    eventually(lambda: "log.retention.ms" not in defaults(), "it is taken back", LONG)
    world.ready("Cluster", "main", LONG)
    equal("2", defaults().get("log.cleaner.threads"), "what others set")
    equal(before, _pids(world), "processes")


def several_at_once(world):
    """Six brokers in pairs, while a producer waits for all replicas in sync, then one after the other. What it gains is tests/bench's to tell."""
    _topic(world, "wide")
    equal(2, _roll(world, "wide", "400", maxUnavailable="50%"), "brokers that were away at the same time")
    _topic(world, "narrow")
    equal(1, _roll(world, "narrow", "401", maxUnavailable="1"), "brokers that were away at the same time")
    check(world.metric("dohle_cluster_canary_seconds", dohle_cluster="main") > 0, "the canary has sung")


def halts(world):
    """Brokers that won't come up halt it: the first wave is all that suffers, and it goes on once the mistake is mended."""
    before = _pids(world)
    world.write("cluster.yaml", world.cluster(brokers=6, config={"queued.max.requests": "nonsense"}, roll={"readyTimeoutSeconds": 10}))
    world.until("Cluster", "main", lambda c: condition(c, "Degraded").get("status") == "True", "Degraded", LONG)
    eventually(lambda: any(_restarts(world, b) >= 2 for b in BROKERS), "a broker has tried twice", LONG)
    kept = set(before) & set(_pids(world))
    check(len(kept) >= 4, f"processes {before}, then {_pids(world)}")
    world.write("cluster.yaml", world.cluster(brokers=6, config={"queued.max.requests": "402"}))
    world.ready("Cluster", "main", LONG)
    _in_sync(world)


def _restarts(world, broker):
    statuses = (world.get("Pod", f"main-broker-{broker}") or {}).get("status", {}).get("containerStatuses", [])
    return statuses[0]["restartCount"] if statuses else 0


def run(session):
    world = session.world().up(timeout_s=LONG, brokers=6)
    session.run("rolls_live_config", live, world)
    session.run("rolls_several_at_once", several_at_once, world)
    session.run("rolls_halt", halts, world)
