"""What befalls a broker: killed, stopped for a while."""

import signal

from harness.scenario import equal, eventually
from world import condition, topic


def killed(world):
    """-9: at once it is there again, with every record that it acknowledged."""
    world.produce("ledger", range(500))
    old = world.signal_broker(signal.SIGKILL)
    new = eventually(lambda: world.broker_pid() not in (None, old) and world.broker_pid(), "another process")
    world.said("ended with signal 9")
    world.answering()
    world.ready("Cluster", "main")
    equal(500, len(world.consume("ledger")), "records after the kill")
    world.produce("ledger", range(500, 600))
    equal(sorted(map(str, range(600))), sorted(world.consume("ledger")), "records")
    equal(new, world.broker_pid(), "the broker's process")


def silent(world):
    """One that is stopped answers nobody: the status says so, and that it is well again."""
    pid = world.signal_broker(signal.SIGSTOP)
    try:
        told = world.until("Cluster", "main", lambda c: condition(c).get("status") != "True", "not Ready", 30)
        world.broker_told = condition(told)["reason"]
    finally:
        world.signal_broker(signal.SIGCONT)
    world.ready("Cluster", "main", 30)
    world.ready("Topic", "ledger", 30)
    equal(600, len(world.consume("ledger")), "records")
    equal("BrokerUnreachable", world.broker_told, f"the reason (process {pid})")


def run(session):
    world = session.world().up(topic("ledger", partitions=3))
    session.run("broker_killed", killed, world)
    session.run("broker_silent", silent, world)
