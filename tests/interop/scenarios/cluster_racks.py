"""Nodes in racks: replicas are spread over them, consumers read in their own (KIP-392)."""

from harness.cluster import BOTH, BROKER
from harness.scenario import check, equal, eventually

from .cluster_ground import Ground

NAME = "racks"
RACKS = {1: "a", 2: "a", 3: "b"}


def ground(session, name):
    nodes = {i: (session.nodes[i - 1], BOTH if i == 1 else BROKER) for i in RACKS}
    ground = Ground(session, name, nodes, **{"replica.selector.class": "org.apache.kafka.common.replica.RackAwareReplicaSelector"})
    for i, rack in RACKS.items():
        ground.nodes[i].overrides["broker.rack"] = rack
    return ground


def placement(ground):
    """Two racks, two replicas: each partition has one in either."""
    topic = ground.topic("placed", 12, 2)
    equal({("a", "b")}, {tuple(sorted(RACKS[i] for i in p.replicas)) for p in ground.state.partitions(topic).values()}, "racks of the replicas")
    equal({broker["nodeId"]: broker["rack"] for broker in ground.state.metadata([])["brokers"]}, RACKS, "racks that clients hear of")


def closest_replica(ground):
    """The leader sends a consumer of another rack to the follower there, which serves what is below the high watermark."""
    topic = "closest"
    ground.state.create_topic(topic, 0, assignment={0: [1, 3]})
    ground.cluster.await_whole(topic)
    ground.tools.produce(topic, [f"k{i}:v{i}" for i in range(20)])
    leader, follower = ground.nodes[1], ground.nodes[3]
    # The follower is offered when it has fetched lately.
    eventually(lambda: ground.state.fetch(leader, topic, 0, rack="b").get("preferredReadReplica") == 3, "sent to the follower")
    check(ground.state.fetch(leader, topic, 0, rack="a").get("preferredReadReplica", -1) in (-1, 1), "sent away from the own rack")
    check(ground.state.fetch(leader, topic, 0).get("preferredReadReplica", -1) == -1, "sent away without a rack")
    # The high watermark comes to a follower with the answer to its next fetch.
    eventually(lambda: _high_watermark_with_records(ground.state.fetch(follower, topic, 0, rack="b")) == 20, "all records from the follower")
    lines = ground.tools.consume(topic, 20, "--from-beginning", "--command-property", "client.rack=b")
    equal([f"k{i}:v{i}" for i in range(20)], lines, "what Java reads in the other rack")


def _high_watermark_with_records(answer):
    return answer["highWatermark"] if answer["errorCode"] == 0 and answer["records"] else None


SHARED = [placement, closest_replica]
ALONE = []
