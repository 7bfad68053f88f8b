"""What is asked. Each function gets a Transcript; what it writes down is compared with Apache Kafka's answers."""

import struct

from harness import wire

ALL = []
ZERO = "0" * 32
UNKNOWN_ID = "f" * 31 + "1"


def scenario(body):
    ALL.append((body.__name__, body))
    return body


# Connections and versions


@scenario
def api_versions(t):
    for version in t.versions("ApiVersions"):
        t.ask("ApiVersions", version, clientSoftwareName="wire", clientSoftwareVersion="1.0")


@scenario
def api_versions_unknown_version(t):
    for version in (5, 99, 32767):
        t.raw(f"ApiVersions {version}, body of version 3", struct.pack(">hhih", 18, version, 7, 1) + b"w" + b"\0" + b"\x05wire\x041.0\0")
    t.raw("ApiVersions -1", struct.pack(">hhih", 18, -1, 7, -1))
    t.note("the connection still serves")
    t.ask("ApiVersions", 0)


@scenario
def api_versions_bad_software_name(t):
    t.ask("ApiVersions", 3, clientSoftwareName="", clientSoftwareVersion="1.0")
    t.ask("ApiVersions", 3, clientSoftwareName="a b", clientSoftwareVersion="1.0")
    t.ask("ApiVersions", 4, clientSoftwareName="ok", clientSoftwareVersion="$")


@scenario
def unsupported_versions_of_other_apis(t):
    for key, version in ((0, 99), (0, 2), (3, 14), (1, 3), (19, 1), (19, 8), (10, 7), (4, 0), (999, 0), (-1, 0)):
        t.raw(f"API {key} version {version}", struct.pack(">hhih", key, version, 7, -1) + b"\0" * 20)


@scenario
def frames(t):
    t.raw("a frame of size -1", b"\xff\xff\xff\xff", frame=False)
    t.raw("a frame larger than socket.request.max.bytes", struct.pack(">i", 104857601), frame=False)
    t.raw("a frame of size 0", b"\0\0\0\0", frame=False)
    t.raw("a header that is cut short", struct.pack(">hh", 18, 0))
    t.raw("Metadata 1 that says 1,000,000 topics", struct.pack(">hhihi", 3, 1, 7, -1, 1_000_000))
    t.raw("Metadata 1 with bytes left over", struct.pack(">hhihi", 3, 1, 7, -1, 0) + b"left")
    t.raw("Metadata 1 with a topic name of size -5", struct.pack(">hhihih", 3, 1, 7, -1, 1, -5))
    t.raw("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", frame=False)


@scenario
def null_client_id(t):
    answer = t.exchange(struct.pack(">hhih", 18, 0, 42, -1))
    t.lines.append(f"< correlation id {struct.unpack('>i', answer[:4])[0]}, error {struct.unpack('>h', answer[4:6])[0]}")


# Metadata


@scenario
def metadata_all_versions(t):
    t.topic("metadata.known", 2)
    for version in t.versions("Metadata"):
        t.ask("Metadata", version, topics=[{"name": "metadata.known"}])


@scenario
def metadata_unknown_topics(t):
    for version in t.versions("Metadata"):
        if version >= 4:
            t.ask("Metadata", version, topics=[{"name": "metadata.unknown"}], allowAutoTopicCreation=False)
        if version >= 10:
            t.ask("Metadata", version, topics=[{"name": None if version >= 12 else "", "topicId": UNKNOWN_ID}], allowAutoTopicCreation=False)


@scenario
def metadata_no_topics(t):
    for version in t.versions("Metadata"):
        if version >= 1:
            t.ask("Metadata", version, topics=[])


@scenario
def metadata_invalid_names(t):
    for name in ("", ".", "..", "a/b", "ü", "x" * 250):
        t.ask("Metadata", 12, topics=[{"name": name}])
        t.ask("Metadata", 4, topics=[{"name": name}])


@scenario
def metadata_auto_creation(t):
    first = t.ask("Metadata", 9, topics=[{"name": "metadata.made"}], allowAutoTopicCreation=True)
    assert first is not None
    t.settle("Metadata", 9, lambda a: a["topics"][0]["errorCode"] == 0, topics=[{"name": "metadata.made"}])
    t.ask("Metadata", 9, topics=[{"name": "metadata.made"}])


@scenario
def metadata_authorized_operations(t):
    t.topic("metadata.operations")
    t.ask("Metadata", 8, topics=[{"name": "metadata.operations"}], includeTopicAuthorizedOperations=True, includeClusterAuthorizedOperations=True)
    t.ask("Metadata", 12, topics=[{"name": "metadata.operations"}], includeTopicAuthorizedOperations=True)


@scenario
def describe_cluster(t):
    for version in t.versions("DescribeCluster"):
        t.ask("DescribeCluster", version)
        t.ask("DescribeCluster", version, includeClusterAuthorizedOperations=True)
    t.ask("DescribeCluster", 1, endpointType=2)
    t.ask("DescribeCluster", 1, endpointType=9)


@scenario
def describe_topic_partitions(t):
    t.topic("dtp.one", 3)
    t.ask("DescribeTopicPartitions", 0, topics=[{"name": "dtp.one"}], responsePartitionLimit=2000)
    t.ask("DescribeTopicPartitions", 0, topics=[{"name": "dtp.one"}], responsePartitionLimit=2)
    t.ask("DescribeTopicPartitions", 0, topics=[{"name": "dtp.one"}], responsePartitionLimit=2, cursor={"topicName": "dtp.one", "partitionIndex": 1})
    t.ask("DescribeTopicPartitions", 0, topics=[{"name": "dtp.none"}])
    t.ask("DescribeTopicPartitions", 0, topics=[{"name": "dtp.one"}], responsePartitionLimit=10, cursor={"topicName": "dtp.one", "partitionIndex": -1})


# Produce


def _produce(t, version, name, topic_id, records, acks=-1, partition=0, **more):
    topic = {"topicId": topic_id} if version >= 13 else {"name": name}
    return t.ask("Produce", version, acks=acks, timeoutMs=5000, topicData=[{**topic, "partitionData": [{"index": partition, "records": records}]}], **more)


def _one(t, value=b"v", **more):
    return wire.batch([wire.record(0, b"k", value)], t.now, **more)


@scenario
def produce_all_versions(t):
    topic_id = t.topic("produce.all")
    for version in t.versions("Produce"):
        for acks in (1, -1):
            _produce(t, version, "produce.all", topic_id, _one(t), acks)


@scenario
def produce_acks(t):
    topic_id = t.topic("produce.acks")
    for acks in (2, -2):
        _produce(t, 9, "produce.acks", topic_id, _one(t), acks)
    t.send_only("Produce", 9, acks=0, timeoutMs=5000, topicData=[{"name": "produce.acks", "partitionData": [{"index": 0, "records": _one(t)}]}])
    t.note("acks=0 leaves no answer behind: the next answer is the next request's")
    t.settle("ListOffsets", 7, lambda a: a["topics"][0]["partitions"][0]["offset"] == 1, replicaId=-1,
             topics=[{"name": "produce.acks", "partitions": [{"partitionIndex": 0, "timestamp": -1}]}])
    _produce(t, 9, "produce.acks", topic_id, _one(t), 1)
    t.note("an error with acks=0 closes the connection")
    t.send_only("Produce", 9, acks=0, timeoutMs=5000, topicData=[{"name": "produce.none", "partitionData": [{"index": 0, "records": _one(t)}]}])
    t.ask("ApiVersions", 0, hide=("apiKeys",))


@scenario
def produce_unknown(t):
    topic_id = t.topic("produce.known")
    for version in (3, 7, 8, 12):
        _produce(t, version, "produce.none", ZERO, _one(t))
        _produce(t, version, "produce.known", topic_id, _one(t), partition=7)
        _produce(t, version, "produce.known", topic_id, _one(t), partition=-1)
    _produce(t, 13, None, UNKNOWN_ID, _one(t))
    _produce(t, 13, None, ZERO, _one(t))
    _produce(t, 13, None, topic_id, _one(t), partition=7)


@scenario
def produce_bad_batches(t):
    topic_id = t.topic("produce.bad")
    good = _one(t)
    cases = {
        "wrong crc": _one(t, crc=12345),
        "magic 3": _one(t, magic=3),
        "magic 1": _one(t, magic=1),
        "magic 0": _one(t, magic=0),
        "cut short": good[:-3],
        "only a part of the header": good[:30],
        "no bytes": b"",
        "batch length too large": good[:8] + struct.pack(">i", 1000) + good[12:],
        "batch length too small": good[:8] + struct.pack(">i", 10) + good[12:],
        "two batches": good + good,
        "count too large": _one(t, count=5, last_offset_delta=0),
        "count 0": _one(t, count=0, last_offset_delta=0),
        "no records": wire.batch([], t.now, count=0, last_offset_delta=-1),
        "last offset delta wrong": _one(t, last_offset_delta=7),
        "base offset 77": _one(t, base_offset=77),
        "control batch": _one(t, attributes=0x20),
        "transactional without a producer id": _one(t, attributes=0x10),
        "codec 7": _one(t, attributes=7),
        "gzip that isn't": _one(t, attributes=1),
        "zstd that isn't": _one(t, attributes=4),
        "a record longer than the batch": wire.batch(wire.zigzag(100) + b"\0\0\0\0", t.now, count=1),
        "LogAppendTime set by the client": _one(t, attributes=8),
        "records behind the last one": wire.batch(wire.record(0, b"k", b"v") + b"more", t.now, count=1),
        "an empty header key": wire.batch([wire.record(0, b"k", b"v", headers=[(b"", b"x")])], t.now),
        "a null key and value": wire.batch([wire.record(0, None, None)], t.now),
        "a time in the far future": wire.batch([wire.record(0, b"k", b"v")], 4_000_000_000_000),
        "time -1": wire.batch([wire.record(0, b"k", b"v")], -1),
        "producer id without a sequence": _one(t, producer_id=4242),
        "producer id that nobody has": _one(t, producer_id=4242, producer_epoch=0, base_sequence=0),
    }
    for name, data in cases.items():
        t.note(name)
        _produce(t, 9, "produce.bad", topic_id, data)
    # Null records are left out: Apache never answers them.
    t.ask("ListOffsets", 7, replicaId=-1, topics=[{"name": "produce.bad", "partitions": [{"partitionIndex": 0, "timestamp": -1}]}])


@scenario
def produce_wrong_offset_deltas(t):
    topic_id = t.topic("produce.deltas")
    for deltas in ((0, 0), (1, 0)):
        t.note(f"offset deltas {deltas}")
        _produce(t, 9, "produce.deltas", topic_id, wire.batch([wire.record(delta, b"k", b"v") for delta in deltas], t.now))


@scenario
def produce_bad_batches_old_version(t):
    topic_id = t.topic("produce.bad3")
    for name, data in {"wrong crc": _one(t, crc=1), "magic 1": _one(t, magic=1), "zstd below version 7": _one(t, attributes=4)}.items():
        t.note(name)
        _produce(t, 3, "produce.bad3", topic_id, data)


@scenario
def produce_too_large(t):
    topic_id = t.topic("produce.large", configs=[("max.message.bytes", "1000")])
    _produce(t, 9, "produce.large", topic_id, _one(t, b"x" * 900))
    _produce(t, 9, "produce.large", topic_id, _one(t, b"x" * 1000))
    t.topic("produce.server_limit")
    _produce(t, 9, "produce.server_limit", None, _one(t, b"x" * 101_000))


@scenario
def produce_compacted_without_key(t):
    topic_id = t.topic("produce.compacted", configs=[("cleanup.policy", "compact")])
    _produce(t, 9, "produce.compacted", topic_id, wire.batch([wire.record(0, None, b"v")], t.now))
    _produce(t, 9, "produce.compacted", topic_id, _one(t))
    _produce(t, 9, "produce.compacted", topic_id, wire.batch([wire.record(0, b"k", b"v"), wire.record(1, None, b"v")], t.now))


def _producer_id(t):
    """Apache has no ids at hand at first."""
    answer = t.settle("InitProducerId", 4, lambda a: a["errorCode"] == 0, transactionalId=None, transactionTimeoutMs=60000)
    return answer["producerId"]


@scenario
def produce_sequences(t):
    topic_id = t.topic("produce.sequences")
    producer = _producer_id(t)

    def send(sequence, epoch=0, count=1):
        records = [wire.record(i, b"k", b"v") for i in range(count)]
        _produce(t, 9, "produce.sequences", topic_id, wire.batch(records, t.now, producer_id=producer, producer_epoch=epoch, base_sequence=sequence))

    for sequence, count in ((0, 1), (1, 3), (4, 1)):
        send(sequence, count=count)
    t.note("a duplicate of the last batch, then of an older one")
    send(4)
    send(1, count=3)
    t.note("a gap")
    send(9)
    t.note("inside of what was seen, but no batch that was")
    send(2)
    t.note("a new epoch must begin at 0")
    send(5, epoch=1)
    send(0, epoch=1)
    t.note("the old epoch is fenced")
    send(6, epoch=0)
    for i in range(1, 8):
        send(i, epoch=1)
    t.note("a duplicate that is older than the last five")
    send(1, epoch=1)
    t.ask("DescribeProducers", 0, hide=("lastTimestamp",), topics=[{"name": "produce.sequences", "partitionIndexes": [0, 5]}])


@scenario
def init_producer_id(t):
    _producer_id(t)
    for version in t.versions("InitProducerId"):
        t.ask("InitProducerId", version, transactionalId=None, transactionTimeoutMs=60000)
    t.ask("InitProducerId", 4, transactionalId="", transactionTimeoutMs=60000)
    t.ask("InitProducerId", 4, transactionalId=None, transactionTimeoutMs=60000, producerId=5, producerEpoch=3)


# Fetch


def _fetch(t, version, name, topic_id, offset=0, partition=0, **more):
    topic = {"topicId": topic_id} if version >= 13 else {"topic": name}
    fields = {"maxWaitMs": 100, "minBytes": 1, "maxBytes": 1_000_000, **more.pop("fields", {})}
    return t.ask("Fetch", version, topics=[{**topic, "partitions": [{"partition": partition, "fetchOffset": offset, "partitionMaxBytes": 1_000_000,
                                                                     **more}]}], **fields)


@scenario
def fetch_all_versions(t):
    topic_id = t.topic("fetch.all")
    for i in range(3):
        _produce(t, 9, "fetch.all", topic_id, _one(t, b"value %d" % i))
    for version in t.versions("Fetch"):
        _fetch(t, version, "fetch.all", topic_id)
        _fetch(t, version, "fetch.all", topic_id, offset=2)
        _fetch(t, version, "fetch.all", topic_id, offset=3)


@scenario
def fetch_errors(t):
    topic_id = t.topic("fetch.errors")
    _produce(t, 9, "fetch.errors", topic_id, _one(t))
    for version in (4, 7, 11, 12, 13, 16, 17):
        _fetch(t, version, "fetch.none", UNKNOWN_ID)
        _fetch(t, version, "fetch.errors", topic_id, partition=5)
        _fetch(t, version, "fetch.errors", topic_id, offset=2)
        _fetch(t, version, "fetch.errors", topic_id, offset=-1)
        if version >= 9:
            _fetch(t, version, "fetch.errors", topic_id, currentLeaderEpoch=5)
            _fetch(t, version, "fetch.errors", topic_id, currentLeaderEpoch=0)
        if version >= 12:
            _fetch(t, version, "fetch.errors", topic_id, lastFetchedEpoch=0, offset=1, currentLeaderEpoch=0)
            _fetch(t, version, "fetch.errors", topic_id, lastFetchedEpoch=7, offset=1, currentLeaderEpoch=0)


@scenario
def fetch_limits(t):
    topic_id = t.topic("fetch.limits", 2)
    for i in range(4):
        _produce(t, 9, "fetch.limits", topic_id, _one(t, b"x" * 100), partition=i % 2)
    t.note("partitionMaxBytes 1: one batch still comes")
    _fetch(t, 12, "fetch.limits", topic_id, partitionMaxBytes=1)
    t.note("maxBytes 1: one batch of one partition")
    t.ask("Fetch", 12, maxWaitMs=100, minBytes=1, maxBytes=1, topics=[{"topic": "fetch.limits", "partitions": [
        {"partition": p, "fetchOffset": 0, "partitionMaxBytes": 1000} for p in range(2)]}])
    t.note("partitionMaxBytes cuts a batch off behind the first one")
    _fetch(t, 12, "fetch.limits", topic_id, partitionMaxBytes=200)
    t.note("minBytes that aren't there: the answer comes after maxWaitMs")
    _fetch(t, 12, "fetch.limits", topic_id, fields={"minBytes": 100_000, "maxWaitMs": 300})
    _fetch(t, 12, "fetch.limits", topic_id, fields={"isolationLevel": 1})


@scenario
def fetch_sessions(t):
    topic_id = t.topic("fetch.sessions", 2)
    _produce(t, 9, "fetch.sessions", topic_id, _one(t))

    def full(**more):
        return t.ask("Fetch", 12, maxWaitMs=50, minBytes=0, maxBytes=100_000, topics=[{"topic": "fetch.sessions", "partitions": [
            {"partition": p, "fetchOffset": 0, "partitionMaxBytes": 1000} for p in range(2)]}], **more)

    def next_one(epoch, session, topics=(), forgotten=()):
        return t.ask("Fetch", 12, maxWaitMs=50, minBytes=0, maxBytes=100_000, sessionId=session, sessionEpoch=epoch, topics=list(topics),
                     forgottenTopicsData=list(forgotten))

    t.note("no session")
    full(sessionId=0, sessionEpoch=-1)
    t.note("a new session, then increments")
    session = full(sessionId=0, sessionEpoch=0)["sessionId"]
    next_one(1, session)
    next_one(2, session, [{"topic": "fetch.sessions", "partitions": [{"partition": 0, "fetchOffset": 1, "partitionMaxBytes": 1000}]}])
    next_one(3, session)
    t.note("a partition is forgotten")
    next_one(4, session, forgotten=[{"topic": "fetch.sessions", "partitions": [0]}])
    t.note("a wrong epoch, an unknown session, the end of one")
    next_one(9, session)
    next_one(5, 123456789)
    next_one(-1, session)
    next_one(5, session)


@scenario
def list_offsets(t):
    t.topic("offsets.list", 2)
    for i in range(3):
        records = wire.batch([wire.record(0, b"k", b"v")], t.now - 100_000 + (10_000 if i == 1 else i * 1000))
        _produce(t, 9, "offsets.list", None, records)
    for version in t.versions("ListOffsets"):
        for timestamp in (-1, -2, 0, t.now - 99_000, t.now, -3, -4, -5, -6, -7):
            t.ask("ListOffsets", version, replicaId=-1, topics=[{"name": "offsets.list", "partitions": [{"partitionIndex": 0, "timestamp": timestamp}]}])


@scenario
def list_offsets_errors(t):
    t.topic("offsets.errors")
    for version in (1, 4, 7, 9):
        t.ask("ListOffsets", version, replicaId=-1, topics=[{"name": "offsets.none", "partitions": [{"partitionIndex": 0, "timestamp": -1}]}])
        t.ask("ListOffsets", version, replicaId=-1, topics=[{"name": "offsets.errors", "partitions": [{"partitionIndex": 4, "timestamp": -1}]}])
        t.ask("ListOffsets", version, replicaId=-1, topics=[{"name": "offsets.errors", "partitions": [{"partitionIndex": 0, "timestamp": -1}] * 2}])
    t.ask("ListOffsets", 4, replicaId=-1, topics=[{"name": "offsets.errors", "partitions": [{"partitionIndex": 0, "currentLeaderEpoch": 9, "timestamp": -1}]}])
    t.ask("ListOffsets", 4, replicaId=-1, topics=[{"name": "offsets.errors", "partitions": [{"partitionIndex": 0, "timestamp": -1}]}], isolationLevel=1)
    t.ask("ListOffsets", 4, replicaId=7, topics=[{"name": "offsets.errors", "partitions": [{"partitionIndex": 0, "timestamp": -1}]}])


@scenario
def offset_for_leader_epoch(t):
    t.topic("epochs")
    _produce(t, 9, "epochs", None, _one(t))
    for version in t.versions("OffsetForLeaderEpoch"):
        for epoch, current in ((0, -1), (0, 0), (5, -1), (-1, -1), (0, 9)):
            t.ask("OffsetForLeaderEpoch", version, replicaId=-1, topics=[{"topic": "epochs", "partitions": [
                {"partition": 0, "currentLeaderEpoch": current, "leaderEpoch": epoch}]}])
        t.ask("OffsetForLeaderEpoch", version, replicaId=-1, topics=[{"topic": "none", "partitions": [{"partition": 0, "leaderEpoch": 0}]}])


# Groups


def _ready(t):
    """The coordinator's topic is made at the first question."""
    t.settle("FindCoordinator", 3, lambda a: a["errorCode"] == 0, key="ready", keyType=0)
    t.settle("OffsetFetch", 7, lambda a: a["errorCode"] == 0, groupId="ready", topics=None)


@scenario
def find_coordinator(t):
    _ready(t)
    for version in t.versions("FindCoordinator"):
        if version >= 4:
            t.ask("FindCoordinator", version, keyType=0, coordinatorKeys=["a", "b"])
            t.ask("FindCoordinator", version, keyType=0, coordinatorKeys=[])
        else:
            t.ask("FindCoordinator", version, key="a")
    t.ask("FindCoordinator", 4, keyType=9, coordinatorKeys=["a"])
    t.ask("FindCoordinator", 3, keyType=9, key="a")
    t.ask("FindCoordinator", 4, keyType=0, coordinatorKeys=[""])


def _join(t, version, group="g", member="", session=6000, protocol_type="consumer", protocols=("range",), instance=None, **more):
    fields = {"groupInstanceId": instance} if version >= 5 else {}
    if version >= 1:
        fields["rebalanceTimeoutMs"] = 6000
    return t.ask("JoinGroup", version, groupId=group, sessionTimeoutMs=session, memberId=member, protocolType=protocol_type,
                 protocols=[{"name": p, "metadata": b"meta"} for p in protocols], **fields, **more)


@scenario
def join_group_refusals(t):
    _ready(t)
    for version in (0, 3, 5, 9):
        _join(t, version, group="")
        _join(t, version, session=1)
        _join(t, version, session=10_000_000)
        _join(t, version, member="stranger")
        _join(t, version, protocols=())
        _join(t, version, protocol_type="")


@scenario
def group_life(t):
    """One member: join, sync, heartbeat, commit, leave, in every version of JoinGroup."""
    _ready(t)
    t.topic("group.topic", 2)
    for version in t.versions("JoinGroup"):
        group = f"life-{version}"
        t.note(f"JoinGroup {version}")
        answer = _join(t, version, group)
        member = answer["memberId"]
        if answer["errorCode"]:
            answer = _join(t, version, group, member)
        generation = answer["generationId"]
        sync = min(version, 5)
        extra = {"protocolType": "consumer", "protocolName": "range"} if sync >= 5 else {}
        t.ask("SyncGroup", sync, groupId=group, generationId=generation, memberId=member, assignments=[{"memberId": member, "assignment": b"mine"}], **extra)
        beat = min(version, 4)
        for g, m in ((generation, member), (generation + 1, member), (generation, "stranger")):
            t.ask("Heartbeat", beat, groupId=group, generationId=g, memberId=m)
        commit = 2 + min(version, 7)
        topics = [{"name": "group.topic", "partitions": [{"partitionIndex": 0, "committedOffset": 7, "committedMetadata": "note"}]}]
        for g, m in ((generation, member), (generation + 1, member), (generation, "stranger"), (-1, "")):
            t.ask("OffsetCommit", commit, groupId=group, generationIdOrMemberEpoch=g, memberId=m, topics=topics)
        if version >= 3:
            t.ask("LeaveGroup", min(version, 5), groupId=group, members=[{"memberId": "stranger"}])
            t.ask("LeaveGroup", min(version, 5), groupId=group, members=[{"memberId": member}])
        else:
            t.ask("LeaveGroup", version, groupId=group, memberId="stranger")
            t.ask("LeaveGroup", version, groupId=group, memberId=member)
        t.ask("Heartbeat", beat, groupId=group, generationId=generation, memberId=member)
        t.ask("DescribeGroups", min(version, 6), groups=[group])


@scenario
def group_static_member(t):
    _ready(t)
    first = _join(t, 7, "static", instance="one")
    t.ask("SyncGroup", 5, groupId="static", generationId=first["generationId"], memberId=first["memberId"], groupInstanceId="one",
          protocolType="consumer", protocolName="range", assignments=[{"memberId": first["memberId"], "assignment": b"mine"}])
    t.note("the same instance comes again")
    second = _join(t, 7, "static", instance="one")
    t.ask("SyncGroup", 5, groupId="static", generationId=second["generationId"], memberId=second["memberId"], groupInstanceId="one",
          protocolType="consumer", protocolName="range")
    t.note("the old member id is fenced")
    t.ask("Heartbeat", 4, groupId="static", generationId=first["generationId"], memberId=first["memberId"], groupInstanceId="one")
    t.ask("OffsetCommit", 8, groupId="static", generationIdOrMemberEpoch=first["generationId"], memberId=first["memberId"], groupInstanceId="one",
          topics=[{"name": "x", "partitions": [{"partitionIndex": 0, "committedOffset": 1}]}])
    t.ask("Heartbeat", 4, groupId="static", generationId=second["generationId"], memberId=second["memberId"], groupInstanceId="one")
    t.ask("LeaveGroup", 5, groupId="static", members=[{"memberId": "", "groupInstanceId": "one"}, {"memberId": "", "groupInstanceId": "two"}])


@scenario
def group_inconsistent_protocol(t):
    _ready(t)
    first = _join(t, 5, "mixed")
    first = _join(t, 5, "mixed", first["memberId"])
    answer = _join(t, 5, "mixed", protocols=("roundrobin",))
    if answer["errorCode"] == 79:
        _join(t, 5, "mixed", answer["memberId"], protocols=("roundrobin",))
    _join(t, 5, "mixed", protocol_type="connect")
    t.ask("SyncGroup", 5, groupId="mixed", generationId=first["generationId"], memberId=first["memberId"], protocolType="connect", protocolName="range")
    t.ask("SyncGroup", 5, groupId="mixed", generationId=first["generationId"], memberId=first["memberId"], protocolType="consumer", protocolName="sticky")
    t.ask("SyncGroup", 3, groupId="mixed", generationId=99, memberId=first["memberId"])
    t.ask("SyncGroup", 3, groupId="mixed", generationId=1, memberId="stranger")


@scenario
def group_unknown(t):
    _ready(t)
    t.ask("Heartbeat", 4, groupId="nobody", generationId=1, memberId="m")
    t.ask("SyncGroup", 5, groupId="nobody", generationId=1, memberId="m")
    t.ask("LeaveGroup", 5, groupId="nobody", members=[{"memberId": "m"}])
    t.ask("LeaveGroup", 2, groupId="nobody", memberId="m")
    for version in t.versions("DescribeGroups"):
        t.ask("DescribeGroups", version, groups=["nobody"])
    for version in t.versions("DeleteGroups"):
        t.ask("DeleteGroups", version, groupsNames=["nobody", ""])
    t.ask("OffsetDelete", 0, groupId="nobody", topics=[{"name": "t", "partitions": [{"partitionIndex": 0}]}])
    t.ask("Heartbeat", 4, groupId="", generationId=1, memberId="m")
    t.ask("OffsetCommit", 8, groupId="nobody", generationIdOrMemberEpoch=3, memberId="m", topics=[])


@scenario
def offset_commit_and_fetch(t):
    _ready(t)
    topic_id = t.topic("commits", 2)
    for version in t.versions("OffsetCommit"):
        topic = {"topicId": topic_id} if version >= 10 else {"name": "commits"}
        none = {"topicId": UNKNOWN_ID} if version >= 10 else {"name": "none"}
        t.ask("OffsetCommit", version, groupId=f"committer-{version}", topics=[
            {**topic, "partitions": [{"partitionIndex": 0, "committedOffset": 5, "committedMetadata": "note"},
                                     {"partitionIndex": 1, "committedOffset": 0, "committedMetadata": None},
                                     {"partitionIndex": 9, "committedOffset": 1}]},
            {**none, "partitions": [{"partitionIndex": 0, "committedOffset": 1}]}])
    t.ask("OffsetCommit", 8, groupId="committer-8", topics=[{"name": "commits", "partitions": [
        {"partitionIndex": 0, "committedOffset": 5, "committedMetadata": "x" * 4097}]}])
    t.ask("OffsetCommit", 8, groupId="", topics=[{"name": "commits", "partitions": [{"partitionIndex": 0, "committedOffset": 5}]}])
    for version in t.versions("OffsetFetch"):
        if version >= 8:
            topic = {"topicId": topic_id} if version >= 10 else {"name": "commits"}
            t.ask("OffsetFetch", version, groups=[{"groupId": "committer-8", "topics": [{**topic, "partitionIndexes": [0, 1, 9]}]},
                                                  {"groupId": "nobody", "topics": None}])
            t.ask("OffsetFetch", version, groups=[{"groupId": "committer-9", "topics": None}], requireStable=True)
        else:
            t.ask("OffsetFetch", version, groupId="committer-8", topics=[{"name": "commits", "partitionIndexes": [0, 1, 9]}, {"name": "none", "partitionIndexes": [0]}])
            if version >= 2:
                t.ask("OffsetFetch", version, groupId="committer-3", topics=None)
                t.ask("OffsetFetch", version, groupId="nobody", topics=[{"name": "commits", "partitionIndexes": [0]}])


@scenario
def list_groups(t):
    _ready(t)
    t.ask("OffsetCommit", 8, groupId="listed", topics=[])
    for version in t.versions("ListGroups"):
        answer = t.ask("ListGroups", version, quiet=True)
        t.lines.append(f"> ListGroups {version}")
        t.lines.append(f"< error {answer['errorCode']}")
    t.ask("ListGroups", 4, statesFilter=["NoSuchState"])
    t.ask("ListGroups", 5, typesFilter=["NoSuchType"])


@scenario
def consumer_group_heartbeat_refusals(t):
    _ready(t)
    t.topic("kip848", 2)

    def beat(**fields):
        return t.ask("ConsumerGroupHeartbeat", 1, hide=("heartbeatIntervalMs",), body={"groupId": "modern", "memberId": "AAAAAAAAAAAAAAAAAAAAAQ", **fields})

    beat(groupId="", memberEpoch=0)
    beat(memberEpoch=0)
    beat(memberEpoch=0, rebalanceTimeoutMs=5000)
    beat(memberEpoch=0, rebalanceTimeoutMs=5000, subscribedTopicNames=["kip848"], serverAssignor="none", topicPartitions=[])
    beat(memberEpoch=0, rebalanceTimeoutMs=5000, subscribedTopicNames=["kip848"], topicPartitions=[{"topicId": UNKNOWN_ID, "partitions": [0]}])
    beat(memberEpoch=5)
    answer = beat(memberEpoch=0, rebalanceTimeoutMs=5000, subscribedTopicNames=["kip848"], topicPartitions=[])
    beat(memberEpoch=answer["memberEpoch"])
    beat(memberEpoch=answer["memberEpoch"] + 9)
    t.ask("ConsumerGroupDescribe", 1, groupIds=["modern", "nobody"])
    t.ask("DescribeGroups", 6, groups=["modern"])
    beat(memberEpoch=-1)
    beat(memberEpoch=-1)


# Topics and configs


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
        _produce(t, 9, "cut", None, _one(t))
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
    _produce(t, 9, "dirs", None, _one(t))
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


# Transactions


@scenario
def transactions(t):
    t.settle("FindCoordinator", 3, lambda a: a["errorCode"] == 0, key="tx", keyType=1)
    t.topic("tx.topic", 2)
    t.settle("InitProducerId", 4, lambda a: a["errorCode"] == 0, transactionalId="tx-settle", transactionTimeoutMs=60000)
    t.ask("InitProducerId", 4, transactionalId="tx", transactionTimeoutMs=0)
    t.ask("InitProducerId", 4, transactionalId="tx", transactionTimeoutMs=100_000_000)
    first = t.ask("InitProducerId", 4, transactionalId="tx", transactionTimeoutMs=60000)
    who = {"transactionalId": "tx", "producerId": first["producerId"], "producerEpoch": first["producerEpoch"]}
    old = {"v3AndBelowTransactionalId": "tx", "v3AndBelowProducerId": first["producerId"], "v3AndBelowProducerEpoch": first["producerEpoch"]}
    topics = [{"name": "tx.topic", "partitions": [0]}]
    t.note("nothing begun: end")
    t.ask("EndTxn", 3, committed=True, **who)
    t.ask("AddPartitionsToTxn", 3, v3AndBelowTopics=topics, **old)
    t.ask("AddPartitionsToTxn", 3, v3AndBelowTopics=[{"name": "none", "partitions": [0]}, *topics], **old)
    data = wire.batch([wire.record(0, b"k", b"v")], t.now, attributes=0x10, producer_id=first["producerId"], producer_epoch=first["producerEpoch"], base_sequence=0)
    _produce(t, 9, "tx.topic", None, data, transactionalId="tx")
    t.note("a partition that is not part of it")
    _produce(t, 9, "tx.topic", None, data, partition=1, transactionalId="tx")
    _fetch(t, 12, "tx.topic", None, fields={"isolationLevel": 1})
    t.ask("DescribeTransactions", 0, hide=("transactionStartTimeMs",), transactionalIds=["tx", "nobody"])
    t.ask("AddOffsetsToTxn", 3, groupId="tx-group", **who)
    t.ask("TxnOffsetCommit", 3, groupId="tx-group", topics=[{"name": "tx.topic", "partitions": [{"partitionIndex": 0, "committedOffset": 3}]}], **who)
    t.ask("OffsetFetch", 7, groupId="tx-group", topics=[{"name": "tx.topic", "partitionIndexes": [0]}], requireStable=True)
    t.ask("EndTxn", 3, committed=False, **who)
    t.settle("DescribeTransactions", 0, lambda a: a["transactionStates"][0]["transactionState"] == "CompleteAbort", transactionalIds=["tx"])
    _fetch(t, 12, "tx.topic", None, fields={"isolationLevel": 1})
    t.ask("OffsetFetch", 7, groupId="tx-group", topics=[{"name": "tx.topic", "partitionIndexes": [0]}], requireStable=True)
    t.note("the wrong epoch, the wrong producer, an unknown id")
    t.ask("EndTxn", 3, transactionalId="tx", producerId=first["producerId"], producerEpoch=9, committed=True)
    t.ask("EndTxn", 3, transactionalId="tx", producerId=first["producerId"] + 1, producerEpoch=0, committed=True)
    t.ask("EndTxn", 3, transactionalId="nobody", producerId=1, producerEpoch=0, committed=True)
    t.note("a successor fences")
    t.ask("InitProducerId", 4, transactionalId="tx", transactionTimeoutMs=60000)
    t.ask("AddPartitionsToTxn", 3, v3AndBelowTopics=topics, **old)
