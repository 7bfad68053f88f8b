#!/usr/bin/env python3
"""The charts hold together without Helm: copies are equal to their originals, versions to the project's, values to their schema.

tests/e2e runs the rest, with Helm and a real API server."""

import importlib.machinery
import importlib.util
import json
import pathlib
import re
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[1]
CHARTS = [ROOT / "charts/dohle", ROOT / "charts/dohle-cluster"]

_loader = importlib.machinery.SourceFileLoader("generate", str(ROOT / "charts/generate"))
generate = importlib.util.module_from_spec(importlib.util.spec_from_loader("generate", _loader))
_loader.exec_module(generate)


def fields_of_spec(crd):
    """The names of a CRD's fields below spec, by the indentation of what dohle-crd writes."""
    lines = (ROOT / f"manifests/crds/{crd}.dohle.dev.yaml").read_text().splitlines()

    def indent(at):
        return len(lines[at]) - len(lines[at].lstrip())

    def children(at):
        end = next((i for i in range(at + 1, len(lines)) if indent(i) <= indent(at)), len(lines))
        return {lines[i].strip().rstrip(":"): i for i in range(at + 1, end) if indent(i) == indent(at + 1)}
    at = next(i for i, line in enumerate(lines) if line.strip() == "openAPIV3Schema:")
    for key in ("properties", "spec", "properties"):
        at = children(at)[key]
    return set(children(at))


class Charts(unittest.TestCase):
    def test_copies_are_equal(self):
        wanted = generate.copies()
        self.assertGreaterEqual(len(wanted), 2, "there are two CRDs at least")
        for path, text in wanted.items():
            self.assertTrue(path.exists() and path.read_text() == text, f"{path} is stale: run `charts/generate copies`")
        self.assertEqual(generate.stale_copies(wanted), [])

    def test_dashboards_are_generated(self):
        done = subprocess.run([ROOT / "dashboards/generate", "--check"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_versions(self):
        version = re.search(r"project\(dohle VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
        for chart in CHARTS:
            text = (chart / "Chart.yaml").read_text()
            self.assertEqual(re.findall(r"^(?:version|appVersion): (\S+)$", text, re.M), [version, version], chart.name)

    def test_every_value_is_in_the_schema(self):
        for chart in CHARTS:
            schema = json.loads((chart / "values.schema.json").read_text())
            values = set(re.findall(r"^(\w+):", (chart / "values.yaml").read_text(), re.M))
            self.assertEqual(values, set(schema["properties"]) - {"global"}, chart.name)
            self.assertIs(schema["additionalProperties"], False)

    def test_the_cluster_chart_knows_the_fields(self):
        """Helm applies without asking the API server about unknown fields: a misspelt one would be lost without a word."""
        schema = json.loads((ROOT / "charts/dohle-cluster/values.schema.json").read_text())["properties"]
        self.assertEqual(set(schema["spec"]["properties"]), fields_of_spec("clusters"))
        self.assertEqual(set(schema["topics"]["additionalProperties"]["properties"]),
                         fields_of_spec("topics") - {"cluster", "bootstrapServers"})

    def test_rights_are_named(self):
        for path in (ROOT / "charts/dohle/templates/rbac.yaml", ROOT / "manifests/operator/operator.yaml"):
            text = path.read_text()
            self.assertNotRegex(text, r"secrets|[\[\"']\*[\]\"']", path.name)
            self.assertIn("clusters/status", text)

    def test_the_labels_of_the_crds_are_what_the_upgrade_scenario_changes(self):
        for path in (ROOT / "manifests/crds").glob("*.yaml"):
            self.assertIn("app.kubernetes.io/part-of: dohle\n", path.read_text())


if __name__ == "__main__":
    unittest.main()
