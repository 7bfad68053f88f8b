"""What somebody changes behind the operator's back with Apache's own tools, and what comes of changes in the YAML as those tools see it."""

import json
import re

from harness import packages
from harness.process import Child
from harness.scenario import check, contains, equal, eventually
from world import ROOT, topic

MENDED = 45  # seconds: a whole look every 30 s

TOPIC = "org.apache.kafka.tools.TopicCommand"
CONFIG = "kafka.admin.ConfigCommand"


class Tools:
    """Apache's tools in one JVM: tests/interop/java/tools/ToolRunner.java."""

    def __init__(self, bootstrap, log):
        jars = f"{packages.kafka_jars()}/*"
        classes = packages.javac("interop-tools", jars, (ROOT / "tests/interop/java/tools").glob("*.java"))
        self._bootstrap = bootstrap
        self._child = Child(["java", "-Xmx200m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
                             "-cp", f"{classes}:{jars}", "ToolRunner"], log)

    def ask(self, name, *words):
        arguments = ["--bootstrap-server", self._bootstrap, *map(str, words)]
        self._child.send(json.dumps({"class": name, "args": arguments, "stdin": ""}))
        answer = json.loads(self._child.next_line(60))
        text = answer["out"] + answer["err"]
        check(answer["status"] == 0, f"{name} {words}: exit code {answer['status']}\n{text[-3000:]}")
        return text

    def config(self, name):
        text = self.ask(CONFIG, "--describe", "--entity-type", "topics", "--entity-name", name)
        return dict(re.findall(r"^  (\S+?)=(\S*) ", text, re.MULTILINE))

    def close(self):
        self._child.kill()


def config_changes(world, tools):
    world.write("tuned.yaml", topic("tuned", config={"retention.ms": "3600000"}))
    world.ready("Topic", "tuned")
    equal({"retention.ms": "3600000"}, tools.config("tuned"), "at first")
    pid = world.broker_pid()
    both = {"retention.ms": "7200000", "cleanup.policy": "compact"}
    world.write("tuned.yaml", topic("tuned", config=both))
    eventually(lambda: tools.config("tuned") == both, "the new configuration on the broker")
    world.write("tuned.yaml", topic("tuned", config={"retention.ms": "7200000"}))
    eventually(lambda: tools.config("tuned") == {"retention.ms": "7200000"}, "one is gone")
    equal(pid, world.broker_pid(), "the broker's process")


def drift(world, tools):
    """One whole look finds all that was done."""
    things = [topic("altered", config={"retention.ms": "3600000"}), topic("removed", partitions=2), topic("grown", partitions=2)]
    world.write("drifting.yaml", *things)
    before = {t["metadata"]["name"]: world.ready("Topic", t["metadata"]["name"]) for t in things}
    tools.ask(CONFIG, "--alter", "--entity-type", "topics", "--entity-name", "altered", "--add-config", "retention.ms=1000000,segment.bytes=2000000")
    tools.ask(TOPIC, "--alter", "--topic", "grown", "--partitions", 5)
    tools.ask(TOPIC, "--delete", "--topic", "removed")
    eventually(lambda: tools.config("altered") == {"retention.ms": "3600000"}, "the configuration is mended", MENDED, interval_s=1)
    contains(world.event("altered", "ConfigDriftMended"), "retention.ms", "the event")
    old = before["removed"]["status"]["topicId"]
    world.until("Topic", "removed", lambda t: t["status"].get("topicId") not in (None, "", old), "a new topic", MENDED)
    equal(2, world.partitions("removed"), "partitions of the topic that is made again")
    world.event("removed", "TopicRecreated")
    # Kafka can't take partitions away: it stays, and is told.
    told = world.until("Topic", "grown", lambda t: t["status"].get("partitions") == 5, "5 partitions in the status", MENDED)
    equal("MorePartitionsThanAsked", told["status"]["conditions"][0]["reason"], "the condition's reason")


def run(session):
    if session.parts and not any(part in name for part in session.parts for name in ("topic_config_changes", "topic_drift")):
        return
    world = session.world().up()
    tools = Tools(world.bootstrap, session.directory / "tools.log")
    try:
        session.run("topic_config_changes", config_changes, world, tools)
        session.run("topic_drift", drift, world, tools)
    finally:
        tools.close()
