"""What there is, and who leads it."""

from .asking import UNKNOWN_ID, scenario


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
