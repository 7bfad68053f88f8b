"""Clusters of their own, each in a namespace of its own: drift, deletion with Retain and with Delete, the chart dohle-cluster."""

from harness.scenario import check, contains, equal, eventually
from world import NAMESPACE, OPERATOR_NAMESPACE, RELEASE, ROOT, cluster, condition, topic

import deadlines


def drift(world):
    """What belongs to the Cluster comes back, what doesn't is left alone."""
    world.apply([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "somebodys", "labels": {"dohle.dev/cluster": "quickstart"}}}])
    before = world.api.get("services", "quickstart-bootstrap", NAMESPACE)["metadata"]["uid"]
    world.delete("service", "quickstart-bootstrap")

    def another():
        found = world.api.get("services", "quickstart-bootstrap", NAMESPACE)
        return found and found["metadata"]["uid"] != before
    eventually(another, "the Service is made again", deadlines.CHANGE_SEEN)
    world.kubectl("label", "-n", NAMESPACE, "service/quickstart-bootstrap", "--overwrite", "dohle.dev/cluster=other")
    world.until("services", "quickstart-bootstrap", lambda s: s["metadata"]["labels"]["dohle.dev/cluster"] == "quickstart",
                "its label is mended", deadlines.CHANGE_SEEN)
    check(world.api.get("configmaps", "somebodys", NAMESPACE), "what isn't the operator's was deleted")


def paused(world):
    world.patch("cluster", "quickstart", {"paused": True})
    world.until("clusters", "quickstart", lambda c: c["status"].get("phase") == "Paused", "phase Paused", deadlines.CHANGE_SEEN)
    world.patch("cluster", "quickstart", {"paused": False})
    world.ready("clusters", "quickstart", deadlines.CLUSTER_READY)


def config_without_a_restart(world):
    """What the broker can change while it runs doesn't cost its connections."""
    pod = world.broker_pod()
    world.patch("cluster", "quickstart", {"config": {"log.retention.ms": "3600000"}})
    world.until("clusters", "quickstart", lambda c: c["status"].get("observedGeneration") == c["metadata"]["generation"]
                and c["status"]["phase"] == "Ready", "Ready again", deadlines.CLUSTER_READY)
    equal(pod["metadata"]["uid"], world.broker_pod()["metadata"]["uid"], "the broker's pod")


def config_with_a_restart(world):
    pod = world.broker_pod()
    world.patch("cluster", "quickstart", {"config": {"queued.max.requests": "400", "log.retention.ms": None}})
    world.broker_ready(unlike=pod)
    world.ready("clusters", "quickstart", deadlines.CLUSTER_READY)


def deleted_with_retain(world):
    """It comes back with its identity and its data."""
    name = "retained"
    world.namespace(name)
    world.apply([cluster("vault"), topic("deeds", "vault", partitions=2)], name)
    first = world.ready("clusters", "vault", deadlines.CLUSTER_READY, name)["status"]["clusterId"]
    world.ready("topics", "deeds", deadlines.TOPIC_READY, name)
    address = world.bootstrap("external", "vault", name)
    world.kcat(address, "-P", "-t", "deeds", "-X", "acks=all", stdin="".join(f"{i}\n" for i in range(50)))
    world.delete("cluster", "vault", name)
    world.gone("pods", "vault-broker-0", name)
    for kind in ("services", "configmaps", "poddisruptionbudgets", "serviceaccounts"):
        eventually(lambda k=kind: not world.api.list(k, name, "dohle.dev%2Fcluster%3Dvault"), f"no {kind} of the Cluster", deadlines.GONE)
    check(world.api.get("persistentvolumeclaims", "data-vault-0", name), "the claim was deleted")

    world.apply([cluster("vault")], name)
    equal(first, world.ready("clusters", "vault", deadlines.CLUSTER_READY, name)["status"]["clusterId"], "id of the cluster that came back")
    world.ready("topics", "deeds", deadlines.TOPIC_READY, name)
    out = world.kcat(world.bootstrap("external", "vault", name), "-C", "-t", "deeds", "-o", "beginning", "-e", "-q")
    equal(50, len(out.splitlines()), "records that came back")
    world.leave(name)


def deleted_with_delete(world):
    name = "discarded"
    world.namespace(name)
    volumes = {"volumes": [{"name": "data", "size": "1Gi"}, {"name": "more", "size": "1Gi"}], "deletionPolicy": "Delete"}
    world.apply([cluster("scratch", storage=volumes)], name)
    world.ready("clusters", "scratch", deadlines.CLUSTER_READY, name)
    equal(2, len(world.api.list("persistentvolumeclaims", name)), "claims")
    world.delete("cluster", "scratch", name)
    eventually(lambda: not world.api.list("persistentvolumeclaims", name), "the claims are gone", deadlines.GONE)
    world.leave(name)


def namespace_with_everything(world):
    """A namespace with a Cluster and Topics in it can be deleted just so."""
    name = "leaving"
    world.namespace(name)
    world.apply([cluster("brief"), topic("a", "brief"), topic("b", "brief", deletionPolicy="Retain"), topic("c", "nowhere")], name)
    world.ready("topics", "a", deadlines.CLUSTER_READY, name)
    world.delete("namespace", name, name)


def cluster_chart(world):
    name = "by-chart"
    world.namespace(name)
    world.helm("install", "books", ROOT / "charts/dohle-cluster", "-n", name, "--set", "topics.orders.partitions=3",
               "--set", "topics.audit.topicName=Audit_Log")
    world.ready("clusters", "books", deadlines.CLUSTER_READY, name)
    for topic_name in ("orders", "audit"):
        world.ready("topics", topic_name, deadlines.TOPIC_READY, name)
    contains(world.helm("test", "books", "-n", name, "--timeout", f"{int(deadlines.HELM)}s"), "Succeeded", "helm test")
    world.helm("uninstall", "books", "-n", name, "--wait", "--timeout", f"{int(deadlines.HELM)}s")
    world.gone("clusters", "books", name)
    world.leave(name)


def unschedulable(world):
    """A broker that no node takes: the Cluster says so in its conditions, and gets well when it can."""
    name = "stuck"
    world.namespace(name)
    world.apply([cluster("picky", nodeSelector={"no": "such-node"})], name)
    told = world.until("clusters", "picky", lambda c: (condition(c, "Ready") or {}).get("status") == "False" and condition(c, "Ready")["message"],
                       "not Ready, with a reason", deadlines.CHANGE_SEEN, name)
    check(told["status"]["phase"] in ("Pending", "Creating", "Degraded"), f"phase {told['status']['phase']}")
    world.patch("cluster", "picky", {"nodeSelector": None}, name)
    world.ready("clusters", "picky", deadlines.CLUSTER_READY, name)
    world.leave(name)


def racks(world):
    """A broker's rack is its node's label; without the right to read it there is none, which is told, and mended with the right."""
    name, label = "racked", "example.com/rack"
    for node in world.lab.nodes:
        world.kubectl("label", "node", node, "--overwrite", f"{label}=rack-of-{node}")

    def may_read_nodes(value):
        world.helm("upgrade", RELEASE, ROOT / "charts/dohle", "-n", OPERATOR_NAMESPACE, "--reuse-values", "--set", f"rbac.readNodes={value}",
                   "--wait", "--timeout", f"{int(deadlines.HELM)}s")
    may_read_nodes("false")
    world.namespace(name)
    world.apply([cluster("placed", rack={"topologyKey": label})], name)
    told = world.until("clusters", "placed", lambda c: (condition(c, "Degraded") or {}).get("reason") == "RackUnknown"
                       and condition(c, "Ready")["status"] == "True", "Ready, but RackUnknown", deadlines.CLUSTER_READY, name)
    contains(condition(told, "Degraded")["message"], "may not read Nodes", "the condition")
    address = world.bootstrap("external", "placed", name)
    equal({"0": None}, world.admin("racks", bootstrap=address), "racks before")

    may_read_nodes("auto")
    world.until("clusters", "placed", lambda c: c["status"]["phase"] == "Ready", "Ready with a rack", deadlines.POD_BACK + deadlines.CLUSTER_READY, name)
    node = world.broker_pod("placed", 0, name)["spec"]["nodeName"]
    address = world.bootstrap("external", "placed", name)
    equal({"0": f"rack-of-{node}"}, world.admin("racks", bootstrap=address), "racks")
    world.leave(name)


def scenarios(world):
    world.run("cluster_drift", drift)
    world.run("cluster_paused", paused)
    world.run("cluster_config_without_a_restart", config_without_a_restart)
    world.run("cluster_config_with_a_restart", config_with_a_restart)
    world.run("cluster_deleted_with_retain", deleted_with_retain)
    world.run("cluster_deleted_with_delete", deleted_with_delete)
    world.run("cluster_unschedulable", unschedulable)
    world.run("cluster_racks", racks)
    world.run("cluster_namespace_deleted", namespace_with_everything)
    world.run("cluster_by_chart", cluster_chart)
