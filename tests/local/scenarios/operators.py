"""What befalls the operator itself."""

import signal

from harness.scenario import contains, equal, eventually
from world import topic


def stopped_and_started(world):
    """SIGTERM stops the brokers with grace; all is there again at the next start."""
    world.produce("books", range(100))
    cluster = world.ready("Cluster", "main")["status"]["clusterId"]
    old = world.broker_pid()
    world.stop()
    eventually(lambda: world.broker_pid() is None, "no broker is left", 1)
    log = (world.state / "logs/default_main-broker-0_broker.log").read_text()
    contains(log.lower(), "stopped", "the broker's last words")
    world.start()
    equal(cluster, world.ready("Cluster", "main")["status"]["clusterId"], "cluster id")
    world.ready("Topic", "books")
    world.answering()
    equal(100, len(world.consume("books")), "records")
    eventually(lambda: world.broker_pid() not in (None, old), "another process")


def killed(world):
    """-9 in the midst of things: no broker is left twice, no data lost."""
    world.produce("books", range(100, 200))
    old = world.broker_pid()
    world.kill()
    eventually(lambda: world.broker_pid() is None, "the broker ended with the operator")
    world.start()
    world.ready("Cluster", "main")
    world.ready("Topic", "books")
    world.answering()
    eventually(lambda: world.broker_pid() not in (None, old), "another process")
    equal(200, len(world.consume("books")), "records")


def changed_while_away(world):
    """What was edited, and taken out, while no operator ran."""
    world.write("more.yaml", topic("leaving"))
    world.ready("Topic", "leaving")
    world.stop()
    world.remove("more.yaml")
    world.write("topics.yaml", topic("books", partitions=6))
    world.start()
    world.until("Topic", "books", lambda t: t["status"].get("partitions") == 6, "6 partitions")
    world.gone("Topic", "leaving")
    equal(0, world.partitions("leaving"), "partitions of what was taken out")


def interrupted(world):
    """Ctrl-C is SIGINT."""
    world.operator.process.send_signal(signal.SIGINT)
    equal(0, world.operator.finish(), "exit code")
    world.operator = None
    eventually(lambda: world.broker_pid() is None, "no broker is left", 1)


def run(session):
    world = session.world().up(topic("books", partitions=2))
    session.run("operator_stopped_and_started", stopped_and_started, world)
    session.run("operator_killed", killed, world)
    session.run("operator_changed_while_away", changed_while_away, world)
    session.run("operator_interrupted", interrupted, world)
