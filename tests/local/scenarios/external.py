"""Topics with spec.bootstrapServers: on a cluster that the operator doesn't run, Dohle's broker or Apache Kafka."""

import json

from harness import broker as brokers
from harness.process import run as run_process
from harness.scenario import contains, equal, eventually
from world import topic


def _partitions(broker, name):
    _, out, _ = run_process(["kcat", "-b", broker.bootstrap, "-L", "-J"])
    found = [t for t in json.loads(out)["topics"] if t["topic"] == name and "error" not in t]
    return len(found[0]["partitions"]) if found else 0


def topics_on(world, broker):
    servers = broker.bootstrap
    name = f"guest-{broker.name}"
    world.write(f"{name}.yaml", topic(name, bootstrapServers=servers, partitions=2, config={"retention.ms": "60000"}))
    world.ready("Topic", name, 30)
    equal(2, _partitions(broker, name), "partitions")
    world.write(f"{name}.yaml", topic(name, bootstrapServers=servers, partitions=4, config={"retention.ms": "90000"}))
    eventually(lambda: _partitions(broker, name) == 4, "4 partitions")
    world.write(f"{name}.yaml", topic(name, bootstrapServers=servers, partitions=4, replicas=2, config={"retention.ms": "90000"}))
    contains(world.not_ready(name, "TooFewBrokers", 30), "there is 1 broker", "the condition")
    world.write(f"{name}.yaml", topic(name, bootstrapServers=servers, partitions=4, config={"retention.ms": "90000"}))
    world.ready("Topic", name, 30)
    world.remove(f"{name}.yaml")
    world.gone("Topic", name)
    equal(0, _partitions(broker, name), "partitions of the deleted topic")


def nobody_there(world):
    """The first word comes only after its patience with connecting."""
    world.write("alone.yaml", topic("alone", bootstrapServers=f"localhost:{brokers.free_port()}"))
    contains(world.not_ready("alone", "BrokerUnreachable", 60), "localhost", "the condition")
    world.remove("alone.yaml")


def run(session):
    world = session.world().start()
    started = []
    try:
        for kind in ("dohle", "apache"):
            if session.parts and not any(part in f"topics_on_{kind}" for part in session.parts):
                continue
            started.append(brokers.KINDS[kind](session.directory / kind))
            started[-1].start()
            session.run(f"topics_on_{kind}", topics_on, world, started[-1])
        session.run("topics_on_nobody", nobody_there, world)
    finally:
        for broker in started:
            broker.kill()
