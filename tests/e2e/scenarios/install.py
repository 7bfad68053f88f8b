"""The ways in: charts and manifests are sound, the chart installs, its rights are the least."""

import json

from harness.process import run
from harness.scenario import check, contains, equal, eventually
from world import OPERATOR, OPERATOR_NAMESPACE, OPERATOR_SELECTOR, RELEASE, ROOT

import deadlines

CHART = ROOT / "charts/dohle"
CLUSTER_CHART = ROOT / "charts/dohle-cluster"
ALL_MONITORING = [word for part in ("serviceMonitor", "podMonitor", "rules", "dashboards")
                  for word in ("--set", f"monitoring.{part}.enabled=true")]
VARIANTS = {
    "default": [],
    "two replicas": ["--set", "replicas=2"],
    "namespaced": ["--set", "watch.namespaced=true", "--set", "watch.namespace=default"],
    "namespaced, with racks": ["--set", "watch.namespaced=true", "--set", "rbac.readNodes=true"],
    "without CRDs": ["--set", "crds.install=false"],
}


def lint(world):
    for chart in (CHART, CLUSTER_CHART):
        contains(world.helm("lint", "--strict", chart), "1 chart(s) linted, 0 chart(s) failed", f"helm lint {chart.name}")


def generated(world):
    run([ROOT / "charts/generate", "--check"])


def values_are_checked(world):
    for bad, place in ((["--set", "replicas=many"], "replicas"), (["--set", "replica=2"], "replica"),
                       (["--set", "monitoring.rules.enabled=perhaps"], "enabled")):
        code, _, err = run(["helm", "template", "x", CHART, *bad], check=False)
        check(code != 0, f"helm template took {bad}")
        contains(err, place, f"the refusal of {bad}")
    for bad in ("spec.brokerz=3", "topics.orders.partition=3", "topics.orders.cluster=other"):
        code, _, _ = run(["helm", "template", "x", CLUSTER_CHART, "--set", bad], check=False)
        check(code != 0, f"helm template took {bad}")


def templates_are_accepted(world):
    world.helm("template", "x", CLUSTER_CHART, "--set", "topics.orders.partitions=3", "--set", "topics.plain=null")
    world.namespace(OPERATOR_NAMESPACE)
    for name, values in VARIANTS.items():
        text = world.helm("template", RELEASE, CHART, "-n", OPERATOR_NAMESPACE, *values)
        check("monitoring.coreos.com" not in text, f"{name}: monitoring though nothing serves its API")
        world.kubectl("apply", "--dry-run=server", "-f", "-", stdin=text)


def monitoring(world):
    """What is made when the Prometheus operator's API is there, or when it is asked for."""
    def kinds(*arguments):
        text = world.helm("template", RELEASE, CHART, "-n", OPERATOR_NAMESPACE, "--show-only", "templates/monitoring.yaml", *arguments)
        return {line.removeprefix("kind: ") for line in text.splitlines() if line.startswith("kind: ")}
    files = CHART / "files"
    expected = {"ServiceMonitor", "PodMonitor"}
    if any(files.glob("rules/*.yaml")):
        expected.add("PrometheusRule")
    if any(files.glob("dashboards/*.json")):
        expected.add("ConfigMap")
    equal(expected, kinds(*ALL_MONITORING), "asked for")
    equal(expected, kinds("--api-versions", "monitoring.coreos.com/v1"), "found")


def manifests_are_accepted(world):
    world.kubectl("apply", "--server-side", "--dry-run=server", "-k", ROOT / "manifests")
    world.kubectl("apply", "--server-side", "--dry-run=server", "-f", ROOT / "manifests/install.yaml")


def helm_install(world):
    # With --wait: it returns when the operator is ready.
    world.helm("upgrade", "--install", RELEASE, CHART, "-n", OPERATOR_NAMESPACE, "--create-namespace", "--wait",
               "--timeout", f"{int(deadlines.HELM)}s")
    pods = world.operator_pods()
    equal(1, len(pods), "pods of the operator")
    security = pods[0]["spec"]["securityContext"]
    equal((True, 65532), (security["runAsNonRoot"], security["runAsUser"]), "who the operator runs as")
    for crd in ("clusters.dohle.dev", "topics.dohle.dev"):
        made = world.api.get("customresourcedefinitions", crd)
        equal("keep", made["metadata"]["annotations"]["helm.sh/resource-policy"], f"policy of {crd}")


def crds_are_the_manifests(world):
    """The chart's detour over Helm's YAML changes nothing."""
    for crd in ("clusters.dohle.dev", "topics.dohle.dev"):
        _, text, _ = world.kubectl("create", "--dry-run=client", "--validate=false", "-o", "json", "-f", ROOT / f"manifests/crds/{crd}.yaml")
        text_by_helm = world.helm("template", RELEASE, CHART, "--show-only", "templates/crds.yaml")
        _, listed, _ = world.kubectl("create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-", stdin=text_by_helm)
        ours = json.loads(text)
        by_helm = next(d for d in _documents(listed) if d["metadata"]["name"] == crd)
        equal(None, _difference(ours["spec"], by_helm["spec"]), f"where the chart's {crd} differs")


def _difference(a, b, path="spec"):
    """The path of the first difference, or None."""
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        pairs = [(a[k], b[k], f"{path}.{k}") for k in a]
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        pairs = [(x, y, f"{path}[{i}]") for i, (x, y) in enumerate(zip(a, b))]
    else:
        return None if a == b and type(a) is type(b) else path
    return next((found for pair in pairs if (found := _difference(*pair))), None)


def _documents(text):
    decoder, at, found = json.JSONDecoder(), 0, []
    while at < len(text.rstrip()):
        value, at = decoder.raw_decode(text, at)
        found += value["items"] if value["kind"] == "List" else [value]
        while at < len(text) and text[at].isspace():
            at += 1
    return found


def least_rights(world):
    """No secrets, nothing of other groups, no rights over rights; and what it needs."""
    account = f"system:serviceaccount:{OPERATOR_NAMESPACE}:{OPERATOR}"

    def can(*what):
        return world.kubectl("auth", "can-i", *what, "--as", account, "-q", "-A", check=False)[0] == 0
    for words in ("get secrets", "list secrets", "create pods --subresource=exec", "get pods --subresource=log", "delete namespaces",
                  "create roles", "create clusters.dohle.dev", "delete topics.dohle.dev", "list leases.coordination.k8s.io", "delete nodes", "list nodes",
                  "watch nodes", "update customresourcedefinitions"):
        check(not can(*words.split()), f"the operator may {words}")
    for words in ("patch pods", "watch topics.dohle.dev", "patch clusters.dohle.dev --subresource=status", "get nodes"):
        check(can(*words.split()), f"the operator may not {words}")


def helm_test(world):
    contains(world.helm("test", RELEASE, "-n", OPERATOR_NAMESPACE, "--timeout", f"{int(deadlines.HELM)}s"), "Succeeded", "helm test")


def probes(world):
    """Liveness and readiness are answered on the port of the metrics."""
    pod = eventually(lambda: world.api.list("pods", OPERATOR_NAMESPACE, OPERATOR_SELECTOR), "a pod of the operator")[0]
    check(world.scrape(pod["status"]["podIP"]), "the operator has no metrics")


def static_scenarios(world):
    """What needs no programs of ours."""
    world.run("install_lint", lint)
    world.run("install_generated_is_up_to_date", generated)
    world.run("install_values_are_checked", values_are_checked)
    world.run("install_templates_are_accepted", templates_are_accepted)
    world.run("install_monitoring", monitoring)
    world.run("install_manifests_are_accepted", manifests_are_accepted)
    world.run("install_crds_are_the_manifests", crds_are_the_manifests)


def scenarios(world):
    static_scenarios(world)
    world.run("install_by_helm", helm_install, needed=True)
    world.run("install_least_rights", least_rights)
    world.run("install_helm_test", helm_test)
    world.run("install_probes", probes)
