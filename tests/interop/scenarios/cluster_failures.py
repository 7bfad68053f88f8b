"""A cluster of three nodes under load while they are killed, stopped and restarted: no acknowledged record is lost, none of an idempotent
producer is there twice, order stays, consumers go on where they were."""

from harness import packages
from harness.process import run as run_process
from harness.scenario import check, equal, eventually

from . import tools
from .cluster_ground import Ground

NAME = "failures"


def ground(session, name):
    return Ground(session, name)


def replicated(ground):
    """What kcat and Java's tools write with acks=all is on all three, the same bytes, and read by the other."""
    topic = ground.topic("replicated", 3)
    kcat = packages.command("kcat", "kcat")
    lines = [f"k{i}:value {i}" for i in range(300)]
    run_process([kcat, "-b", ground.cluster.bootstrap, "-P", "-t", topic, "-K", ":", "-X", "acks=all"], stdin="".join(line + "\n" for line in lines))
    ground.tools.produce(topic, [f"j{i}:value {i}" for i in range(100)])
    equal(sorted(lines + [f"j{i}:value {i}" for i in range(100)]), sorted(ground.tools.consume(topic, 400, "--from-beginning", "--group", topic)),
          "what Java reads")
    out = run_process([kcat, "-b", ground.cluster.bootstrap, "-G", topic + ".kcat", "-o", "beginning", "-c", "400", "-X", "auto.offset.reset=earliest",
                       "-K", ":", topic])[1]
    equal(400, len(out.splitlines()), "what librdkafka's group reads")
    equal({1, 2, 3}, {p.leader for p in ground.state.partitions(topic).values()}, "leaders are spread")
    for partition in range(3):
        check(ground.check_replicas(topic, partition) > 1000, "hardly anything was replicated")
    eventually(lambda: ground.check_internal_replicas() is None, "the groups' topic is the same everywhere")
    ground.check_metadata_logs()


def _hurt(ground, choose, hurt, mend, **load):
    """A topic under load; choose(topic) names the nodes, hurt and mend do that to each."""
    topic = ground.topic("hurt", 3)
    ground.load(topic, **load)
    nodes = choose(topic)
    for node in nodes:
        hurt(node)
    if len(nodes) == 1:
        ground.progress("without the node", 90)
    for node in nodes:
        mend(node)
    ground.cluster.await_brokers()
    ground.progress("with the node again", 90)
    equal([], ground.settle(topic), "refused records")
    ground.check_metadata_logs()


def _kill(ground, choose):
    _hurt(ground, choose, lambda node: node.kill(), lambda node: node.launch())


def _neither(ground, *nodes):
    """A node that is none of these."""
    return next(node for node in ground.nodes.values() if node not in nodes)


def kill_leader(ground):
    """Of the three partitions each node leads one: the victim isn't the active controller."""
    _kill(ground, lambda topic: [_neither(ground, ground.state.active_controller())])


def kill_controller(ground):
    """The active controller, which here leads a partition too."""
    _kill(ground, lambda topic: [ground.state.active_controller()])


def kill_follower(ground):
    """A topic of one partition, of which the victim holds a follower."""
    topic = ground.topic("follower", 1)
    ground.load(topic, 1)
    victim = _neither(ground, ground.state.leader(topic), ground.state.active_controller())
    victim.kill()
    eventually(lambda: victim.node_id not in ground.state.partitions(topic)[0].isr, "the dead follower leaves the ISR")
    ground.progress("without the follower")
    victim.launch()
    ground.progress("with the follower", 90)
    equal([], ground.settle(topic, 1), "refused records")


def _each_in_turn(ground, stop, start):
    """A topic under load; each node once, the next as soon as the last one is in sync again."""
    topic = ground.topic("each", 3)
    ground.load(topic)
    for node in ground.nodes.values():
        stop(node)
        ground.progress(f"without node {node.node_id}", 90)
        start(node)
        ground.cluster.await_brokers()
        ground.cluster.await_whole()
    equal([], ground.settle(topic), "refused records")


def kill_one_after_the_other(ground):
    _each_in_turn(ground, lambda node: node.kill(), lambda node: node.launch())


def kill_all(ground):
    """All at once: what was acknowledged is there when they are back."""
    _kill(ground, lambda topic: list(ground.nodes.values()))


def kill_two(ground):
    """The quorum is gone until they are back; nothing that was acknowledged is."""
    _kill(ground, lambda topic: [node for node in ground.nodes.values() if node is not ground.state.active_controller()])


def _pause(ground, choose):
    """SIGSTOP: its connections stay open, its session runs out; woken up, it learns that others lead. Clients with default settings wait for
    it for up to two minutes."""
    _hurt(ground, choose, lambda node: node.pause(), lambda node: node.resume(), hasty=True)


def pause_leader(ground):
    _pause(ground, lambda topic: [_neither(ground, ground.state.active_controller())])


def pause_controller(ground):
    _pause(ground, lambda topic: [ground.state.active_controller()])


def rolling_restart(ground):
    """Clean stops: no client sees an error, and leaders move before their node goes."""
    _each_in_turn(ground, lambda node: node.stop(), lambda node: node.start())


def plain_producers(ground):
    """Without idempotence records may come twice, but none is lost."""
    topic = ground.topic("plain", 3)
    ground.load(topic, idempotent=False)
    victim = ground.nodes[1]
    victim.kill()
    ground.progress("without the node", 90)
    victim.launch()
    ground.cluster.await_brokers()
    equal([], ground.settle(topic), "refused records")


def under_min_insync(ground):
    """With fewer in sync than min.insync.replicas, acks=all is refused and acks=1 isn't."""
    topic = ground.topic("insync", 1, **{"min.insync.replicas": 3})
    victim = _neither(ground, ground.state.leader(topic), ground.state.active_controller())
    victim.kill()
    eventually(lambda: victim.node_id not in ground.state.partitions(topic)[0].isr, "the dead follower leaves the ISR")
    kcat = packages.command("kcat", "kcat")
    produce = [kcat, "-b", ground.cluster.bootstrap, "-P", "-t", topic, "-X", "message.timeout.ms=4000"]
    code, _, err = run_process([*produce, "-X", "acks=all"], stdin="a\n", check=False)
    check(code != 0, f"acks=all was acknowledged by two of three\n{err}")
    run_process([*produce, "-X", "acks=1"], stdin="b\n")
    text = ground.tools.ask(tools.TOPIC, "--describe", "--under-min-isr-partitions")
    check(topic in text, f"under min ISR: {text}")
    victim.start()
    ground.cluster.await_whole(topic)
    run_process([*produce, "-X", "acks=all"], stdin="c\n")
    values = [value for _, value in ground.read_all(topic, 1)[0]]
    equal(["b", "c"], [v for v in values if v != "a"], "values")
    ground.check_replicas(topic, 0)


SHARED = [replicated, kill_leader, kill_follower, kill_controller, kill_one_after_the_other, kill_two, kill_all, pause_leader, pause_controller,
          rolling_restart, plain_producers, under_min_insync]
ALONE = []
