"""manifests/samples/quickstart.yaml: applied, ready, used by clients inside and outside."""

import time

from harness.scenario import check, contains, equal
from world import NAMESPACE, ROOT, VERSION, condition, sum_of

import deadlines

LABELS = {"app.kubernetes.io/name": "dohle", "app.kubernetes.io/instance": "quickstart", "app.kubernetes.io/component": "broker",
          "app.kubernetes.io/managed-by": "dohle-operator", "dohle.dev/cluster": "quickstart", "dohle.dev/broker-id": "0"}


def applied(world):
    world.namespace(NAMESPACE)
    started = time.monotonic()
    world.apply((ROOT / "manifests/samples/quickstart.yaml").read_text())
    world.ready("clusters", "quickstart", deadlines.CLUSTER_READY)
    for name in ("orders", "clicks"):
        world.ready("topics", name, deadlines.TOPIC_READY)
    world.note(f"kubectl apply to Ready: {time.monotonic() - started:.1f} s")


def status(world):
    cluster = world.ready("clusters", "quickstart", deadlines.CLUSTER_READY)
    equal("Ready", cluster["status"]["phase"], "phase")
    equal({"internal", "external"}, {l["name"] for l in cluster["status"]["listeners"]}, "listeners in the status")
    equal([(0, VERSION)], [(b["id"], b.get("version")) for b in cluster["status"]["brokers"]], "brokers in the status")
    equal(22, len(cluster["status"]["clusterId"]), "length of the cluster's id")
    for kind in ("Progressing", "Degraded"):
        equal("False", (condition(cluster, kind) or {}).get("status"), kind)
    clicks = world.ready("topics", "clicks", deadlines.TOPIC_READY)
    equal((6, 22), (clicks["status"]["partitions"], len(clicks["status"]["topicId"])), "partitions, length of the id")
    world.kubectl("wait", "-n", NAMESPACE, "--for=condition=Ready", "clusters.dohle.dev/quickstart", "topics.dohle.dev/orders", "--timeout=5s")
    table = world.kubectl("get", "-n", NAMESPACE, "clusters.dohle.dev,topics.dohle.dev")[1]
    for word in ("quickstart", "orders", "clicks", "Ready".upper()):
        contains(table.upper(), word.upper(), "kubectl get")


def pod_is_restricted(world):
    """The namespace enforces the restricted standard; this names what it doesn't."""
    pod = world.broker_pod()
    container = next(c for c in pod["spec"]["containers"] if c["name"] == "broker")
    security = container["securityContext"]
    equal((True, False, ["ALL"]), (security["readOnlyRootFilesystem"], security["allowPrivilegeEscalation"], security["capabilities"]["drop"]),
          "security of the container")
    check(not container["resources"].get("limits", {}).get("cpu"), "a limit of cpu throttles")
    for key, value in LABELS.items():
        equal(value, pod["metadata"]["labels"].get(key), f"label {key}")
    owner = pod["metadata"]["ownerReferences"][0]
    equal(("Cluster", "quickstart", True), (owner["kind"], owner["name"], owner.get("controller")), "owner")
    check({"metrics", "internal", "external"} <= {p["name"] for p in container["ports"]}, f"ports: {container['ports']}")
    for name in ("livenessProbe", "readinessProbe"):
        check(name in container, f"no {name}")
    for kind, name in (("services", "quickstart-brokers"), ("services", "quickstart-bootstrap"), ("services", "quickstart-external-bootstrap"),
                       ("services", "quickstart-external-0"), ("configmaps", "quickstart-config"), ("serviceaccounts", "quickstart-broker"),
                       ("poddisruptionbudgets", "quickstart"), ("persistentvolumeclaims", "data-quickstart-0")):
        check(world.api.get(kind, name, NAMESPACE), f"there is no {kind}/{name}")


def client_in_a_pod(world):
    """Through the bootstrap Service, by its name; the broker is then met under its own."""
    world.inside("seq 100 | kcat -b quickstart-bootstrap:9092 -t orders -P -X acks=all")
    out = world.inside(f"kcat -b quickstart-bootstrap.{NAMESPACE}.svc:9092 -t orders -C -o beginning -e -q")
    equal(sorted(map(str, range(1, 101))), sorted(out.split()), "records read in a pod")


def client_outside(world):
    world.produce("clicks", [f"from outside {i}" for i in range(100)])
    equal(sorted(f"from outside {i}" for i in range(100)), world.consume("clicks"), "records read from outside")
    out = world.inside("kcat -b quickstart-bootstrap:9092 -t clicks -C -o beginning -e -q")
    equal(100, len(out.splitlines()), "the same, read in a pod")


def broker_metrics(world):
    scraped = world.scrape(world.broker_pod()["status"]["podIP"])
    check(sum_of(scraped, "kafka_server_brokertopicmetrics_messagesin_total", topic="clicks"), "no messages in of the topic")


def scenarios(world):
    world.run("quickstart_applied", applied, needed=True)
    world.run("quickstart_status", status)
    world.run("quickstart_pod_is_restricted", pod_is_restricted)
    world.run("quickstart_client_in_a_pod", client_in_a_pod)
    world.run("quickstart_client_outside", client_outside)
    world.run("quickstart_broker_metrics", broker_metrics)
