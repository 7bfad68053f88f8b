"""Nodes of Apache Kafka and ours in one cluster: brokers under controllers of the other kind, a quorum of voters of both. Replicas hold the
same bytes whoever leads, and go on through kills of either."""

import shutil

from harness.cluster import BOTH, BROKER, CONTROLLER
from harness.scenario import check, equal, eventually

from .cluster_ground import Ground

NAME = "mixed"
THEIRS = "apache"


def _through_kills(ground, topic, victims):
    """Each victim once under load; in between everybody leads what it prefers to lead."""
    for node in victims:
        node.kill()
        ground.progress(f"without node {node.node_id} ({node.kind})", 90)
        node.launch()
        ground.cluster.await_brokers()
        ground.cluster.await_whole()
        ground.state.elect_preferred()
        eventually(lambda: all(p.leader == p.replicas[0] for p in ground.state.partitions(topic).values()), "preferred leaders", 30)
        ground.progress(f"with node {node.node_id} ({node.kind}) again", 90)


def _check_everything(ground, topic):
    equal([], ground.settle(topic), "refused records")
    eventually(lambda: ground.check_internal_replicas() is None, "the groups' topic is the same everywhere")
    ground.check_metadata_logs()


def _brokers_beside(session, controller, kinds):
    nodes = {1: (controller, CONTROLLER), **{i + 2: (kind, BROKER) for i, kind in enumerate(kinds)}}
    with Ground(session, f"beside-{controller}-{'-'.join(kinds)}", nodes) as ground:
        topic = ground.topic("beside", 3)
        equal({2, 3, 4}, {p.leader for p in ground.state.partitions(topic).values()}, "each kind leads")
        ground.load(topic)
        _through_kills(ground, topic, ground.cluster.brokers())
        for node in ground.cluster.brokers():  # controlled shutdown, asked of the other kind
            ground.cluster.restart(node)
            ground.cluster.await_whole()
        ground.progress("after restarts", 90)
        _check_everything(ground, topic)


def our_brokers_under_their_controller(session):
    _brokers_beside(session, THEIRS, [THEIRS, session.kind, session.kind])


def their_brokers_under_our_controller(session):
    _brokers_beside(session, session.kind, [session.kind, THEIRS, THEIRS])


def _make_lead(ground, node):
    """It alone can win: of the two other voters one is dead, and the other was stopped while the two that are left committed without it."""
    others = [other for other in ground.nodes.values() if other is not node]
    others.sort(key=lambda other: other.node_id == ground.state.quorum().leader)
    behind, dead = others
    behind.pause()
    for i in range(3):  # the first of them may still lie in the buffers of its connection
        ground.state.create_topic(f"ahead.{behind.node_id}.{i}", 0, assignment={0: [node.node_id, dead.node_id]})
        ground.state.delete_topic(f"ahead.{behind.node_id}.{i}")
    dead.kill()
    behind.resume()
    eventually(lambda: ground.state.quorum().leader == node.node_id, f"node {node.node_id} ({node.kind}) leads the quorum", 60)
    ground.state.create_topic(f"under.{node.node_id}", 0, assignment={0: [node.node_id, behind.node_id]})
    dead.launch()
    ground.cluster.await_brokers()
    ground.cluster.await_whole()


def _voters_of_both(session, kinds):
    snapshots = {"metadata.log.max.record.bytes.between.snapshots": "8000"}
    nodes = {i + 1: (kind, BOTH) for i, kind in enumerate(kinds)}
    with Ground(session, f"voters-{'-'.join(kinds)}", nodes, **snapshots) as ground:
        topic = ground.topic("voted", 3)
        ground.load(topic)
        _through_kills(ground, topic, list(ground.nodes.values()))
        for node in (ground.nodes[1], ground.nodes[3]):  # one of each kind
            _make_lead(ground, node)
            ground.progress(f"under node {node.node_id} ({node.kind})", 90)
        _check_everything(ground, topic)


def voters_mostly_theirs(session):
    _voters_of_both(session, [THEIRS, THEIRS, session.kind])


def voters_mostly_ours(session):
    _voters_of_both(session, [THEIRS, session.kind, session.kind])


def _lost_disk(session, victim_kind, other_kind):
    """A node that comes back with nothing gets the metadata as a snapshot from the other kind, and all its replicas."""
    snapshots = {"metadata.log.max.record.bytes.between.snapshots": "4000", "metadata.log.segment.bytes": "8388608",
                 "metadata.max.retention.bytes": "8000", "metadata.log.segment.ms": "2000", "metadata.max.retention.ms": "1000"}
    nodes = {1: (victim_kind, BROKER), 2: (other_kind, BOTH), 3: (other_kind, BROKER)}
    with Ground(session, f"disk-{victim_kind}-{other_kind}", nodes, **snapshots) as ground:
        topic = ground.topic("disk", 3)
        ground.load(topic)
        victim = ground.nodes[1]
        victim.kill()
        ground.cluster.await_brokers()  # fenced: nothing new is put on it
        shutil.rmtree(victim.data)
        victim.forget()
        log = ground.nodes[2].data / "__cluster_metadata-0"
        for i in range(30):
            ground.state.create_topic(f"filler-{i}", 0, assignment={0: [2, 3], 1: [3, 2]})
        eventually(lambda: not (log / f"{0:020}.log").exists(), "the metadata's oldest segment is gone", 120)
        victim.start()
        ground.cluster.await_brokers()
        ground.cluster.await_whole()
        check(any(int(path.name[:20]) > 0 for path in (victim.data / "__cluster_metadata-0").glob("*.checkpoint")), "no snapshot was fetched")
        ground.progress("with the empty node", 90)
        _check_everything(ground, topic)


def our_lost_disk(session):
    _lost_disk(session, session.kind, THEIRS)


def their_lost_disk(session):
    _lost_disk(session, THEIRS, session.kind)


SHARED = []
ALONE = [our_brokers_under_their_controller, their_brokers_under_our_controller, voters_mostly_theirs, voters_mostly_ours, our_lost_disk,
         their_lost_disk]
