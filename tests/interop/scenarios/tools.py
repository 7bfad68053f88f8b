"""Apache's command line tools against the broker, and on the files that it leaves."""

import json
import re

from harness import packages
from harness.process import Child, Failure
from harness.process import run as run_process
from harness.scenario import check, contains, equal, eventually
from harness.unserved import NOT_ANNOUNCED

from . import java

TOPIC = "org.apache.kafka.tools.TopicCommand"
GROUP = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
CONFIG = "kafka.admin.ConfigCommand"
OFFSETS = "org.apache.kafka.tools.GetOffsetShell"
LOG_DIRS = "org.apache.kafka.tools.LogDirsCommand"
PRODUCER_PERFORMANCE = "org.apache.kafka.tools.ProducerPerformance"
CONSUMER_PERFORMANCE = "org.apache.kafka.tools.ConsumerPerformance"
CONSOLE_PRODUCER = "org.apache.kafka.tools.ConsoleProducer"
CONSOLE_CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer"
VERIFIABLE_PRODUCER = "org.apache.kafka.tools.VerifiableProducer"
VERIFIABLE_CONSUMER = "org.apache.kafka.tools.VerifiableConsumer"
API_VERSIONS = "org.apache.kafka.tools.BrokerApiVersionsCommand"
QUORUM = "org.apache.kafka.tools.MetadataQuorumCommand"
CLUSTER = "org.apache.kafka.tools.ClusterTool"
FEATURES = "org.apache.kafka.tools.FeatureCommand"
DELETE_RECORDS = "org.apache.kafka.tools.DeleteRecordsCommand"
LEADERS = "org.apache.kafka.tools.LeaderElectionCommand"
REASSIGN = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"
TRANSACTIONS = "org.apache.kafka.tools.TransactionsCommand"
GROUPS = "org.apache.kafka.tools.GroupsCommand"
DUMP = "org.apache.kafka.tools.DumpLogSegments"


class Tools:
    """The JVM that runs the tools, and the broker that they ask."""

    def __init__(self, session, broker):
        jars = f"{packages.kafka_jars()}/*"
        classes = packages.javac("interop-tools", jars, (java.SOURCES / "tools").glob("*.java"))
        self._class_path = f"{classes}:{jars}"
        self._session = session
        self.broker = broker
        self._child = None
        self._count = 0

    def _runner(self):
        if self._child is None:
            self._child = Child(["java", *java.QUIET, "-cp", self._class_path, "ToolRunner"], self._session.directory / "tools.log")
        return self._child

    def call(self, name, *args, stdin="", ok=True, timeout_s=60):
        """Runs a tool to its end, returns what it printed on both outputs; ok=False: it must fail."""
        runner = self._runner()
        runner.send(json.dumps({"class": name, "args": [str(a) for a in args], "stdin": stdin}))
        try:
            line = runner.next_line(timeout_s)
        except Failure:
            self.close()
            raise
        check(line is not None, f"the JVM ended in {name}\n{runner.log_tail()}")
        answer = json.loads(line)
        text = answer["out"] + answer["err"]
        if ok:
            check(answer["status"] == 0, f"{name} {args}: exit code {answer['status']}\n{text[-3000:]}")
        else:
            check(answer["status"] != 0, f"{name} {args}: expected to fail\n{text[-3000:]}")
        return text

    def ask(self, name, *args, **options):
        """call() with the broker's address."""
        return self.call(name, "--bootstrap-server", self.broker.bootstrap, *args, **options)

    def process(self, name, *args):
        """A tool that runs until it is told to end."""
        return Child(["java", *java.QUIET, "-cp", self._class_path, name, *args], self._session.directory / "tools.log")

    def apart(self, name, *args):
        """A tool in a JVM of its own, to its end, for those that the shared one can't hold; returns its standard output."""
        return run_process(["java", *java.QUIET, "-cp", self._class_path, name, *args])[1]

    def topic(self, hint, partitions=1, *configs):
        self._count += 1
        topic = f"tools.{hint}.{self._count}"
        words = [word for config in configs for word in ("--config", config)]
        contains(self.ask(TOPIC, "--create", "--topic", topic, "--partitions", partitions, *words), f"Created topic {topic}", "output")
        # Apache answers before the leaders are ready.
        eventually(lambda: len(self.offsets(topic)) == partitions, "its leaders")
        return topic

    def offsets(self, topic, time=-1):
        text = self.ask(OFFSETS, "--topic", topic, "--time", time)
        return [int(line.rsplit(":", 1)[1]) for line in sorted(text.split()) if line.startswith(topic + ":")]

    def produce(self, topic, lines):
        self.ask(CONSOLE_PRODUCER, "--topic", topic, "--reader-property", "parse.key=true", "--reader-property", "key.separator=:",
                 stdin="".join(line + "\n" for line in lines))

    def consume(self, topic, count, *args):
        text = self.ask(CONSOLE_CONSUMER, "--topic", topic, "--max-messages", count, "--timeout-ms", 20000, "--formatter-property",
                        "print.key=true", "--formatter-property", "key.separator=:", *args)
        return [line for line in text.splitlines() if not line.startswith(("Processed a total", "The consumer rebalance"))]

    def close(self):
        if self._child is not None:
            self._child.kill()
            self._child = None


def topics(tools):
    topic = tools.topic("topics", 2, "retention.ms=3600000", "segment.bytes=1048576")
    text = tools.ask(TOPIC, "--describe", "--topic", topic)
    contains(text, f"Topic: {topic}", "describe")
    contains(text, "PartitionCount: 2\tReplicationFactor: 1", "describe")
    contains(text, "segment.bytes=1048576", "describe")
    contains(text, "retention.ms=3600000", "describe")
    equal(2, len(re.findall(r"Partition: \d\tLeader: 1\tReplicas: 1\tIsr: 1", text)), "partitions with their leader")
    check(topic in tools.ask(TOPIC, "--list").split(), "list")
    contains(tools.ask(TOPIC, "--create", "--topic", topic, ok=False), "already exists", "created twice")
    tools.ask(TOPIC, "--create", "--topic", topic, "--if-not-exists")
    tools.ask(TOPIC, "--alter", "--topic", topic, "--partitions", 4)
    contains(tools.ask(TOPIC, "--describe", "--topic", topic), "PartitionCount: 4", "after alter")
    tools.ask(TOPIC, "--alter", "--topic", topic, "--partitions", 3, ok=False)
    check(topic not in tools.ask(TOPIC, "--describe", "--under-replicated-partitions"), "under-replicated")
    check(topic not in tools.ask(TOPIC, "--describe", "--unavailable-partitions"), "unavailable")
    tools.ask(TOPIC, "--delete", "--topic", topic)
    check(topic not in tools.ask(TOPIC, "--list").split(), "list after deletion")
    contains(tools.ask(TOPIC, "--describe", "--topic", topic, ok=False), "does not exist", "describe after deletion")


def console(tools):
    topic = tools.topic("console")
    sent = [f"k{i}:value {i}" for i in range(20)]
    tools.produce(topic, sent)
    equal(sent, tools.consume(topic, 20, "--from-beginning"), "lines")
    equal(sent[15:], tools.consume(topic, 5, "--partition", 0, "--offset", 15), "lines from an offset on")


def groups(tools):
    topic = tools.topic("groups", 2)
    tools.produce(topic, [f"k{i}:v{i}" for i in range(30)])
    group = topic + ".group"
    equal(30, len(tools.consume(topic, 30, "--from-beginning", "--group", group)), "lines")
    check(group in tools.ask(GROUP, "--list").split(), "list")
    table = rows(tools.ask(GROUP, "--describe", "--group", group), "PARTITION")
    equal(tools.offsets(topic), [int(r["CURRENT-OFFSET"]) for r in table], "committed")
    equal([0, 0], [int(r["LAG"]) for r in table], "lag")
    contains(tools.ask(GROUP, "--describe", "--group", group, "--state"), "Empty", "state")
    tools.ask(GROUP, "--reset-offsets", "--group", group, "--topic", f"{topic}:0", "--to-earliest", "--execute")
    table = rows(tools.ask(GROUP, "--describe", "--group", group), "PARTITION")
    equal(tools.offsets(topic)[0], int(table[0]["LAG"]), "lag after a reset")
    table = rows(tools.ask(GROUP, "--reset-offsets", "--group", group, "--topic", topic, "--shift-by", 3, "--dry-run"), "NEW-OFFSET")
    equal(3, int(table[0]["NEW-OFFSET"]), "dry run")
    tools.ask(GROUP, "--reset-offsets", "--group", group, "--topic", topic, "--to-offset", 1, "--execute")
    equal(28, len(tools.consume(topic, 28, "--group", group)), "lines after the reset")
    tools.ask(GROUP, "--delete-offsets", "--group", group, "--topic", topic)
    contains(tools.ask(GROUP, "--delete", "--group", group), "was successful", "delete")
    check(group not in tools.ask(GROUP, "--list").split(), "list after deletion")
    contains(tools.ask(GROUP, "--describe", "--group", group), "not found", "describe after deletion")


def rows(text, marker):
    """A table of words as dicts."""
    found, header = [], None
    for line in text.splitlines():
        words = line.split()
        if marker in words:
            header = words
        elif header and len(words) >= len(header):
            found.append(dict(zip(header, words)))
    check(found, f"no table with {marker} in\n{text}")
    return sorted(found, key=lambda r: r.get("PARTITION", ""))


def configs(tools):
    topic = tools.topic("configs")
    entity = ["--entity-type", "topics", "--entity-name", topic]
    contains(tools.ask(CONFIG, *entity, "--alter", "--add-config", "retention.ms=7200000,cleanup.policy=[compact,delete]"),
             "Completed updating", "alter")
    text = tools.ask(CONFIG, *entity, "--describe")
    contains(text, "retention.ms=7200000", "describe")
    contains(text, "cleanup.policy=compact,delete", "describe")
    contains(tools.ask(CONFIG, *entity, "--describe", "--all"), "segment.bytes=1073741824", "describe --all")
    tools.ask(CONFIG, *entity, "--alter", "--delete-config", "retention.ms")
    check("retention.ms=7200000" not in tools.ask(CONFIG, *entity, "--describe"), "after delete-config")
    tools.ask(CONFIG, *entity, "--alter", "--add-config", "retention.ms=soon", ok=False)
    contains(tools.ask(CONFIG, "--entity-type", "brokers", "--entity-name", "1", "--describe", "--all"), "node.id=1", "broker")


def group_settings(tools):
    """Of the settings of groups Kafka changes few while it runs: those it keeps, and the others it refuses, each in its words."""
    brokers = ["--entity-type", "brokers", "--entity-default"]
    for setting in ("group.initial.rebalance.delay.ms=1", "group.max.size=1", "group.min.session.timeout.ms=1", "offsets.retention.minutes=1"):
        text = tools.ask(CONFIG, *brokers, "--alter", "--add-config", setting, ok=False)
        contains(text, f"Cannot update these configs dynamically: [{setting.split('=')[0]}]", "a setting that is read-only")
    dynamic = {"group.coordinator.cached.buffer.max.bytes": 600000, "group.consumer.assignment.interval.ms": 50}
    for name, value in dynamic.items():
        tools.ask(CONFIG, *brokers, "--alter", "--add-config", f"{name}={value}")
        contains(tools.ask(CONFIG, *brokers, "--describe"), f"{name}={value}", "describe")
    # The coordinator's batches follow the topic that they are written to.
    offsets = ["--entity-type", "topics", "--entity-name", "__consumer_offsets"]
    topic = tools.topic("group_settings", 4)
    tools.produce(topic, [f"k{i}:v{i}" for i in range(20)])
    tools.consume(topic, 20, "--from-beginning", "--group", "tools.settings")
    tools.ask(CONFIG, *offsets, "--alter", "--add-config", "max.message.bytes=2000")
    try:
        tools.ask(GROUP, "--group", "tools.settings", "--topic", topic, "--reset-offsets", "--to-earliest", "--execute")
        described = rows(tools.ask(GROUP, "--describe", "--group", "tools.settings"), "PARTITION")
        equal([0] * 4, [int(row["CURRENT-OFFSET"]) for row in described], "offsets after the reset")
    finally:
        tools.ask(CONFIG, *offsets, "--alter", "--delete-config", "max.message.bytes")
        for name in dynamic:
            tools.ask(CONFIG, *brokers, "--alter", "--delete-config", name)
    check(not any(name in tools.ask(CONFIG, *brokers, "--describe") for name in dynamic), "after delete-config")


def offsets_and_records(tools):
    topic = tools.topic("offsets", 2)
    tools.produce(topic, [f"k{i}:v{i}" for i in range(30)])
    ends = tools.offsets(topic)
    equal(30, sum(ends), "end offsets")
    equal([0, 0], tools.offsets(topic, -2), "earliest")
    check(all(0 <= offset < end for offset, end in zip(tools.offsets(topic, -3), ends)), "offset of the largest time")
    path = tools.broker.directory / "delete.json"
    path.write_text(json.dumps({"partitions": [{"topic": topic, "partition": 0, "offset": 5}], "version": 1}))
    contains(tools.ask(DELETE_RECORDS, "--offset-json-file", path), "low_watermark: 5", "delete records")
    equal([5, 0], tools.offsets(topic, -2), "earliest after deletion")


def log_dirs(tools):
    topic = tools.topic("dirs", 2)
    tools.produce(topic, [f"k{i}:v{i}" for i in range(30)])
    text = tools.ask(LOG_DIRS, "--describe", "--topic-list", topic)
    described = json.loads(text[text.index("{"):text.rindex("}") + 1])
    equal([1], [b["broker"] for b in described["brokers"]], "brokers")
    partitions = described["brokers"][0]["logDirs"][0]["partitions"]
    equal([f"{topic}-0", f"{topic}-1"], sorted(p["partition"] for p in partitions), "partitions")
    for p in partitions:
        check(p["size"] > 50 and p["offsetLag"] == 0 and not p["isFuture"], f"{p}")


def performance(tools):
    topic = tools.topic("performance", 3)
    text = tools.call(PRODUCER_PERFORMANCE, "--topic", topic, "--num-records", 20000, "--record-size", 200, "--throughput", -1,
                      "--command-property", f"bootstrap.servers={tools.broker.bootstrap}", "acks=all", "compression.type=lz4")
    contains(text, "20000 records sent", "producer")
    equal(20000, sum(tools.offsets(topic)), "end offsets")
    text = tools.ask(CONSUMER_PERFORMANCE, "--topic", topic, "--num-records", 20000, "--timeout", 20000, "--reporting-interval", 1000)
    equal(20000, int(text.strip().splitlines()[-1].split(",")[4]), "records that the consumer counted")


def verifiable(tools):
    topic = tools.topic("verifiable", 2)
    bootstrap = tools.broker.bootstrap
    consumer = tools.process(VERIFIABLE_CONSUMER, "--bootstrap-server", bootstrap, "--topic", topic, "--group-id", topic, "--max-messages",
                             "500", "--reset-policy", "earliest")
    try:
        producer = tools.process(VERIFIABLE_PRODUCER, "--bootstrap-server", bootstrap, "--topic", topic, "--max-messages", "500", "--acks", "-1")
        equal(0, producer.finish(60), "exit code of the producer")
        events = [json.loads(line) for line in producer.lines if line.startswith("{")]
        sent = [e for e in events if e["name"] == "producer_send_success"]
        equal([str(i) for i in range(500)], sorted((e["value"] for e in sent), key=int), "values acknowledged")
        consumer.finish(60)
    finally:
        consumer.kill()
    events = [json.loads(line) for line in consumer.lines if line.startswith("{")]
    equal(500, sum(e["count"] for e in events if e["name"] == "records_consumed"), "records consumed")
    commits = [e for e in events if e["name"] == "offsets_committed"]
    check(commits and all(e["success"] for e in commits), f"commits {commits[:3]}")
    check("partitions_assigned" in {e["name"] for e in events}, "no assignment")


def cluster(tools):
    text = tools.ask(API_VERSIONS)
    for api in ("Produce(0): 0 to 13", "Fetch(1): 4 to 18", "Metadata(3): 0 to 13", "ApiVersions(18): 0 to 4", "CreateTopics(19): 2 to 7"):
        contains(text, api, "API versions")
    unserved = 0 if tools.broker.name == "apache" else len(NOT_ANNOUNCED)
    equal(75 - unserved, text.count("[usable: "), "APIs")
    text = tools.ask(QUORUM, "describe", "--status")
    check(re.search(r"LeaderId: +1\nLeaderEpoch: +1\n", text), text)
    table = rows(tools.ask(QUORUM, "describe", "--replication"), "NodeId")
    equal(("1", "0", "Leader"), (table[0]["NodeId"], table[0]["Lag"], table[0]["Status"]), "replication of the metadata")
    contains(tools.call(CLUSTER, "cluster-id", "--bootstrap-server", tools.broker.bootstrap), "Cluster ID: 4L6g3nShT-eMCtK--X86sw", "cluster id")
    contains(tools.call(CLUSTER, "list-endpoints", "--bootstrap-server", tools.broker.bootstrap), str(tools.broker.port), "endpoints")
    text = tools.ask(FEATURES, "describe")
    check(re.search(r"metadata.version\s+SupportedMinVersion: 3.3-IV3\s+SupportedMaxVersion: 4.3-IV0\s+FinalizedVersionLevel: 4.3-IV0", text), text)
    check(re.search(r"group.version\s+SupportedMinVersion: 0\s+SupportedMaxVersion: 1\s+FinalizedVersionLevel: [01]", text), text)


def elections_and_groups(tools):
    topic = tools.topic("elections", 2)
    contains(tools.ask(LEADERS, "--election-type", "preferred", "--topic", topic, "--partition", 0), "Valid replica already elected", "election")
    tools.ask(GROUPS, "--list")


def reassignment(tools):
    topic = tools.topic("reassignment", 2)
    plan = tools.broker.directory / "plan.json"
    plan.write_text(json.dumps({"version": 1, "partitions": [{"topic": topic, "partition": 0, "replicas": [1], "log_dirs": ["any"]}]}))
    contains(tools.ask(REASSIGN, "--reassignment-json-file", plan, "--execute"), "Successfully started partition reassignment", "reassignment")
    contains(tools.ask(REASSIGN, "--reassignment-json-file", plan, "--verify"), f"Reassignment of partition {topic}-0 is completed", "verify")
    contains(tools.ask(REASSIGN, "--list"), "No partition reassignments found", "list")


def transactions(tools):
    tools.ask(TRANSACTIONS, "list")


def files(session, tools, broker):
    """What the broker left after a clean stop, as DumpLogSegments reads it. Run last: it stops the broker."""
    topic = tools.topic("files", 1, "segment.bytes=1048576", "index.interval.bytes=2000")
    tools.call(PRODUCER_PERFORMANCE, "--topic", topic, "--num-records", 6000, "--record-size", 500, "--throughput", -1,
               "--command-property", f"bootstrap.servers={broker.bootstrap}", "acks=all", "batch.size=4000")
    group = topic + ".group"
    tools.consume(topic, 100, "--from-beginning", "--group", group)
    broker.stop()
    directory = broker.data / f"{topic}-0"

    def dump(*args):
        return tools.call(DUMP, *args)

    def segments():
        logs = sorted(directory.glob("*.log"))
        check(len(logs) >= 3, f"segments: {[x.name for x in logs]}")
        text = dump("--deep-iteration", "--verify-index-only", "--files", ",".join(map(str, logs)))
        text = dump("--deep-iteration", "--files", ",".join(map(str, logs)))
        offsets = [int(x) for x in re.findall(r"^\| offset: (\d+)", text, re.M)]
        equal(list(range(6000)), offsets, "offsets of all records")
        check("isvalid: false" not in text, "a batch is not valid")
        bases = [int(x) for x in re.findall(r"^baseOffset: (\d+)", text, re.M)]
        starts = [int(log.stem) for log in logs]
        check(set(starts) <= set(bases), f"segments {starts} don't start with a batch")

    def indexes():
        for suffix in ("index", "timeindex"):
            paths = sorted(directory.glob(f"*.{suffix}"))
            equal(len(list(directory.glob("*.log"))), len(paths), f"number of .{suffix} files")
            text = dump("--index-sanity-check", "--files", ",".join(map(str, paths)))
            equal(len(paths), text.count("passed sanity check."), f"checks passed: {text}")
            text = dump("--files", ",".join(map(str, paths)))
            for fault in ("Mismatch", "not found", "Non-consecutive", "out of order", "Exception"):
                check(fault not in text, f".{suffix}: {text[-1500:]}")
            entries = re.findall(r"^(offset|timestamp): \d+", text, re.M)
            check(len(entries) >= (100 if suffix == "index" else 10), f"entries of .{suffix}: {len(entries)}")

    def snapshots():
        paths = sorted(directory.glob("*.snapshot"))
        check(paths and paths[-1].stem == "%020d" % 6000, f"snapshots: {[p.name for p in paths]}")
        text = dump("--files", paths[-1])
        check(re.search(r"producerId: \d+ producerEpoch: 0 coordinatorEpoch: -1 currentTxnFirstOffset: OptionalLong.empty lastTimestamp: \d+ "
                        r"firstSequence: \d+ lastSequence: 5999 lastOffset: 5999", text), text)

    def consumer_offsets():
        logs = sorted(broker.data.glob("__consumer_offsets-*/*.log"))
        equal(3, len(logs), "logs of __consumer_offsets")
        text = dump("--offsets-decoder", "--files", ",".join(map(str, logs)))
        lines = [line for line in text.splitlines() if f'"group":"{group}"' in line]
        commits = [line for line in lines if f'"topic":"{topic}"' in line]
        check(commits, f"no commit of {group} in\n{text[-2000:]}")
        contains(commits[-1], '"offset":100', "last commit")
        check(any('"protocolType":"consumer"' in line for line in lines), "no group metadata")

    def metadata():
        log = next(iter(sorted((broker.data / "__cluster_metadata-0").glob("*.log"))))
        text = dump("--cluster-metadata-decoder", "--files", log)
        for record in ("LeaderChange", "FEATURE_LEVEL_RECORD", "REGISTER_CONTROLLER_RECORD", "REGISTER_BROKER_RECORD", "TOPIC_RECORD",
                       "PARTITION_RECORD", "CONFIG_RECORD", "PRODUCER_IDS_RECORD", "BROKER_REGISTRATION_CHANGE_RECORD"):
            contains(text, record, "metadata log")
        contains(text, f'"TOPIC_RECORD","version":0,"data":{{"name":"{topic}"', "metadata log")
        for fault in ("isvalid: false", "Could not", "Exception"):
            check(fault not in text, f"metadata log: {fault}")
        for checkpoint in (broker.data / "__cluster_metadata-0").glob("*.checkpoint"):
            text = dump("--cluster-metadata-decoder", "--files", checkpoint)
            contains(text, "SnapshotHeader", checkpoint.name)
            contains(text, "SnapshotFooter", checkpoint.name)

    def small_files():
        meta = dict(line.split("=") for line in (broker.data / "meta.properties").read_text().splitlines() if "=" in line)
        equal({"version", "cluster.id", "node.id", "directory.id"}, set(meta), "keys of meta.properties")
        equal(("1", "1"), (meta["version"], meta["node.id"]), "meta.properties")
        shutdown = json.loads((broker.data / ".kafka_cleanshutdown").read_text())
        equal({"version", "brokerEpoch"}, set(shutdown), ".kafka_cleanshutdown")
        state = json.loads((broker.data / "__cluster_metadata-0/quorum-state").read_text())
        equal((1, 1), (state["leaderId"], state["data_version"]), "quorum-state")
        for name in ("recovery-point-offset-checkpoint", "replication-offset-checkpoint"):
            lines = (broker.data / name).read_text().splitlines()
            equal(("0", len(lines) - 2), (lines[0], int(lines[1])), name)
            check(f"{topic} 0 6000" in lines, f"{name}: {lines}")
        lines = (directory / "leader-epoch-checkpoint").read_text().splitlines()
        equal(["0", "1", "0 0"], lines, "leader-epoch-checkpoint")
        check(re.fullmatch(r"version: 0\ntopic_id: [A-Za-z0-9_-]{22}", (directory / "partition.metadata").read_text().strip()), "partition.metadata")

    for body in (segments, indexes, snapshots, consumer_offsets, metadata, small_files):
        session.run(f"files/{body.__name__}", body)


def run(session):
    scenarios = [topics, console, groups, configs, group_settings, offsets_and_records, log_dirs, performance, verifiable, cluster, elections_and_groups,
                 reassignment, transactions]
    wanted = [body for body in scenarios if session.wanted(f"tools/{body.__name__}")]
    names = ["segments", "indexes", "snapshots", "consumer_offsets", "metadata", "small_files"]
    dumped = any(session.wanted(f"files/{name}") for name in names)
    if not wanted and not dumped:
        return
    tools = None
    try:
        broker = session.new_broker("tools").start()
        tools = Tools(session, broker)
        for body in wanted:
            session.run(f"tools/{body.__name__}", lambda body=body: body(tools))
        if dumped:
            files(session, tools, broker)
    except Failure as failure:
        session.report.result("tools/the_broker_serves_the_tools", failure, 0)
    finally:
        if tools is not None:
            tools.close()
        if "broker" in locals() and broker.alive():
            broker.kill()
