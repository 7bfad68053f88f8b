"""The chart is upgraded with its CRDs, then uninstalled, leaving nothing but what Retain and the CRDs' policy say."""

import re
import shutil

from harness.scenario import check, equal, eventually
from world import NAMESPACE, OPERATOR_NAMESPACE, RELEASE, ROOT, incarnation

import deadlines

CHART = ROOT / "charts/dohle"
EVERYTHING = ("deployments", "services", "configmaps", "serviceaccounts", "roles", "rolebindings", "clusterroles", "clusterrolebindings",
              "poddisruptionbudgets", "pods", "leases")


def upgraded_over_the_operators_lease(world):
    """Where the operator made the Lease (a release from before the chart had one), Helm neither refuses the upgrade nor takes the Lease."""
    world.kubectl("delete", "lease", "dohle-operator", "-n", OPERATOR_NAMESPACE)

    def own():
        lease = world.api.get("leases", "dohle-operator", OPERATOR_NAMESPACE)
        return lease is not None and "annotations" not in lease["metadata"] and lease["spec"].get("holderIdentity")
    eventually(own, "the operator has made its Lease", deadlines.TAKE_OVER)
    for turn in ("first", "second"):
        world.helm("upgrade", RELEASE, CHART, "-n", OPERATOR_NAMESPACE, "--reuse-values", "--wait", "--timeout", f"{int(deadlines.HELM)}s")
        eventually(own, f"the Lease after the {turn} upgrade", deadlines.TAKE_OVER)
    world.topic("after-the-lease")
    # So that it goes with the release again.
    world.kubectl("scale", "-n", OPERATOR_NAMESPACE, "deploy/dohle-operator", "--replicas=0")
    eventually(lambda: not world.operator_pods(), "the operator is gone", deadlines.GONE)
    world.kubectl("delete", "lease", "dohle-operator", "-n", OPERATOR_NAMESPACE)
    world.helm("upgrade", RELEASE, CHART, "-n", OPERATOR_NAMESPACE, "--reuse-values", "--wait", "--timeout", f"{int(deadlines.HELM)}s")
    check(not own(), "the Lease is the operator's")
    eventually(world.leader, "somebody leads", deadlines.POD_BACK)


def upgraded(world):
    """A later chart with another operator and other CRDs: both are there afterwards, and no broker was restarted."""
    later = world.directory / "later-chart"
    shutil.copytree(CHART, later)
    for crd in (later / "files/crds").iterdir():
        crd.write_text(crd.read_text().replace("app.kubernetes.io/part-of: dohle", "app.kubernetes.io/part-of: dohle\n    later: \"true\""))
    metadata = later / "Chart.yaml"
    metadata.write_text(re.sub(r"\nversion: .*", "\nversion: 99.0.0", metadata.read_text()))
    broker, operators = world.broker_pod(), world.operator_pods()
    world.helm("upgrade", RELEASE, later, "-n", OPERATOR_NAMESPACE, "--reuse-values", "--set", "podAnnotations.later=yes", "--wait",
               "--timeout", f"{int(deadlines.HELM)}s")
    for crd in ("clusters.dohle.dev", "topics.dohle.dev"):
        equal("true", world.api.get("customresourcedefinitions", crd)["metadata"]["labels"].get("later"), f"{crd} was upgraded")
    eventually(lambda: not {p["metadata"]["uid"] for p in operators} & {p["metadata"]["uid"] for p in world.operator_pods()},
               "other pods of the operator", deadlines.POD_BACK)
    world.topic("after-the-upgrade")
    equal(incarnation(broker), incarnation(world.broker_pod()), "the broker's pod")


def uninstalled(world):
    """The operator goes, the clusters stay and serve."""
    world.helm("uninstall", RELEASE, "-n", OPERATOR_NAMESPACE, "--wait", "--timeout", f"{int(deadlines.HELM)}s")
    world.produce("orders", ["still served"])
    check(world.api.get("clusters", "quickstart", NAMESPACE), "the Cluster went with the chart")
    ours = [f"{kind}/{o['metadata']['name']}" for kind in EVERYTHING if kind != "leases" for o in world.api.list(kind)
            if o["metadata"].get("annotations", {}).get("meta.helm.sh/release-name") == RELEASE]
    equal([], ours, "what the chart left")


def installed_again(world):
    """It takes up what it finds; then everything is deleted in order, and only the claims stay."""
    before = world.broker_pod()
    world.helm("install", RELEASE, CHART, "-n", OPERATOR_NAMESPACE, "--wait", "--timeout", f"{int(deadlines.HELM)}s")
    world.topic("after-the-return")
    equal(incarnation(before), incarnation(world.broker_pod()), "the broker's pod")
    for kind in ("topics", "clusters"):
        world.kubectl("delete", f"{kind}.dohle.dev", "--all", "-A", f"--timeout={int(deadlines.GONE)}s", timeout_s=deadlines.GONE + 10)
    world.helm("uninstall", RELEASE, "-n", OPERATOR_NAMESPACE, "--wait", "--timeout", f"{int(deadlines.HELM)}s")
    world.kubectl("delete", "customresourcedefinition", "clusters.dohle.dev", "topics.dohle.dev", timeout_s=deadlines.GONE)

    def left():
        return [f"{kind}/{o['metadata']['name']}" for kind in EVERYTHING for o in world.api.list(kind)
                if o["metadata"].get("labels", {}).get("app.kubernetes.io/part-of") == "dohle" or o["metadata"]["name"].startswith("dohle-operator")]
    eventually(lambda: not left(), "nothing is left", deadlines.GONE)
    eventually(lambda: [c["metadata"]["name"] for c in world.api.list("persistentvolumeclaims")] == ["data-quickstart-0"],
               "the quickstart's claim is the only one that stays", deadlines.GONE)


def scenarios(world):
    world.run("chart_upgraded_over_a_lease", upgraded_over_the_operators_lease)
    world.run("chart_upgraded", upgraded)
    world.run("chart_uninstalled", uninstalled)
    world.run("chart_installed_again", installed_again)
