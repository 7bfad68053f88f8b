"""A Cluster that changes, leaves, and comes back."""

from harness.scenario import check, equal, eventually
from world import topic


def config_with_a_restart(world):
    """What a broker can't change while it runs restarts it: once."""
    world.produce("deeds", range(50))
    old = world.broker_pid()
    world.write("cluster.yaml", world.cluster(config={"queued.max.requests": "400"}))
    new = eventually(lambda: world.broker_pid() not in (None, old) and world.broker_pid(), "another process")
    world.ready("Cluster", "main")
    world.ready("Topic", "deeds")
    equal(50, len(world.consume("deeds")), "records after the restart")
    uid = world.get("Pod", "main-broker-0")["metadata"]["uid"]
    # Another change, of a topic, goes through the whole loop again: the broker stays.
    world.write("topics.yaml", topic("deeds", partitions=3))
    world.until("Topic", "deeds", lambda t: t["status"].get("partitions") == 3, "3 partitions")
    equal((new, uid), (world.broker_pid(), world.get("Pod", "main-broker-0")["metadata"]["uid"]), "the broker's process and Pod")


def paused(world):
    world.write("cluster.yaml", world.cluster(paused=True, config={"queued.max.requests": "400"}))
    world.until("Cluster", "main", lambda c: c["status"].get("phase") == "Paused", "phase Paused")
    world.write("cluster.yaml", world.cluster(config={"queued.max.requests": "400"}))
    world.until("Cluster", "main", lambda c: c["status"].get("phase") == "Ready", "phase Ready")


def deleted_with_retain(world):
    """It comes back with its identity and its data."""
    first = world.ready("Cluster", "main")["status"]["clusterId"]
    world.remove("cluster.yaml")
    world.gone("Cluster", "main")
    eventually(lambda: world.broker_pid() is None, "the broker is stopped")
    for kind in ("Pod", "Service", "ConfigMap", "PodDisruptionBudget"):
        eventually(lambda k=kind: not world.objects(k), f"no {kind} is left")
    check(world.get("PersistentVolumeClaim", "data-main-0"), "the claim was deleted")
    world.not_ready("deeds", "ClusterNotFound")
    world.write("cluster.yaml", world.cluster())
    equal(first, world.ready("Cluster", "main")["status"]["clusterId"], "id of the cluster that came back")
    world.ready("Topic", "deeds", 30)
    equal(50, len(world.consume("deeds")), "records that came back")


def deleted_with_delete(world):
    _policy(world, "Delete")
    first = world.ready("Cluster", "main")["status"]["clusterId"]
    eventually(lambda: _volumes(world), "a volume's directory")
    world.remove("cluster.yaml")
    world.gone("Cluster", "main")
    eventually(lambda: not world.objects("PersistentVolumeClaim"), "no claim is left")
    eventually(lambda: not _volumes(world), "no volume's directory is left")
    world.write("cluster.yaml", world.cluster(deletion="Delete"))
    check(first != world.ready("Cluster", "main")["status"]["clusterId"], "the new cluster has the old one's id")
    world.ready("Topic", "deeds", 30)
    equal([], world.consume("deeds"), "records of the new topic")


def policy_is_taken_back(world):
    """Delete, and Retain again before the Cluster goes: the data stays."""
    _policy(world, "Delete")
    eventually(lambda: _owned(world), "the claim goes with the Cluster")
    _policy(world, "Retain")
    eventually(lambda: not _owned(world), "the claim outlives the Cluster")
    world.produce("deeds", range(10))
    world.remove("cluster.yaml")
    world.gone("Cluster", "main")
    world.write("cluster.yaml", world.cluster())
    world.ready("Cluster", "main")
    world.ready("Topic", "deeds", 30)
    equal(10, len(world.consume("deeds")), "records that came back")


def _policy(world, deletion):
    world.write("cluster.yaml", world.cluster(deletion=deletion))
    world.until("Cluster", "main", lambda c: c["spec"]["storage"]["deletionPolicy"] == deletion, f"deletionPolicy {deletion}")


def _owned(world):
    return "ownerReferences" in world.get("PersistentVolumeClaim", "data-main-0")["metadata"]


def _volumes(world):
    return [p for p in (world.state / "volumes").glob("*/*") if "main" in p.name]


def run(session):
    world = session.world().up(topic("deeds", partitions=2))
    session.run("cluster_config_restarts_once", config_with_a_restart, world)
    session.run("cluster_paused", paused, world)
    session.run("cluster_deleted_with_retain", deleted_with_retain, world)
    session.run("cluster_deleted_with_delete", deleted_with_delete, world)
    session.run("cluster_policy_is_taken_back", policy_is_taken_back, world)
