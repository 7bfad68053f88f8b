"""A real Prometheus (Debian package prometheus, which brings promtool too) that scrapes given targets.

    with Prometheus(directory, [Target(address, {"namespace": "kafka"})]) as prometheus:
        prometheus.await_scrapes(2)
        rows = prometheus.query('sum by (topic) (rate(kafka_server_brokertopicmetrics_messagesin_total[10s]))')

It listens on a port of its own, chosen at run time: a Prometheus that the machine runs on 9090 is left alone.
"""

import dataclasses
import json
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from . import packages
from .broker import free_port
from .process import Failure, die_with_parent, run
from .scenario import eventually

SCRAPE_INTERVAL_S = 1
_LINT = 3  # promtool's exit code when the format is right and the names don't please it


@dataclasses.dataclass
class Target:
    """Something with /metrics. The labels are put on each of its series, as service discovery does it in a cluster."""

    address: str  # host:port
    labels: dict = dataclasses.field(default_factory=dict)
    job: str = "dohle"
    path: str = "/metrics"
    honor_labels: bool = False  # the labels that its series have already stay


@dataclasses.dataclass
class Row:
    """One element of an instant vector."""

    labels: dict
    value: float


def check_metrics(text):
    """`promtool check metrics`: a Failure if `text` isn't Prometheus' format; returns what its linter says of the names."""
    code, out, err = run([packages.command("promtool", "prometheus"), "check", "metrics"], stdin=text, check=False)
    if code not in (0, _LINT):
        raise Failure(f"promtool check metrics: exit code {code}\n{out}\n{err}")
    return (out + err).splitlines()


def check_rules(path):
    """`promtool check rules`: a Failure if the file of alerting or recording rules isn't right."""
    run([packages.command("promtool", "prometheus"), "check", "rules", path])


def test_rules(path):
    """`promtool test rules`: a Failure if the rules don't do what the file of tests says."""
    run([packages.command("promtool", "prometheus"), "test", "rules", path.name], cwd=path.parent)


class Prometheus:
    """start(), query(), stop(); also as a context. Everything that it writes is below `directory`."""

    def __init__(self, directory, targets, rule_files=()):
        self.directory = directory
        self.targets = list(targets)
        self.rule_files = list(rule_files)
        self.port = None
        self.process = None
        self._log_path = directory / "prometheus.log"

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def _write_config(self):
        """Its configuration is YAML, which JSON is too."""
        jobs = []
        for i, target in enumerate(self.targets):
            static = {"targets": [target.address], "labels": {**target.labels, "job": target.job}}
            jobs.append({"job_name": f"{target.job}-{i}", "metrics_path": target.path, "honor_labels": target.honor_labels, "static_configs": [static]})
        times = {"scrape_interval": f"{SCRAPE_INTERVAL_S}s", "scrape_timeout": f"{SCRAPE_INTERVAL_S}s",
                 "evaluation_interval": f"{SCRAPE_INTERVAL_S}s"}
        path = self.directory / "prometheus.yml"
        path.write_text(json.dumps({"global": times, "scrape_configs": jobs, "rule_files": [str(f) for f in self.rule_files]}, indent=1))
        return path

    def start(self, timeout_s=30):
        self.directory.mkdir(parents=True, exist_ok=True)
        config = self._write_config()
        for _ in range(5):
            self.port = free_port()
            with open(self._log_path, "wb") as log:
                self.process = subprocess.Popen(
                    [packages.command("prometheus", "prometheus"), f"--config.file={config}", f"--storage.tsdb.path={self.directory / 'data'}",
                     f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory, preexec_fn=die_with_parent)
            eventually(lambda: self.process.poll() is not None or self._ready(), "Prometheus is ready", timeout_s)
            if self.process.poll() is None:
                return self
            if b"address already in use" not in self._log_path.read_bytes():
                break
        raise Failure(f"Prometheus doesn't start\n{self._log_path.read_text(errors='replace')[-3000:]}")

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def _ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=2) as response:
                return response.status == 200
        except OSError:
            return False

    def get(self, path, **parameters):
        """The `data` of an answer of its HTTP API, /api/v1/<path>; what it refuses is a Failure."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=20) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            raise Failure(f"{path} {parameters}: {error.read().decode(errors='replace')}") from None

    def query(self, expression):
        """An instant query: the rows of its vector, or one row without labels for a scalar."""
        data = self.get("query", query=expression)
        if data["resultType"] == "scalar":
            return [Row({}, float(data["result"][1]))]
        return [Row(row["metric"], float(row["value"][1])) for row in data["result"]]

    def await_scrapes(self, count, timeout_s=30):
        """Returns once every target has been scraped `count` times from now on, the last time without an error."""
        begin = time.time()
        eventually(lambda: all(self._scrapes(t, begin) >= count for t in self.targets), f"{count} scrapes of each target", timeout_s)
        for target in self.get("targets", state="active")["activeTargets"]:
            if target["health"] != "up":
                raise Failure(f"{target['scrapeUrl']}: {target['lastError']}")

    def _scrapes(self, target, begin):
        instance = json.dumps(target.address)
        samples = self.get("query", query=f"up{{instance={instance}}}[5m]")["result"]
        return sum(float(at) >= begin for row in samples for at, _ in row["values"])
