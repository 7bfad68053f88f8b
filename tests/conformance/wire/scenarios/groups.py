"""Consumer groups of both protocols, and their offsets."""

from .asking import UNKNOWN_ID, scenario


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
