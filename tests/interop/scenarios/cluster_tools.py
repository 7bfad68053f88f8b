"""Apache's command line tools on a cluster of three nodes, and on the files that it writes."""

import json
import re
import shutil

from harness.cluster import BOTH
from harness.scenario import check, contains, equal, eventually

from . import tools
from .cluster_ground import Ground

NAME = "tools"
SHELL = "org.apache.kafka.shell.MetadataShell"


def ground(session, name):
    # Snapshots of the metadata as soon as there is a little of it; checkpoints while somebody looks.
    soon = {"log.flush.offset.checkpoint.interval.ms": "2000", "replica.high.watermark.checkpoint.interval.ms": "2000"}
    return Ground(session, name, **{"metadata.log.max.record.bytes.between.snapshots": "8000", **soon})


def _on_controller(ground, name, *args, **options):
    return ground.tools.call(name, "--bootstrap-controller", ground.cluster.bootstrap_controllers, *args, **options)


def quorum(ground):
    status = ground.tools.ask(tools.QUORUM, "describe", "--status")
    told = ground.state.quorum()
    equal(str(told.leader), re.search(r"LeaderId:\s+(\d+)", status).group(1), "LeaderId")
    equal(str(told.epoch), re.search(r"LeaderEpoch:\s+(\d+)", status).group(1), "LeaderEpoch")
    check(int(re.search(r"HighWatermark:\s+(\d+)", status).group(1)) > 0, status)
    voters = re.search(r"CurrentVoters:\s+(.*)", status).group(1)
    equal({1, 2, 3}, {int(x) for x in re.findall(r'"id":\s*(\d+)', voters)} or set(json.loads(voters)), "CurrentVoters")
    rows = tools.rows(ground.tools.ask(tools.QUORUM, "describe", "--replication"), "NodeId")
    equal({"1", "2", "3"}, {row["NodeId"] for row in rows}, "nodes")
    equal(["Follower", "Follower", "Leader"], sorted(row["Status"] for row in rows), "status")
    check(all(int(row["Lag"]) < 100 for row in rows), f"lags: {rows}")
    contains(_on_controller(ground, tools.QUORUM, "describe", "--status"), "LeaderEpoch", "asked of the controllers")


def cluster(ground):
    contains(ground.tools.call(tools.CLUSTER, "cluster-id", "--bootstrap-server", ground.cluster.bootstrap), "4L6g3nShT-eMCtK--X86sw", "cluster id")
    text = ground.tools.call(tools.CLUSTER, "list-endpoints", "--bootstrap-server", ground.cluster.bootstrap)
    for node in ground.nodes.values():
        check(re.search(rf"^{node.node_id}\s+{re.escape(node.host)}\s+{node.port}\b", text, re.M), f"node {node.node_id} is not among\n{text}")
    text = ground.tools.call(tools.CLUSTER, "list-endpoints", "--bootstrap-controller", ground.cluster.bootstrap_controllers)
    for node in ground.nodes.values():
        check(re.search(rf"^{node.node_id}\s+{re.escape(node.host)}\s+{node.controller_port}\b", text, re.M), f"controller {node.node_id} is not among\n{text}")


def features(ground):
    def levels(text):
        return dict(re.findall(r"Feature: (\S+).*FinalizedVersionLevel: (\S+)", text))

    before = levels(ground.tools.ask(tools.FEATURES, "describe"))
    equal(("4.3-IV0", "0", "0"), (before["metadata.version"], before.get("group.version", "0"), before.get("transaction.version", "0")), "levels")
    equal("1" if ground.cluster.voters == "dynamic" else "0", before.get("kraft.version", "0"), "kraft.version")
    contains(ground.tools.ask(tools.FEATURES, "upgrade", "--feature", "group.version=99", ok=False), "group.version", "a level that nobody knows")
    elr = "eligible.leader.replicas.version"
    ground.tools.ask(tools.FEATURES, "downgrade", "--feature", f"{elr}=0")
    eventually(lambda: levels(ground.tools.ask(tools.FEATURES, "describe")).get(elr, "0") == "0", "the feature is off")
    ground.tools.ask(tools.FEATURES, "upgrade", "--feature", f"{elr}=1")
    eventually(lambda: levels(ground.tools.ask(tools.FEATURES, "describe")).get(elr) == "1", "the feature is on")
    contains(_on_controller(ground, tools.FEATURES, "describe"), "metadata.version", "asked of the controllers")


def _plan(ground, topic, moves, log_dirs=False):
    path = ground.directory / f"{topic}.plan.json"
    path.write_text(json.dumps({"version": 1, "partitions": [
        {"topic": topic, "partition": p, "replicas": ids, **({"log_dirs": ["any"] * len(ids)} if log_dirs else {})} for p, ids in moves.items()]}))
    return path


def _filled(ground, hint, assignment, megabytes=0, **configs):
    topic = f"{hint}.assigned"
    ground.state.create_topic(topic, 0, assignment=assignment, configs=configs)
    ground.cluster.await_whole(topic)
    if megabytes:
        ground.tools.call(tools.PRODUCER_PERFORMANCE, "--topic", topic, "--num-records", megabytes * 1000, "--record-size", 1000, "--throughput", -1,
                          "--command-property", f"bootstrap.servers={ground.cluster.bootstrap}", "acks=all")
    return topic


def reassignment(ground):
    """Two replicas become two others, three and one."""
    topic = _filled(ground, "moved", {0: [1, 2], 1: [3, 1], 2: [3, 2]}, 3)
    text = ground.tools.ask(tools.REASSIGN, "--topics-to-move-json-file", _topics(ground, topic), "--broker-list", "1,2,3", "--generate")
    contains(text, "Proposed partition reassignment configuration", "generate")
    moves = {0: [3, 2], 1: [3, 1, 2], 2: [2]}
    plan = _plan(ground, topic, moves, log_dirs=True)
    contains(ground.tools.ask(tools.REASSIGN, "--reassignment-json-file", plan, "--execute"), "Successfully started partition reassignments", "execute")
    done = [f"Reassignment of partition {topic}-{p} is completed." for p in moves]
    eventually(lambda: all(line in ground.tools.ask(tools.REASSIGN, "--reassignment-json-file", plan, "--verify") for line in done), "completed", 60, 1)
    contains(ground.tools.ask(tools.REASSIGN, "--list"), "No partition reassignments found", "list")
    equal(moves, {i: p.replicas for i, p in ground.state.partitions(topic).items()}, "replicas")
    ground.cluster.await_whole(topic)
    for partition in moves:
        ground.check_replicas(topic, partition)
    for partition, gone in {0: 1, 2: 3}.items():
        path = ground.nodes[gone].data / f"{topic}-{partition}"
        eventually(lambda p=path: not p.exists(), f"{path.name} leaves node {gone}", 30)


def _topics(ground, *names):
    path = ground.directory / f"{names[0]}.topics.json"
    path.write_text(json.dumps({"version": 1, "topics": [{"topic": name} for name in names]}))
    return path


def throttled_and_cancelled(ground):
    """A throttle holds a reassignment back until it is cancelled; nothing of it is left."""
    topic = _filled(ground, "throttled", {0: [1]}, 6)
    plan = _plan(ground, topic, {0: [2, 3]})
    text = ground.tools.ask(tools.REASSIGN, "--reassignment-json-file", plan, "--execute", "--throttle", 1000)
    contains(text, "throttle limit was set to 1000 B/s", "throttle")
    contains(ground.tools.ask(tools.CONFIG, "--entity-type", "brokers", "--entity-name", "1", "--describe"), "leader.replication.throttled.rate=1000",
             "the leader's rate")
    contains(ground.tools.ask(tools.CONFIG, "--entity-type", "topics", "--entity-name", topic, "--describe"), "follower.replication.throttled.replicas=",
             "the followers")
    text = ground.tools.ask(tools.REASSIGN, "--list")
    check(re.search(rf"{topic}-0: replicas: [\d,]+\. adding: 2,3\. removing: 1\.", text), text)
    contains(ground.tools.ask(tools.REASSIGN, "--reassignment-json-file", plan, "--verify"), "is still in progress", "verify")
    contains(ground.tools.ask(tools.REASSIGN, "--reassignment-json-file", plan, "--cancel"), "Successfully cancelled partition reassignment", "cancel")
    eventually(lambda: ground.state.partitions(topic)[0].replicas == [1], "the old replicas")
    contains(ground.tools.ask(tools.REASSIGN, "--list"), "No partition reassignments found", "list")
    check("throttled.rate" not in ground.tools.ask(tools.CONFIG, "--entity-type", "brokers", "--entity-name", "1", "--describe"), "a throttle is left")
    for node_id in (2, 3):
        path = ground.nodes[node_id].data / f"{topic}-0"
        eventually(lambda p=path: not p.exists(), f"{path.name} leaves node {node_id}", 30)
    plan = _plan(ground, topic, {0: [2, 3]})
    ground.tools.ask(tools.REASSIGN, "--reassignment-json-file", plan, "--execute")
    eventually(lambda: ground.state.partitions(topic)[0].replicas == [2, 3], "moved without a throttle", 30)
    ground.cluster.await_whole(topic)
    ground.check_replicas(topic, 0)


def elections(ground):
    topic = _filled(ground, "elected", {0: [1, 2, 3], 1: [2, 3, 1], 2: [3, 1, 2]})
    ground.cluster.restart(ground.nodes[2])
    ground.cluster.await_whole(topic)
    check(ground.state.partitions(topic)[1].leader != 2, "node 2 leads again unasked")
    text = ground.tools.ask(tools.LEADERS, "--election-type", "preferred", "--topic", topic, "--partition", 1)
    contains(text, f"Successfully completed leader election (PREFERRED) for partitions {topic}-1", "election")
    eventually(lambda: ground.state.partitions(topic)[1].leader == 2, "node 2 leads")
    ground.tools.ask(tools.LEADERS, "--election-type", "preferred", "--all-topic-partitions")
    eventually(lambda: {i: p.leader for i, p in ground.state.partitions(topic).items()} == {0: 1, 1: 2, 2: 3}, "the preferred leaders")


def unclean_election(ground):
    """The only replica in sync dies: the partition is without leader until somebody asks for the other one."""
    topic = _filled(ground, "unclean", {0: [2, 3]}, **{"min.insync.replicas": 1})
    controller = ground.state.active_controller().node_id
    if controller in (2, 3):
        plan = _plan(ground, topic, {0: [i for i in (1, 2, 3) if i != controller]})
        ground.tools.ask(tools.REASSIGN, "--reassignment-json-file", plan, "--execute")
        eventually(lambda: controller not in ground.state.partitions(topic)[0].replicas, "replicas beside the controller", 30)
        ground.cluster.await_whole(topic)
    first, last = (ground.nodes[i] for i in ground.state.partitions(topic)[0].replicas)
    ground.tools.produce(topic, ["k:kept"])
    first.kill()
    eventually(lambda: ground.state.partitions(topic)[0].isr == [last.node_id], "one in sync")
    ground.tools.produce(topic, ["k:known to the last alone"])
    last.kill()  # the quorum is gone with two of three, until the first is back
    first.start()
    eventually(lambda: ground.state.partitions(topic)[0].leader == -1, "no leader")
    ground.tools.ask(tools.LEADERS, "--election-type", "unclean", "--topic", topic, "--partition", 0)
    eventually(lambda: ground.state.partitions(topic)[0].leader == first.node_id, "the other one leads")
    ground.tools.produce(topic, ["k:after"])
    last.start()
    ground.cluster.await_whole(topic)
    equal(["k:kept", "k:after"], ground.tools.consume(topic, 2, "--from-beginning"), "what is left")
    ground.check_replicas(topic, 0)


def log_dirs_and_topics(ground):
    topic = _filled(ground, "described", {0: [3, 1, 2], 1: [1, 2, 3]}, 1)
    text = ground.tools.ask(tools.TOPIC, "--describe", "--topic", topic)
    check(re.search(r"Partition: 0\tLeader: 3\tReplicas: 3,1,2\tIsr: 3,1,2\tElr: \tLastKnownElr: ", text), text)
    ground.tools.ask(tools.TOPIC, "--alter", "--topic", topic, "--partitions", 4)
    ground.cluster.await_whole(topic)
    text = ground.tools.ask(tools.LOG_DIRS, "--describe", "--topic-list", topic)
    told = json.loads(next(line for line in text.splitlines() if line.startswith("{")))
    equal({1, 2, 3}, {broker["broker"] for broker in told["brokers"]}, "brokers")
    sizes = {(broker["broker"], int(p["partition"].rpartition("-")[2])): p["size"] for broker in told["brokers"] for d in broker["logDirs"] for p in d["partitions"]}
    equal(12, len(sizes), "replicas")
    for partition in range(4):
        equal(1, len({sizes[node, partition] for node in (1, 2, 3)}), f"sizes of partition {partition}")
    check(topic not in ground.tools.ask(tools.TOPIC, "--describe", "--under-replicated-partitions"), "under-replicated")
    ground.tools.ask(tools.TOPIC, "--delete", "--topic", topic)
    for node in ground.nodes.values():
        eventually(lambda n=node: not list(n.data.glob(f"{topic}-*")), f"the topic's folders leave node {node.node_id}", 30)


def _dump(ground, node, what, *args):
    text = ground.tools.call(tools.DUMP, *args, timeout_s=120)
    for fault in ("isvalid: false", "Could not", "Exception", "Mismatch", "out of order"):
        check(fault not in text, f"{what} of node {node.node_id} ({node.kind}): {fault}\n{text[-1500:]}")
    return text


def dumped_files(ground):
    """All log files of all nodes, while they run; the cluster's metadata, and its snapshots."""
    topic = _filled(ground, "dumped", {0: [1, 2, 3]}, 3, **{"segment.bytes": 1048576})
    group = ground.topic("group", 1)
    ground.tools.produce(group, ["k:v"])
    ground.tools.consume(group, 1, "--from-beginning", "--group", group)
    for node in ground.nodes.values():
        copied = ground.directory / f"copy-{node.node_id}"
        shutil.copytree(node.data, copied, ignore=lambda _, names: [name for name in names if name.endswith((".lock", ".deleted", ".tmp"))])
        logs = sorted(copied.glob(f"{topic}-0/*.log"))
        check(len(logs) >= 2, f"segments on node {node.node_id}: {logs}")
        text = _dump(ground, node, "segments", "--deep-iteration", "--files", ",".join(map(str, logs)))
        equal(list(range(3000)), [int(x) for x in re.findall(r"^\| offset: (\d+)", text, re.M)], f"offsets on node {node.node_id}")
        _dump(ground, node, "indexes", "--index-sanity-check", "--files", ",".join(str(p.with_suffix(".index")) for p in logs))
        _dump(ground, node, "time indexes", "--files", ",".join(str(p.with_suffix(".timeindex")) for p in logs))
        offsets = ",".join(map(str, sorted(copied.glob("__consumer_offsets-*/*.log"))))
        contains(_dump(ground, node, "offsets", "--offsets-decoder", "--files", offsets), f'"group":"{group}"', "committed offsets")
        _check_metadata_dump(ground, node, copied / "__cluster_metadata-0", topic)
        for name in ("recovery-point-offset-checkpoint", "replication-offset-checkpoint"):
            eventually((node.data / name).exists, f"{name} of node {node.node_id}", 30)
        shutil.rmtree(copied)
    # When epochs reach their file is each broker's own matter; after a clean stop they are there.
    node = ground.nodes[1]
    node.stop()
    epochs = (node.data / f"{topic}-0/leader-epoch-checkpoint").read_text().splitlines()
    equal(["0", "1", "0 0"], epochs, f"leader-epoch-checkpoint on node {node.node_id}")
    node.start()
    ground.cluster.await_brokers()
    ground.cluster.await_whole()


def _check_metadata_dump(ground, node, directory, topic):
    text = ""
    for path in [*sorted(directory.glob("*.log")), *sorted(directory.glob("*.checkpoint"))]:
        part = _dump(ground, node, path.name, "--cluster-metadata-decoder", "--files", path)
        if path.suffix == ".checkpoint":
            contains(part, "SnapshotHeader", path.name)
            contains(part, "SnapshotFooter", path.name)
        text += part
    for record in ("FEATURE_LEVEL_RECORD", "REGISTER_CONTROLLER_RECORD", "REGISTER_BROKER_RECORD", "PARTITION_RECORD", f'"name":"{topic}"'):
        contains(text, record, f"metadata of node {node.node_id}")


def metadata_shell(ground):
    """The shell reads each node's newest snapshot."""
    topic = ground.topic("shell", 3)
    known = ground.state.quorum().high_watermark
    for i in range(60):
        ground.state.create_topic(f"filler-{i}", 2)
    for node in ground.nodes.values():
        def snapshots(node=node):
            return [p for p in sorted((node.data / "__cluster_metadata-0").glob("*.checkpoint")) if int(p.name[:20]) >= known]
        path = eventually(snapshots, f"a snapshot on node {node.node_id}", 30)[-1]
        copied = ground.directory / f"shell-{node.node_id}" / "__cluster_metadata-0" / path.name
        copied.parent.mkdir(parents=True)
        shutil.copy(path, copied)
        # Apache's shell answers at times before it has read everything.
        eventually(lambda c=copied: topic in _shell(ground, c, "ls", "/image/topics/byName"), f"topics in {path.name} of node {node.node_id}", 90)
        eventually(lambda c=copied: _shell(ground, c, "ls", "/image/cluster/brokers") == ["1", "2", "3"], f"brokers in {path.name} of node {node.node_id}", 90)


def _shell(ground, snapshot, *command):
    return ground.tools.apart(SHELL, "--snapshot", snapshot, *command).split()


def unregister(ground):
    """A broker that won't come back is taken out of the cluster."""
    ground.state.quorum()
    node = ground.cluster.add(4, ground.nodes[3].kind, "broker")
    node.start()
    ground.cluster.await_brokers()
    node.stop()
    eventually(lambda: ground.state.brokers() == {1, 2, 3}, "the broker is fenced")
    ground.tools.call(tools.CLUSTER, "unregister", "--bootstrap-server", ground.cluster.bootstrap, "--id", 4)
    del ground.nodes[4]
    node.close()
    text = ground.tools.call(tools.CLUSTER, "list-endpoints", "--bootstrap-server", ground.cluster.bootstrap, "--include-fenced-brokers")
    check(not re.search(r"^4\s", text, re.M), text)


def voters_change(session):
    """A dynamic quorum: a voter is added, the active controller is removed, under load."""
    with Ground(session, "voters", {i: (session.nodes[i - 1], BOTH) for i in (1, 2, 3)}, "dynamic") as ground:
        topic = ground.topic("voted", 3)
        ground.load(topic)
        node = ground.cluster.add(4, session.nodes[0], BOTH).start()
        ground.cluster.await_brokers()
        eventually(lambda: 4 in ground.state.quorum().observers, "the new node observes")
        ground.tools.call(tools.QUORUM, "--bootstrap-server", ground.cluster.bootstrap, "--command-config", node.directory / "server.properties",
                          "add-controller", timeout_s=90)
        eventually(lambda: set(ground.state.quorum().voters) == {1, 2, 3, 4}, "four voters", 30)
        leader = ground.state.active_controller()
        ground.tools.ask(tools.QUORUM, "remove-controller", "--controller-id", leader.node_id, "--controller-directory-id",
                         _directory_id(leader), timeout_s=90)
        eventually(lambda: set(ground.state.quorum().voters) == {1, 2, 3, 4} - {leader.node_id}, "three voters", 30)
        check(ground.state.quorum().leader != leader.node_id, "it still leads")
        ground.progress("with other voters")
        ground.state.active_controller().kill()
        ground.progress("without their first leader", 90)
        for dead in ground.nodes.values():
            if not dead.alive():
                dead.start()
        equal([], ground.settle(topic), "refused records")


def _directory_id(node):
    return re.search(r"^directory.id=(.*)$", (node.data / "meta.properties").read_text(), re.M).group(1)


SHARED = [quorum, cluster, features, reassignment, throttled_and_cancelled, elections, unclean_election, log_dirs_and_topics, dumped_files,
          metadata_shell, unregister]
ALONE = [voters_change]
