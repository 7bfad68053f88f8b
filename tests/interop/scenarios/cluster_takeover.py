"""Three nodes of Apache Kafka with data become ours one by one, on the same directories, under load, and Apache's again."""

from harness.cluster import BOTH
from harness.scenario import equal, eventually

from . import tools
from .cluster_ground import Ground

NAME = "takeover"
THEIRS = "apache"


def _fill(ground):
    """Data of before: a topic of some segments, another with its own configuration, a group that stopped half way."""
    old = ground.topic("old", 3, **{"segment.bytes": 1048576})
    ground.tools.call(tools.PRODUCER_PERFORMANCE, "--topic", old, "--num-records", 10000, "--record-size", 500, "--throughput", -1,
                      "--command-property", f"bootstrap.servers={ground.cluster.bootstrap}", "acks=all")
    equal(4000, len(ground.tools.consume(old, 4000, "--from-beginning", "--group", "half")), "half of the records")
    return old


def _check_old(ground, old):
    """Everything of before is there, and the group goes on where it was."""
    equal(10000, sum(ground.state.high_watermark(old, p) for p in range(3)), "records of before")
    rows = tools.rows(ground.tools.ask(tools.GROUP, "--describe", "--group", "half"), "PARTITION")
    equal(4000, sum(int(row["CURRENT-OFFSET"]) for row in rows), "committed by the group of before")
    for partition in range(3):
        ground.check_replicas(old, partition)


def _replace(ground, kind, kill):
    for node in ground.nodes.values():
        node.kill() if kill else node.stop()
        node.become(kind).start()
        ground.cluster.await_brokers()
        ground.cluster.await_whole()
        ground.progress(f"with node {node.node_id} as {kind}", 90)


def _take_over(session, name, kill):
    with Ground(session, name, {i: (THEIRS, BOTH) for i in (1, 2, 3)}) as ground:
        old = _fill(ground)
        topic = ground.topic("live", 3)
        ground.load(topic)
        _replace(ground, session.kind, kill)
        _check_old(ground, old)
        ground.topic("made.under.ours", 3)
        _replace(ground, THEIRS, kill)
        _check_old(ground, old)
        equal([], ground.settle(topic), "refused records")
        eventually(lambda: ground.check_internal_replicas() is None, "the groups' topic is the same everywhere")
        ground.check_metadata_logs()


def one_by_one_and_back(session):
    _take_over(session, "takeover-stopped", False)


def one_by_one_and_back_killed(session):
    _take_over(session, "takeover-killed", True)


SHARED = []
ALONE = [one_by_one_and_back, one_by_one_and_back_killed]
