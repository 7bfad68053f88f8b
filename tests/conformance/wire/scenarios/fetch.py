"""Records and offsets are read."""

from harness import wire

from .asking import UNKNOWN_ID, scenario
from .produce import one, produce


def fetch(t, version, name, topic_id, offset=0, partition=0, **more):
    topic = {"topicId": topic_id} if version >= 13 else {"topic": name}
    fields = {"maxWaitMs": 100, "minBytes": 1, "maxBytes": 1_000_000, **more.pop("fields", {})}
    return t.ask("Fetch", version, topics=[{**topic, "partitions": [{"partition": partition, "fetchOffset": offset, "partitionMaxBytes": 1_000_000,
                                                                     **more}]}], **fields)


@scenario
def fetch_all_versions(t):
    topic_id = t.topic("fetch.all")
    for i in range(3):
        produce(t, 9, "fetch.all", topic_id, one(t, b"value %d" % i))
    for version in t.versions("Fetch"):
        fetch(t, version, "fetch.all", topic_id)
        fetch(t, version, "fetch.all", topic_id, offset=2)
        fetch(t, version, "fetch.all", topic_id, offset=3)


@scenario
def fetch_errors(t):
    topic_id = t.topic("fetch.errors")
    produce(t, 9, "fetch.errors", topic_id, one(t))
    for version in (4, 7, 11, 12, 13, 16, 17):
        fetch(t, version, "fetch.none", UNKNOWN_ID)
        fetch(t, version, "fetch.errors", topic_id, partition=5)
        fetch(t, version, "fetch.errors", topic_id, offset=2)
        fetch(t, version, "fetch.errors", topic_id, offset=-1)
        if version >= 9:
            fetch(t, version, "fetch.errors", topic_id, currentLeaderEpoch=5)
            fetch(t, version, "fetch.errors", topic_id, currentLeaderEpoch=0)
        if version >= 12:
            fetch(t, version, "fetch.errors", topic_id, lastFetchedEpoch=0, offset=1, currentLeaderEpoch=0)
            fetch(t, version, "fetch.errors", topic_id, lastFetchedEpoch=7, offset=1, currentLeaderEpoch=0)


@scenario
def fetch_limits(t):
    topic_id = t.topic("fetch.limits", 2)
    for i in range(4):
        produce(t, 9, "fetch.limits", topic_id, one(t, b"x" * 100), partition=i % 2)
    t.note("partitionMaxBytes 1: one batch still comes")
    fetch(t, 12, "fetch.limits", topic_id, partitionMaxBytes=1)
    t.note("maxBytes 1: one batch of one partition")
    t.ask("Fetch", 12, maxWaitMs=100, minBytes=1, maxBytes=1, topics=[{"topic": "fetch.limits", "partitions": [
        {"partition": p, "fetchOffset": 0, "partitionMaxBytes": 1000} for p in range(2)]}])
    t.note("partitionMaxBytes cuts a batch off behind the first one")
    fetch(t, 12, "fetch.limits", topic_id, partitionMaxBytes=200)
    t.note("minBytes that aren't there: the answer comes after maxWaitMs")
    fetch(t, 12, "fetch.limits", topic_id, fields={"minBytes": 100_000, "maxWaitMs": 300})
    fetch(t, 12, "fetch.limits", topic_id, fields={"isolationLevel": 1})


@scenario
def fetch_sessions(t):
    topic_id = t.topic("fetch.sessions", 2)
    produce(t, 9, "fetch.sessions", topic_id, one(t))

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
        produce(t, 9, "offsets.list", None, records)
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
    produce(t, 9, "epochs", None, one(t))
    for version in t.versions("OffsetForLeaderEpoch"):
        for epoch, current in ((0, -1), (0, 0), (5, -1), (-1, -1), (0, 9)):
            t.ask("OffsetForLeaderEpoch", version, replicaId=-1, topics=[{"topic": "epochs", "partitions": [
                {"partition": 0, "currentLeaderEpoch": current, "leaderEpoch": epoch}]}])
        t.ask("OffsetForLeaderEpoch", version, replicaId=-1, topics=[{"topic": "none", "partitions": [{"partition": 0, "leaderEpoch": 0}]}])
