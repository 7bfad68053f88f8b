"""What the scenarios get: a lab, its API, kubectl, helm and Kafka clients inside and outside of it."""

import ctypes
import http.client
import json
import os
import pathlib
import re
import socket

from api import Api
from harness import packages, scenario
from harness.process import Child, Failure, run
from harness.scenario import check, equal, eventually
from kube import lab as labs

import deadlines

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
OPERATOR_NAMESPACE = "dohle-system"
NAMESPACE = "shop"  # where the quickstart runs that most scenarios share
RELEASE = "dohle"
OPERATOR = "dohle-operator"  # the Deployment
OPERATOR_SELECTOR = "app.kubernetes.io%2Fname%3Ddohle-operator"
CLIENT_IMAGE = "localhost/dohle-e2e/client:1"
VERSION = re.search(r"project\(dohle VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text()).group(1)

_CLONE_NEWNET = 0x40000000


class World:
    """One lab and what was learnt about it. Everything raises Failure."""

    def __init__(self, lab, parts, directory):
        self.lab = lab
        self.parts = parts
        self.directory = directory
        self.report = scenario.Report()
        self.api = None
        self._python = None
        self._client_pod_made = False

    # --- running scenarios

    def run(self, name, body, needed=False):
        """A scenario. Those that others need (`needed`) run with --only too."""
        if not needed and self.parts and not any(part in name for part in self.parts):
            return
        if not self.report.run(name, lambda: body(self)):
            self.show_state()

    def skip(self, name, _body, reason):
        """A scenario that the product doesn't pass yet: told in each run."""
        if not self.parts or any(part in name for part in self.parts):
            self.report.skip(name, reason)

    def note(self, text):
        print(f"      {text}", flush=True)

    def show_state(self):
        """After a failure: what one would look at first."""
        if self.api is None or not self.api.is_up():
            return
        for what in (["get", "clusters.dohle.dev,topics.dohle.dev,pods,pvc", "-A", "-o", "wide"],
                     ["logs", "-n", OPERATOR_NAMESPACE, "-l", "app.kubernetes.io/name=dohle-operator", "--tail=20", "--prefix"]):
            _, out, err = self.kubectl(*what, check=False)
            print("\n".join("    | " + line for line in (out + err).splitlines()), flush=True)

    # --- the lab

    def start(self, nodes, archives):
        # What comes from outside comes now: the lab's network ends at its nodes.
        self._python = packages.python_venv(ROOT / "tests/interop/clients/python/requirements.txt")
        images = [*archives, client_image()]
        if self.lab.is_up():
            for archive in images:
                self.lab.import_image(archive)
        else:
            self.lab.up(nodes, images=images)
        self.enter()

    def enter(self):
        """This process and all that it starts from now on are in the lab's network: node and pod addresses are reachable."""
        programs = labs.programs()
        with open(f"/proc/{self.lab.first_pid()}/ns/net") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                raise Failure(f"setns: {os.strerror(ctypes.get_errno())}")
        os.environ["KUBECONFIG"] = str(self.lab.kubeconfig)
        os.environ["PATH"] = f"{programs}:{os.environ['PATH']}"
        os.environ["HELM_CACHE_HOME"] = os.environ["HELM_CONFIG_HOME"] = os.environ["HELM_DATA_HOME"] = str(self.directory)
        self.api = Api(self.lab.state / "pki")

    # --- kubectl and helm

    def kubectl(self, *arguments, **options):
        return run(["kubectl", *arguments], **options)

    def helm(self, *arguments, **options):
        return run(["helm", *arguments], timeout_s=deadlines.HELM + 10, **options)[1]

    def apply(self, objects, namespace=NAMESPACE, check=True):
        """Applies objects (dicts, or YAML as text); returns (exit code, what kubectl said)."""
        text = objects if isinstance(objects, str) else json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        code, out, err = self.kubectl("apply", "--server-side", "--field-manager=e2e", "-n", namespace, "-f", "-",
                                      stdin=text, check=check)
        return code, out + err

    def patch(self, kind, name, spec, namespace=NAMESPACE, check=True):
        """Merges into an object's spec; returns (exit code, what kubectl said)."""
        code, out, err = self.kubectl("patch", f"{kind}.dohle.dev", name, "-n", namespace, "--type=merge", "-p",
                                      json.dumps({"spec": spec}), check=check)
        return code, out + err

    def delete(self, kind, name, namespace=NAMESPACE, wait=True):
        self.kubectl("delete", kind if "." in kind or kind in ("pod", "pvc", "service", "namespace") else f"{kind}.dohle.dev", name,
                     "-n", namespace, f"--wait={str(wait).lower()}", f"--timeout={int(deadlines.GONE)}s",
                     timeout_s=deadlines.GONE + 10)

    def namespace(self, name):
        self.apply([{"apiVersion": "v1", "kind": "Namespace",
                     "metadata": {"name": name, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}])

    def leave(self, namespace):
        """Deletes a namespace that no scenario needs any more, without waiting for it."""
        self.delete("namespace", namespace, namespace, wait=False)

    # --- waiting

    def until(self, kind, name, predicate, what, timeout_s, namespace=NAMESPACE):
        """The object when predicate(object) is true."""
        last = None

        def look():
            nonlocal last
            last = self.api.get(kind, name, namespace)
            return last if last is not None and predicate(last) else None
        try:
            return eventually(look, f"{kind}/{name}: {what}", timeout_s)
        except Failure as failure:
            status = None if last is None else json.dumps(last.get("status"), indent=1)
            raise Failure(f"{failure}\nstatus of {kind}/{name}: {status}") from None

    def ready(self, kind, name, timeout_s, namespace=NAMESPACE):
        """The object when its condition Ready is true of its latest generation."""
        return self.until(kind, name, is_ready, "Ready", timeout_s, namespace)

    def gone(self, kind, name, namespace=NAMESPACE, timeout_s=deadlines.GONE):
        eventually(lambda: self.api.get(kind, name, namespace) is None, f"{kind}/{name} is gone", timeout_s)

    def event(self, about, reason_part, namespace=NAMESPACE, timeout_s=deadlines.CHANGE_SEEN):
        """An event of the operator about an object (its name) whose reason contains reason_part."""
        def look():
            return [e for e in self.api.list("events", namespace) if e["regarding"].get("name") == about
                    and reason_part.lower() in e["reason"].lower() and e.get("reportingController", "").startswith("dohle.dev/")]
        return eventually(look, f"an event {reason_part} about {about}", timeout_s)[0]

    # --- the broker

    def broker_pod(self, cluster="quickstart", broker=0, namespace=NAMESPACE):
        pod = self.api.get("pods", f"{cluster}-broker-{broker}", namespace)
        check(pod, f"there is no pod of broker {broker} of {cluster}")
        return pod

    def broker_ready(self, cluster="quickstart", broker=0, namespace=NAMESPACE, unlike=None, timeout_s=deadlines.POD_BACK):
        """The pod once it is Ready; `unlike` is a pod that it may not be, or whose container must have been restarted."""
        def other(pod):
            if not pod_ready(pod):
                return False
            return unlike is None or incarnation(pod) != incarnation(unlike)
        return self.until("pods", f"{cluster}-broker-{broker}", other, "Ready", timeout_s, namespace)

    def signal(self, pod, name, signal_name="SIGKILL"):
        """A signal to the first process of a pod's container, from the node."""
        container = next(c for c in pod["status"]["containerStatuses"] if c["name"] == name)
        self.lab.signal_container(pod["spec"]["nodeName"], container["containerID"].removeprefix("containerd://"), signal_name)

    def scrape(self, address, port=9404):
        """/metrics as {name: {frozenset of labels: value}}."""
        connection = http.client.HTTPConnection(address, port, timeout=10)
        try:
            connection.request("GET", "/metrics")
            response = connection.getresponse()
            text = response.read().decode()
            equal(200, response.status, f"/metrics of {address}")
        finally:
            connection.close()
        return samples(text)

    # --- the operator

    def operator_pods(self):
        return [p for p in self.api.list("pods", OPERATOR_NAMESPACE, OPERATOR_SELECTOR)
                if not p["metadata"].get("deletionTimestamp")]

    def leader(self):
        """The pod whose name is in the holder of the operator's Lease, or None."""
        holders = [lease["spec"].get("holderIdentity") or "" for lease in self.api.list("leases", OPERATOR_NAMESPACE)]
        return next((p for p in self.operator_pods() if any(p["metadata"]["name"] in h for h in holders)), None)

    # --- Kafka clients

    def inside(self, script, stdin=None):
        """Output of a shell script in a pod that has kcat; namespace NAMESPACE."""
        if not self._client_pod_made:
            self.apply([client_pod()])
            self.until("pods", "client", pod_ready, "Ready", deadlines.POD_BACK)
            self._client_pod_made = True
        return self.kubectl("exec", "-i", "-n", NAMESPACE, "client", "--", "sh", "-c", script, stdin=stdin or "",
                            timeout_s=deadlines.KCAT)[1]

    def bootstrap(self, listener, cluster="quickstart", namespace=NAMESPACE):
        """host:port from the Cluster's status, once it can be reached; not of the internal listener, whose name pods know only."""
        for status in self.api.get("clusters", cluster, namespace)["status"].get("listeners", []):
            if status["name"] == listener and status.get("bootstrap"):
                # kube-proxy learns a moment after a Pod became Ready that it is one; kcat gives up when it is refused once.
                eventually(lambda: reachable(status["bootstrap"]), f"{status['bootstrap']} takes connections", deadlines.CHANGE_SEEN)
                return status["bootstrap"]
        raise Failure(f"the status of Cluster {cluster} doesn't say where the listener {listener} is")

    def kcat(self, address, *arguments, stdin=None):
        """Output of kcat next to the nodes."""
        return run([packages.command("kcat", "kcat"), "-b", address, *arguments], stdin=stdin, timeout_s=deadlines.KCAT)[1]

    def outside(self, *arguments, stdin=None):
        """The same through the node port of the quickstart."""
        return self.kcat(self.bootstrap("external"), *arguments, stdin=stdin)

    def produce(self, topic, values, *arguments):
        self.outside("-P", "-t", topic, "-X", "acks=all", *arguments, stdin="".join(f"{v}\n" for v in values))

    def consume(self, topic):
        """All values of a topic, sorted."""
        return sorted(self.outside("-C", "-t", topic, "-o", "beginning", "-e", "-q").splitlines())

    def partitions(self, topic):
        """How many partitions the broker says that the topic has; 0 if there is none of that name."""
        topics = json.loads(self.outside("-L", "-J"))["topics"]
        return next((len(t["partitions"]) for t in topics if t["topic"] == topic), 0)

    def admin(self, *arguments, bootstrap=None):
        """A call of clients/admin.py, as JSON; to the quickstart unless another address is given."""
        return json.loads(run([self._python, HERE / "clients/admin.py", bootstrap or self.bootstrap("external"), *arguments],
                              timeout_s=deadlines.KCAT)[1])

    def producer(self, topic):
        """A Child that produces, one acknowledged value a line, until it is told `stop`."""
        return Child([self._python, HERE / "clients/admin.py", self.bootstrap("external"), "keep-producing", topic],
                     self.directory / f"producer-{topic}.log")

    def topic(self, name, cluster="quickstart", namespace=NAMESPACE, **spec):
        """Applies a Topic and waits until it is Ready."""
        self.apply([topic(name, cluster, **spec)], namespace)
        return self.ready("topics", name, deadlines.TOPIC_READY, namespace)


# --- objects

def topic(name, cluster="quickstart", **spec):
    return {"apiVersion": "dohle.dev/v1alpha1", "kind": "Topic", "metadata": {"name": name},
            "spec": {"cluster": cluster, **spec}}


def cluster(name, **spec):
    return {"apiVersion": "dohle.dev/v1alpha1", "kind": "Cluster", "metadata": {"name": name}, "spec": {
        "brokers": 1, "storage": {"volumes": [{"name": "data", "size": "1Gi"}]},
        "listeners": [{"name": "internal", "port": 9092, "type": "internal"},
                      {"name": "external", "port": 9094, "type": "nodePort"}], **spec}}


def client_pod():
    restricted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "client"}, "spec": {
        "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "client", "image": CLIENT_IMAGE, "imagePullPolicy": "Never",
                        "command": ["sh", "-c", "trap exit TERM; while :; do wait; tail -f /dev/null; done"],
                        "securityContext": restricted}]}}


def client_image():
    """The archive of an image with kcat and a shell, from this machine's files."""
    busybox, kcat = packages.command("busybox", "busybox-static"), packages.command("kcat", "kcat")
    libraries = re.findall(r"(?:=> )?(/\S+) \(0x", run(["ldd", kcat])[1])
    key = (HERE / "kube/images/mkimage.py").read_text() + "".join(f"{p} {os.stat(p).st_mtime}" for p in [busybox, kcat, *libraries])

    def make(directory):
        names = [name for name in run([busybox, "--list"])[1].split() if name != "busybox"]
        labs.image(directory / "client.tar", CLIENT_IMAGE, f"{busybox}:/bin/busybox", f"{kcat}:/usr/bin/kcat",
                   *[f"{os.path.realpath(library)}:{library}" for library in libraries],
                   *[f"/bin/{name}->/bin/busybox" for name in names])
    return packages.made_once("kubelab-client", key, make) / "client.tar"


def reachable(address):
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
        return True
    except OSError:
        return False


# --- what objects and samples say

def condition(thing, kind):
    return next((c for c in thing.get("status", {}).get("conditions", []) if c["type"] == kind), None)


def is_ready(thing):
    found = condition(thing, "Ready")
    return (found is not None and found["status"] == "True"
            and thing["status"].get("observedGeneration") == thing["metadata"]["generation"])


def pod_ready(pod):
    ready = condition(pod, "Ready")
    return ready is not None and ready["status"] == "True" and not pod["metadata"].get("deletionTimestamp")


def incarnation(pod):
    """What changes when a pod or its container is another one."""
    return pod["metadata"]["uid"], [c.get("containerID") for c in pod["status"].get("containerStatuses", [])]


_SAMPLE = re.compile(r"^([a-z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


def samples(text):
    found = {}
    for match in filter(None, map(_SAMPLE.match, text.splitlines())):
        found.setdefault(match.group(1), {})[frozenset(_LABEL.findall(match.group(2) or ""))] = float(match.group(3))
    return found


def sum_of(scraped, name, **labels):
    """The samples of a name whose labels contain these, added up; None if there is none."""
    values = [v for have, v in scraped.get(name, {}).items() if set(labels.items()) <= have]
    return sum(values) if values else None
