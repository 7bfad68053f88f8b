"""What a cluster says about itself, asked over the protocol: who leads, which replicas are in sync, where logs end."""

import collections

from . import wire
from .process import Failure

Partition = collections.namedtuple("Partition", "leader epoch replicas isr offline")
Quorum = collections.namedtuple("Quorum", "leader epoch high_watermark voters observers")


class ClusterState:
    """Asks the nodes of a Cluster; every failure to get an answer is a Failure, so that `eventually` tries again."""

    _protocol = None

    def __init__(self, cluster):
        self._cluster = cluster
        self._connections = {}

    def ask(self, node, api, version, body):
        if ClusterState._protocol is None:
            ClusterState._protocol = wire.Protocol()
        protocol = ClusterState._protocol
        try:
            connection = self._connections.get(node) or wire.Connection(node.port, timeout_s=10, host=node.host)
            self._connections[node] = connection
            connection.send(protocol.request(api, version, body))
            data = connection.receive()
        except OSError as error:
            self._drop(node)
            raise Failure(f"{api} to node {node.node_id}: {error}") from None
        if data is None:
            self._drop(node)
            raise Failure(f"{api} to node {node.node_id}: the connection was closed")
        return protocol.response(api, version, data)[1]

    def _drop(self, node):
        connection = self._connections.pop(node, None)
        if connection:
            connection.close()

    def _serving(self):
        node = next((node for node in self._cluster.brokers() if node.serves()), None)
        if node is None:
            raise Failure("no broker serves")
        return node

    def metadata(self, topics=None, node=None):
        """topics: None for all."""
        names = None if topics is None else [{"topicId": "0" * 32, "name": name} for name in topics]
        return self.ask(node or self._serving(), "Metadata", 12, {"topics": names, "allowAutoTopicCreation": False})

    def brokers(self, node=None):
        """That aren't fenced. Metadata answers of Dohle name for some seconds who just left."""
        answer = self.ask(node or self._serving(), "DescribeCluster", 0, {"includeClusterAuthorizedOperations": False})
        return {broker["brokerId"] for broker in answer["brokers"]}

    def topics(self, names=None, node=None):
        """{topic: {partition: Partition}}"""
        found = {}
        for topic in self.metadata(names, node)["topics"]:
            if topic["errorCode"] not in (0, 5):  # 5: a leader is missing, which the partitions tell
                raise Failure(f"topic {topic['name']}: error {topic['errorCode']}")
            found[topic["name"]] = {p["partitionIndex"]: Partition(p["leaderId"], p["leaderEpoch"], p["replicaNodes"], p["isrNodes"],
                                                                   p["offlineReplicas"]) for p in topic["partitions"]}
        return found

    def partitions(self, topic, node=None):
        return self.topics([topic], node)[topic]

    def leader(self, topic, partition=0):
        """The node that leads; None without one."""
        return self._cluster.nodes.get(self.partitions(topic)[partition].leader)

    def whole(self, topics=()):
        """In the eyes of every broker that serves; raises Failure with what is missing, for the reader of a failed wait."""
        for node in [node for node in self._cluster.brokers() if node.serves()]:
            for name, partitions in self.topics(list(topics) or None, node).items():
                for index, p in partitions.items():
                    if p.leader < 0 or sorted(p.isr) != sorted(p.replicas) or p.offline:
                        raise Failure(f"{name}-{index} in the eyes of node {node.node_id}: {p}")
        return True

    def quorum(self):
        """As the active controller tells it, through a broker."""
        body = {"topics": [{"topicName": "__cluster_metadata", "partitions": [{"partitionIndex": 0}]}]}
        answer = self.ask(self._serving(), "DescribeQuorum", 1, body)
        if answer["errorCode"] != 0:
            raise Failure(f"DescribeQuorum: error {answer['errorCode']}")
        p = answer["topics"][0]["partitions"][0]
        if p["errorCode"] != 0 or p["leaderId"] < 0:
            raise Failure(f"DescribeQuorum: {p}")
        ends = {kind: {r["replicaId"]: r["logEndOffset"] for r in p[kind]} for kind in ("currentVoters", "observers")}
        return Quorum(p["leaderId"], p["leaderEpoch"], p["highWatermark"], ends["currentVoters"], ends["observers"])

    def active_controller(self):
        return self._cluster.nodes[self.quorum().leader]

    def high_watermark(self, topic, partition):
        """What consumers may read up to, from the partition's leader."""
        leader = self.leader(topic, partition)
        if leader is None:
            raise Failure(f"{topic}-{partition} has no leader")
        body = {"replicaId": -1, "isolationLevel": 0,
                "topics": [{"name": topic, "partitions": [{"partitionIndex": partition, "currentLeaderEpoch": -1, "timestamp": -1}]}]}
        p = self.ask(leader, "ListOffsets", 7, body)["topics"][0]["partitions"][0]
        if p["errorCode"] != 0:
            raise Failure(f"ListOffsets of {topic}-{partition}: error {p['errorCode']}")
        return p["offset"]

    def fetch(self, node, topic, partition, offset=0, rack=""):
        """One Fetch of a consumer to a node; the partition's part of the answer."""
        ids = {t["name"]: t["topicId"] for t in self.metadata([topic])["topics"]}
        body = {"maxWaitMs": 500, "minBytes": 1, "maxBytes": 1 << 20, "isolationLevel": 0, "sessionId": 0, "sessionEpoch": -1, "rackId": rack,
                "forgottenTopicsData": [],
                "topics": [{"topicId": ids[topic], "partitions": [{"partition": partition, "currentLeaderEpoch": -1, "fetchOffset": offset,
                                                                  "lastFetchedEpoch": -1, "logStartOffset": -1, "partitionMaxBytes": 1 << 20}]}]}
        answer = self.ask(node, "Fetch", 13, body)
        if answer["errorCode"] != 0 or not answer["responses"]:
            raise Failure(f"Fetch of {topic}-{partition}: error {answer['errorCode']}")
        return answer["responses"][0]["partitions"][0]

    def create_topic(self, name, partitions, replication_factor=-1, assignment=None, configs=None):
        """assignment: {partition: [node ids]} instead of a number of partitions."""
        topic = {"name": name, "numPartitions": -1 if assignment else partitions, "replicationFactor": -1 if assignment else replication_factor,
                 "assignments": [{"partitionIndex": p, "brokerIds": ids} for p, ids in (assignment or {}).items()],
                 "configs": [{"name": key, "value": str(value)} for key, value in (configs or {}).items()]}
        body = {"topics": [topic], "timeoutMs": 60000, "validateOnly": False}
        answer = self.ask(self._serving(), "CreateTopics", 7, body)["topics"][0]
        if answer["errorCode"] != 0:
            raise Failure(f"CreateTopics of {name}: error {answer['errorCode']} {answer['errorMessage']}")

    def delete_topic(self, name):
        body = {"topics": [{"name": name, "topicId": "0" * 32}], "timeoutMs": 60000}
        answer = self.ask(self._serving(), "DeleteTopics", 6, body)["responses"][0]
        if answer["errorCode"] != 0:
            raise Failure(f"DeleteTopics of {name}: error {answer['errorCode']}")

    def elect_preferred(self):
        """Each partition is led by its first replica again, as far as that is in sync."""
        answer = self.ask(self._serving(), "ElectLeaders", 2, {"electionType": 0, "topicPartitions": None, "timeoutMs": 30000})
        if answer["errorCode"] != 0:
            raise Failure(f"ElectLeaders: error {answer['errorCode']}")

    def close(self):
        for node in list(self._connections):
            self._drop(node)
