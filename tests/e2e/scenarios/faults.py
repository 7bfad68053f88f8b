"""What fails: the broker, its pod, its node, the operator, the API server. No record that was acknowledged is lost."""

import time

from harness.scenario import check, equal, eventually
from world import NAMESPACE, OPERATOR_NAMESPACE, RELEASE, ROOT, incarnation, pod_ready, topic

import deadlines

CHART = ROOT / "charts/dohle"


class Producing:
    """A producer that runs through a fault; at the end every value that was acknowledged is there, once."""

    def __init__(self, world, name):
        self.world, self.topic = world, name
        world.topic(name)
        self.child = world.producer(name)
        self.more(100)

    def more(self, count):
        there = len(self.child.lines)
        self.child.wait_for(lambda lines: len(lines) >= there + count, f"{count} more acknowledged records", deadlines.POD_BACK)

    def check(self):
        self.more(100)
        self.child.send("stop")
        equal(0, self.child.finish(deadlines.POD_BACK), f"the producer's exit code\n{self.child.log_tail()}")
        # The producer knows the broker's own address; the bootstrap Service has its endpoint back a moment after the Pod is Ready.
        eventually(lambda: self.world.partitions(self.topic) > 0, "the bootstrap address answers", deadlines.POD_BACK)
        read = self.world.consume(self.topic)
        lost = set(self.child.lines) - set(read)
        check(not lost, f"{len(lost)} acknowledged records are lost, as {sorted(lost)[:3]}")
        equal(len(set(read)), len(read), "records that came twice")
        self.world.note(f"{len(self.child.lines)} acknowledged, {len(read)} read")


def broker_killed(world):
    producing = Producing(world, "killed")
    pod = world.broker_pod()
    world.signal(pod, "broker")
    back = world.broker_ready(unlike=pod)
    equal(pod["metadata"]["uid"], back["metadata"]["uid"], "the pod whose container was killed")
    producing.check()
    world.ready("clusters", "quickstart", deadlines.CLUSTER_READY)


def pod_deleted(world):
    """Somebody deletes the pod: another one comes, on the same volume."""
    producing = Producing(world, "evicted")
    pod = world.broker_pod()
    claim = world.api.get("persistentvolumeclaims", "data-quickstart-0", NAMESPACE)["spec"]["volumeName"]
    world.delete("pod", pod["metadata"]["name"], wait=False)
    back = world.broker_ready(unlike=pod)
    check(back["metadata"]["uid"] != pod["metadata"]["uid"], "the pod is the old one")
    equal(claim, world.api.get("persistentvolumeclaims", "data-quickstart-0", NAMESPACE)["spec"]["volumeName"], "the volume")
    producing.check()


def node_drained(world):
    """The volume can't leave its node: the broker waits for it, the Cluster says so, and it is back when the node is."""
    producing = Producing(world, "drained")
    pod = world.broker_pod()
    node = pod["spec"]["nodeName"]
    world.kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--force",
                  "--pod-selector=dohle.dev/cluster=quickstart", f"--timeout={int(deadlines.GONE)}s", timeout_s=deadlines.GONE + 10)
    try:
        world.until("clusters", "quickstart", lambda c: c["status"].get("readyReplicas", 0) == 0 and c["status"]["phase"] != "Ready",
                    "no broker is ready", deadlines.CHANGE_SEEN)
    finally:
        world.kubectl("uncordon", node)
    world.broker_ready(unlike=pod)
    producing.check()
    world.ready("clusters", "quickstart", deadlines.CLUSTER_READY)


def two_operators(world):
    """The leader's pod, with a second replica beside it."""
    world.helm("upgrade", RELEASE, CHART, "-n", OPERATOR_NAMESPACE, "--reuse-values", "--set", "replicas=2", "--wait",
               "--timeout", f"{int(deadlines.HELM)}s")
    eventually(lambda: sum(map(pod_ready, world.operator_pods())) == 2, "two replicas are ready", deadlines.POD_BACK)
    return eventually(world.leader, "somebody leads", deadlines.POD_BACK)


def leader_killed(world):
    """Whoever leads then (the other replica, or the same again) works within seconds."""
    leader = two_operators(world)
    started = time.monotonic()
    world.signal(leader, "operator")
    world.apply([topic("after-the-leader")])
    world.ready("topics", "after-the-leader", deadlines.TAKE_OVER)
    world.note(f"kill -9 of the leader to a new Topic that is Ready: {time.monotonic() - started:.1f} s")
    world.until("pods", leader["metadata"]["name"], lambda p: pod_ready(p) and incarnation(p) != incarnation(leader), "Ready again",
                deadlines.POD_BACK, OPERATOR_NAMESPACE)


def leader_hangs(world):
    """A leader that stops in its tracks is replaced; when it goes on it isn't leader any more, and nothing is done twice."""
    leader = two_operators(world)
    name = leader["metadata"]["name"]
    started = time.monotonic()
    world.signal(leader, "operator", "SIGSTOP")
    try:
        eventually(lambda: (world.leader() or leader)["metadata"]["name"] != name, "the other replica leads", deadlines.TAKE_OVER)
        world.note(f"another leader after {time.monotonic() - started:.1f} s")
        world.topic("without-the-hung-one")
    finally:
        world.signal(leader, "operator", "SIGCONT")
    world.topic("with-the-hung-one")
    check(world.leader()["metadata"]["name"] != name, "the one that hung leads again")
    world.until("pods", name, pod_ready, "Ready again", deadlines.POD_BACK, OPERATOR_NAMESPACE)


def api_server_restarts(world):
    """The data goes on; the operator comes back by itself and isn't restarted."""
    producing = Producing(world, "without-api")
    broker, operators = world.broker_pod(), world.operator_pods()
    world.lab.restart("kube-apiserver", "KILL")
    producing.more(100)
    eventually(world.api.is_up, "the API server is back", deadlines.POD_BACK)
    world.topic("after-the-api-server")
    producing.check()
    equal(incarnation(broker), incarnation(world.broker_pod()), "the broker's pod")
    equal(sorted(map(incarnation, operators)), sorted(map(incarnation, world.operator_pods())), "the operator's pods")


def operator_away(world):
    """Without the operator clusters go on; what changed meanwhile is done when it is back."""
    producing = Producing(world, "without-operator")
    world.kubectl("scale", "-n", OPERATOR_NAMESPACE, "deploy/dohle-operator", "--replicas=0")
    eventually(lambda: not world.operator_pods(), "the operator is gone", deadlines.GONE)
    world.patch("topic", "without-operator", {"partitions": 4})
    producing.more(100)
    world.kubectl("scale", "-n", OPERATOR_NAMESPACE, "deploy/dohle-operator", "--replicas=2")
    world.until("topics", "without-operator", lambda t: t["status"].get("partitions") == 4, "4 partitions", deadlines.POD_BACK)
    producing.check()


def scenarios(world):
    world.run("fault_broker_killed", broker_killed)
    world.run("fault_pod_deleted", pod_deleted)
    world.run("fault_node_drained", node_drained)
    world.run("fault_leader_killed", leader_killed)
    world.run("fault_leader_hangs", leader_hangs)
    world.run("fault_api_server_restarts", api_server_restarts)
    world.run("fault_operator_away", operator_away)
