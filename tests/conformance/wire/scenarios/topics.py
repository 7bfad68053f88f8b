"""Topics, their settings, and what administrators ask of a cluster."""

import struct

from .asking import UNKNOWN_ID, scenario
from .produce import one, produce


def _create(t, version, *topics, **more):
    return t.ask("CreateTopics", version, timeoutMs=10000, topics=list(topics), **more)


@scenario
def create_topics_refusals(t):
    for version in t.versions("CreateTopics"):
        for name in ("", ".", "..", "a b", "ü", "a/b", "x" * 250, "__consumer_offsets"):
            _create(t, version, {"name": name, "numPartitions": 1, "replicationFactor": 1}, validateOnly=True)
        _create(t, version, {"name": "refused", "numPartitions": 0, "replicationFactor": 1})
        _create(t, version, {"name": "refused", "numPartitions": -5, "replicationFactor": 1})
        _create(t, version, {"name": "refused", "numPartitions": 1, "replicationFactor": 3})
        _create(t, version, {"name": "refused", "numPartitions": 1, "replicationFactor": 0})
        _create(t, version, {"name": "refused", "numPartitions": 1, "replicationFactor": -7})
    a, b = ({"name": "twice", "numPartitions": 1, "replicationFactor": 1},) * 2
    t.note("the same name twice in one request")
    _create(t, 7, a, b)


@scenario
def create_topics_assignments(t):
    def assign(*assignments, **more):
        _create(t, 7, {"name": "assigned", "numPartitions": -1, "replicationFactor": -1, "assignments": [
            {"partitionIndex": p, "brokerIds": list(ids)} for p, ids in assignments], **more}, validateOnly=True)

    assign((0, [1]), (1, [1]))
    assign((0, [1]), (2, [1]))
    assign((1, [1]))
    assign((0, [1]), (0, [1]))
    assign((0, [1, 1]))
    assign((0, [2]))
    assign((0, []))
    assign((0, [1]), numPartitions=1)
    assign((0, [1]), replicationFactor=1)
    assign((-1, [1]))


@scenario
def create_topics_configs(t):
    bad = {"no.such.config": "1", "retention.ms": "soon", "cleanup.policy": "shred", "segment.bytes": "-1", "min.insync.replicas": "0",
           "compression.type": "rar", "max.message.bytes": "-2", "segment.ms": "0", "message.timestamp.type": "Never", "min.cleanable.dirty.ratio": "2",
           "retention.bytes": "x", "unclean.leader.election.enable": "maybe", "compression.gzip.level": "77", "cleanup.policy ": "delete",
           "follower.replication.throttled.replicas": "zero", "segment.index.bytes": "1", "flush.messages": "0", "local.retention.ms": "99999999999"}
    for name, value in bad.items():
        _create(t, 7, {"name": "configured", "numPartitions": 1, "replicationFactor": 1, "configs": [{"name": name, "value": value}]}, validateOnly=True)
    _create(t, 7, {"name": "configured", "numPartitions": 1, "replicationFactor": 1, "configs": [{"name": "retention.ms", "value": None}]}, validateOnly=True)
    _create(t, 7, {"name": "configured", "numPartitions": 1, "replicationFactor": 1, "configs": [
        {"name": "retention.ms", "value": "1"}, {"name": "cleanup.policy", "value": "compact,delete"}]}, validateOnly=True)


@scenario
def create_topics_life(t):
    for version in t.versions("CreateTopics"):
        name = f"life.{version}"
        partitions = -1 if version >= 4 else 2
        topic = {"name": name, "numPartitions": partitions, "replicationFactor": 1, "configs": [{"name": "retention.ms", "value": "1234567"}]}
        _create(t, version, topic, validateOnly=True)
        _create(t, version, topic)
        _create(t, version, topic)
        t.settle("Metadata", 9, lambda a: a["topics"][0]["errorCode"] == 0, topics=[{"name": name}], allowAutoTopicCreation=False)
        if version >= 6:
            continue
        t.ask("DeleteTopics", version, topicNames=[name, "none"], timeoutMs=10000)


@scenario
def create_topics_that_collide(t):
    t.topic("collide.a_b")
    _create(t, 7, {"name": "collide_a.b", "numPartitions": 1, "replicationFactor": 1}, validateOnly=True)
    _create(t, 7, {"name": "collide.a_b", "numPartitions": 1, "replicationFactor": 1})


@scenario
def delete_topics(t):
    t.ask("DeleteTopics", 5, topicNames=["none"], timeoutMs=10000)
    t.ask("DeleteTopics", 6, topics=[{"name": "none"}], timeoutMs=10000)
    t.ask("DeleteTopics", 6, topics=[{"name": None, "topicId": UNKNOWN_ID}], timeoutMs=10000)
    t.ask("DeleteTopics", 6, topics=[{"name": None}], timeoutMs=10000)
    topic_id = t.topic("deleted")
    t.ask("DeleteTopics", 6, topics=[{"name": "deleted", "topicId": topic_id}], timeoutMs=10000)
    t.ask("DeleteTopics", 6, topics=[{"name": "deleted"}, {"name": "deleted"}], timeoutMs=10000)
    t.ask("DeleteTopics", 6, topics=[{"name": None, "topicId": topic_id}], timeoutMs=10000)
    t.ask("DeleteTopics", 6, topics=[{"name": None, "topicId": topic_id}], timeoutMs=10000)
    t.ask("DeleteTopics", 6, topics=[], timeoutMs=10000)


@scenario
def create_partitions(t):
    t.topic("grown", 2)

    def grow(count, name="grown", assignments=None, version=3, validate=True):
        t.ask("CreatePartitions", version, timeoutMs=10000, validateOnly=validate, topics=[{"name": name, "count": count, "assignments": assignments}])

    for count in (-1, 0, 1, 2, 3, 100_000):
        grow(count)
    grow(3, name="none")
    grow(4, assignments=[{"brokerIds": [1]}])
    grow(4, assignments=[{"brokerIds": [1]}, {"brokerIds": [1]}])
    grow(4, assignments=[{"brokerIds": [1]}, {"brokerIds": [5]}])
    grow(4, assignments=[{"brokerIds": [1]}, {"brokerIds": []}])
    t.ask("CreatePartitions", 3, timeoutMs=10000, topics=[{"name": "grown", "count": 3}, {"name": "grown", "count": 4}])
    for version in t.versions("CreatePartitions"):
        grow(3 + version, version=version, validate=False)


@scenario
def describe_topic_configs(t):
    t.topic("described", configs=[("retention.ms", "777"), ("cleanup.policy", "compact")])
    for version in t.versions("DescribeConfigs"):
        t.ask("DescribeConfigs", version, resources=[{"resourceType": 2, "resourceName": "described", "configurationKeys": ["retention.ms", "cleanup.policy",
              "segment.bytes", "no.such.config"]}], includeSynonyms=True)
    t.note("all of them, with documentation")
    t.ask("DescribeConfigs", 4, resources=[{"resourceType": 2, "resourceName": "described", "configurationKeys": None}], includeSynonyms=True, includeDocumentation=True)
    t.note("an empty list of names")
    t.ask("DescribeConfigs", 4, resources=[{"resourceType": 2, "resourceName": "described", "configurationKeys": []}])


@scenario
def describe_configs_refusals(t):
    for kind, name in ((2, "none"), (2, ""), (2, "a b"), (4, "7"), (4, "x"), (8, "1"), (8, "x"), (8, ""), (0, "x"), (99, "x"), (16, "none"), (32, "none"), (32, "")):
        t.ask("DescribeConfigs", 4, resources=[{"resourceType": kind, "resourceName": name, "configurationKeys": ["segment.bytes"]}])


@scenario
def describe_broker_configs(t):
    keys = ["node.id", "num.partitions", "log.segment.bytes", "log.retention.hours", "log.retention.ms", "message.max.bytes", "compression.type",
            "num.network.threads", "auto.create.topics.enable", "log.cleaner.threads", "no.such.config"]
    for name in ("1", ""):
        t.ask("DescribeConfigs", 4, resources=[{"resourceType": 4, "resourceName": name, "configurationKeys": keys}], includeSynonyms=True)


@scenario
def describe_all_broker_configs(t):
    """Every config of the broker: name, type, source, flags, documentation; the values that this run chose are left out."""
    answer = t.ask("DescribeConfigs", 4, quiet=True, resources=[{"resourceType": 4, "resourceName": "1", "configurationKeys": None}], includeSynonyms=True,
                   includeDocumentation=True)
    chosen = {"listeners", "advertised.listeners", "controller.quorum.bootstrap.servers", "log.dirs", "log.dir"}
    for config in sorted(answer["results"][0]["configs"], key=lambda c: c["name"]):
        if config["name"] in chosen:
            config["value"] = config["synonyms"] = "<chosen>"
        config["documentation"] = "<text>" if config["documentation"] else config["documentation"]
        t.lines.append(str(config))


@scenario
def incremental_alter_configs(t):
    t.topic("altered")

    def alter(name, operation, value, kind=2, resource="altered", validate=True, version=1):
        t.ask("IncrementalAlterConfigs", version, validateOnly=validate, resources=[{"resourceType": kind, "resourceName": resource, "configs": [
            {"name": name, "configOperation": operation, "value": value}]}])

    alter("retention.ms", 0, "5")
    alter("retention.ms", 0, "x")
    alter("retention.ms", 0, None)
    alter("retention.ms", 2, "5")
    alter("cleanup.policy", 2, "compact")
    alter("cleanup.policy", 3, "delete")
    alter("cleanup.policy", 2, "shred")
    alter("cleanup.policy", 9, "compact")
    alter("no.such.config", 0, "1")
    alter("no.such.config", 1, None)
    alter("retention.ms", 0, "5", resource="none")
    alter("retention.ms", 0, "5", resource="")
    alter("node.id", 0, "5", kind=4, resource="1")
    alter("log.cleaner.threads", 0, "5", kind=4, resource="9")
    alter("log.cleaner.threads", 0, "zero", kind=4, resource="1")
    alter("no.such.config", 0, "5", kind=4, resource="1")
    alter("listeners", 0, "PLAINTEXT://:1", kind=4, resource="")
    alter("x", 0, "5", kind=99, resource="1")
    alter("org.x", 0, "INFO", kind=8, resource="1")
    for version in t.versions("IncrementalAlterConfigs"):
        alter("retention.ms", 0, f"{version + 5}", validate=False, version=version)
    t.ask("IncrementalAlterConfigs", 1, resources=[{"resourceType": 2, "resourceName": "altered", "configs": [
        {"name": "retention.ms", "configOperation": 0, "value": "1"}, {"name": "retention.ms", "configOperation": 1, "value": None}]}])


@scenario
def alter_configs(t):
    t.topic("altered.old", configs=[("retention.ms", "5")])
    for version in t.versions("AlterConfigs"):
        t.ask("AlterConfigs", version, resources=[{"resourceType": 2, "resourceName": "altered.old", "configs": [{"name": "segment.bytes", "value": "2000000"}]}])
        t.ask("AlterConfigs", version, resources=[{"resourceType": 2, "resourceName": "altered.old", "configs": [{"name": "segment.bytes", "value": "x"}]}])
        t.ask("AlterConfigs", version, resources=[{"resourceType": 2, "resourceName": "none", "configs": []}])


@scenario
def delete_records(t):
    t.topic("cut", 2)
    for _ in range(3):
        produce(t, 9, "cut", None, one(t))
    for version in t.versions("DeleteRecords"):
        for offset in (1, 0, 4, -2, -1):
            t.ask("DeleteRecords", version, timeoutMs=5000, topics=[{"name": "cut", "partitions": [{"partitionIndex": 0, "offset": offset}]}])
        t.ask("DeleteRecords", version, timeoutMs=5000, topics=[{"name": "cut", "partitions": [{"partitionIndex": 8, "offset": 0}]}])
        t.ask("DeleteRecords", version, timeoutMs=5000, topics=[{"name": "none", "partitions": [{"partitionIndex": 0, "offset": 0}]}])
    t.topic("cut.compacted", configs=[("cleanup.policy", "compact")])
    t.ask("DeleteRecords", 2, timeoutMs=5000, topics=[{"name": "cut.compacted", "partitions": [{"partitionIndex": 0, "offset": 0}]}])


@scenario
def describe_log_dirs(t):
    t.topic("dirs")
    produce(t, 9, "dirs", None, one(t))
    for version in t.versions("DescribeLogDirs"):
        t.ask("DescribeLogDirs", version, topics=[{"topic": "dirs", "partitions": [0, 7]}])
    t.ask("DescribeLogDirs", 4, topics=[])


@scenario
def elect_leaders(t):
    t.topic("elected")
    for version in t.versions("ElectLeaders"):
        for kind in (0, 1):
            t.ask("ElectLeaders", version, electionType=kind, timeoutMs=5000, topicPartitions=[{"topic": "elected", "partitions": [0, 9]}, {"topic": "none", "partitions": [0]}])
    t.ask("ElectLeaders", 2, electionType=5, timeoutMs=5000, topicPartitions=[{"topic": "elected", "partitions": [0]}])
    t.note("all partitions: those that need no election are left out")
    answer = t.ask("ElectLeaders", 2, electionType=0, timeoutMs=5000, topicPartitions=None, hide=("replicaElectionResults",))
    results = {r["topic"]: r["partitionResult"] for r in answer["replicaElectionResults"]}
    t.note(f"of this topic: {results.get('elected')}, of all: {[r for r in results.values() if r]}")


@scenario
def reassignments(t):
    t.topic("moved")

    def move(replicas, topic="moved", partition=0):
        t.ask("AlterPartitionReassignments", 0, timeoutMs=5000, topics=[{"name": topic, "partitions": [{"partitionIndex": partition, "replicas": replicas}]}])

    for replicas in ([1], [], [1, 1], [9], [-1], None):
        move(replicas)
    move([1], topic="none")
    move([1], partition=5)
    t.ask("ListPartitionReassignments", 0, timeoutMs=5000, topics=None)
    t.ask("ListPartitionReassignments", 0, timeoutMs=5000, topics=[{"name": "moved", "partitionIndexes": [0, 5]}, {"name": "none", "partitionIndexes": [0]}])


@scenario
def quotas_and_users(t):
    t.ask("DescribeClientQuotas", 1, components=[], strict=False)
    t.ask("DescribeClientQuotas", 1, components=[{"entityType": "planet", "matchType": 0, "match": "x"}])
    t.ask("AlterClientQuotas", 1, entries=[{"entity": [{"entityType": "user", "entityName": "u"}], "ops": [{"key": "no_such", "value": 1.0}]}], validateOnly=True)
    t.ask("AlterClientQuotas", 1, entries=[{"entity": [], "ops": [{"key": "producer_byte_rate", "value": 1.0}]}], validateOnly=True)
    t.ask("AlterClientQuotas", 1, entries=[{"entity": [{"entityType": "user", "entityName": "u"}], "ops": [{"key": "producer_byte_rate", "value": -1.0}]}], validateOnly=True)
    t.ask("DescribeUserScramCredentials", 0, users=[{"name": "nobody"}])
    t.ask("DescribeUserScramCredentials", 0, users=None)
    t.ask("AlterUserScramCredentials", 0, deletions=[{"name": "nobody", "mechanism": 1}], upsertions=[])
    t.ask("DescribeAcls", 3, resourceTypeFilter=1, patternTypeFilter=1, operation=1, permissionType=1, resourceNameFilter=None, principalFilter=None, hostFilter=None)
    t.ask("CreateAcls", 3, creations=[{"resourceType": 2, "resourceName": "x", "resourcePatternType": 3, "principal": "User:u", "host": "*", "operation": 3, "permissionType": 3}])
    t.ask("DescribeDelegationToken", 3, owners=None)


@scenario
def features_and_quorum(t):
    t.ask("UpdateFeatures", 1, timeoutMs=5000, featureUpdates=[{"feature": "metadata.version", "maxVersionLevel": 99, "upgradeType": 1}], validateOnly=True)
    t.ask("UpdateFeatures", 1, timeoutMs=5000, featureUpdates=[{"feature": "no.such", "maxVersionLevel": 1, "upgradeType": 1}], validateOnly=True)
    t.ask("UpdateFeatures", 1, timeoutMs=5000, featureUpdates=[{"feature": "metadata.version", "maxVersionLevel": 29, "upgradeType": 1}], validateOnly=True)
    t.ask("UpdateFeatures", 2, timeoutMs=5000, featureUpdates=[{"feature": "group.version", "maxVersionLevel": 1, "upgradeType": 1}], validateOnly=True)
    for version in t.versions("DescribeQuorum"):
        t.ask("DescribeQuorum", version, hide=("logEndOffset", "highWatermark", "leaderEpoch"), topics=[{"topicName": "__cluster_metadata", "partitions": [{"partitionIndex": 0}]}])
    t.ask("DescribeQuorum", 2, topics=[{"topicName": "other", "partitions": [{"partitionIndex": 0}]}])


@scenario
def sasl_on_a_plaintext_listener(t):
    t.ask("SaslHandshake", 1, mechanism="PLAIN")
    t.ask("SaslAuthenticate", 2, authBytes=b"\0u\0p")


@scenario
def controller_only_apis_on_the_broker_listener(t):
    for key, version in ((52, 0), (53, 0), (54, 0), (56, 2), (58, 0), (59, 0), (62, 0), (63, 0), (67, 0), (70, 0), (73, 0), (82, 0)):
        t.raw(f"API {key} version {version}", struct.pack(">hhih", key, version, 7, -1) + b"\0" * 40)
