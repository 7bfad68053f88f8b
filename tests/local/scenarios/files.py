"""The way in: the sample, mistakes in files, the commands."""

import json

from harness.process import Failure
from harness.scenario import check, contains, equal, eventually
from world import ROOT, topic


def quickstart(world, external):
    """The sample as it is shipped, but for its ports, to acknowledged records and a consumer."""
    text = (ROOT / "manifests/samples/quickstart.yaml").read_text()
    world.write("quickstart.yaml", text.replace("9092", str(world.port)).replace("9094", str(external)))
    world.start()
    line = world.said(r"cluster quickstart is Ready, clients connect to ")
    contains(line, f"localhost:{world.port}", "where clients connect")
    contains(line, f"localhost:{external}", "where clients connect")
    world.said("topic orders is ready with 3 partitions")
    world.said("topic clicks is ready with 6 partitions")
    equal(3, world.partitions("orders"), "partitions on the broker")
    equal(6, world.partitions("clicks"), "partitions on the broker")
    world.produce("orders", range(100))
    equal(sorted(map(str, range(100))), sorted(world.consume("orders")), "what a consumer gets")
    out = world.kcat("-b", f"localhost:{external}", "-C", "-t", "orders", "-o", "beginning", "-e", "-q")[1]
    equal(100, len(out.splitlines()), "records through the other listener")


def mistakes(world):
    """Each is told with its file, line and field; what was there stays; nothing of it is left when it is put right."""
    good = (world.directory / "quickstart.yaml").read_text()
    line = 1 + next(i for i, text in enumerate(good.splitlines()) if "partitions: 3" in text)
    world.write("quickstart.yaml", good.replace("partitions: 3", "partitons: 3"))
    world.said(rf"quickstart.yaml:{line}: spec.partitons: .*did you mean partitions")
    world.write("quickstart.yaml", good.replace("partitions: 3", "partitions: many"))
    world.said(rf"quickstart.yaml:{line}: spec.partitions: ")
    world.write("quickstart.yaml", good.replace("partitions: 3", "partitions: 2"))
    world.said(rf"quickstart.yaml:{line}: spec.partitions: .*can't become fewer")
    world.write("quickstart.yaml", good.replace("kind: Topic", "kind: Topics"))
    world.said(r"quickstart.yaml:\d+: kind: ")
    world.write("quickstart.yaml", good + "\n  - [")
    world.said(r"quickstart.yaml:\d+: ")
    equal(3, world.partitions("orders"), "partitions after all that")
    equal(100, len(world.consume("orders")), "records after all that")
    world.write("quickstart.yaml", good)
    world.ready("Topic", "orders")
    owned = good.replace("brokers: 1", "brokers: 1\n  config: {log.dirs: /tmp}")
    world.write("quickstart.yaml", owned)
    world.said(r"quickstart.yaml:\d+: spec.config.*log.dirs")
    world.write("quickstart.yaml", good)


def commands(world):
    contains(world.command("get", "clusters"), "quickstart", "get clusters")
    out = world.command("get", "topics")
    contains(out, "orders", "get topics")
    contains(out, "6 partitions", "get topics")
    contains(world.command("get", "Topic", "clicks"), "clicks", "get Topic clicks")
    contains(world.command("get", "pods"), "quickstart-broker-0", "get pods")
    out = world.command("describe", "topic", "orders")
    contains(out, "TopicCreated", "describe topic orders")
    contains(out, '"partitions": 3', "describe topic orders")
    contains(world.command("describe", "topic", "nothing", ok=False), "no Topic called nothing", "describe of what isn't there")
    contains(world.command("get", "widgets", ok=False), "widgets", "get of a kind that isn't there")


def apply_and_delete(world, elsewhere):
    file = elsewhere / "invoices.yaml"
    file.write_text(json.dumps(topic("invoices", "quickstart", partitions=2)))
    contains(world.command("apply", file), "1 resources", "apply")
    world.ready("Topic", "invoices")
    equal(2, world.partitions("invoices"), "partitions")
    file.write_text("kind: [")
    contains(world.command("apply", file, ok=False), "invoices.yaml:2: not YAML", "apply of a file that can't be read")
    contains(world.command("delete", "topic", "invoices"), "taken out", "delete")
    world.gone("Topic", "invoices")
    equal(0, world.partitions("invoices"), "partitions of the deleted topic")
    # One of several in a file: the others stay.
    world.command("delete", "topic", "orders")
    world.gone("Topic", "orders")
    world.ready("Topic", "clicks")
    check("name: clicks" in (world.directory / "quickstart.yaml").read_text(), "the file lost another Topic")
    contains(world.command("delete", "topic", "orders", ok=False), "no file", "delete of what isn't there")


def two_operators(world):
    """A second one on the same directory says why it doesn't start."""
    from harness.process import run
    from world import executable
    code, out, err = run([executable(), "--local", world.directory, "--plain", "--metrics-port", "0"], check=False, timeout_s=10)
    equal(1, code, "exit code of a second operator")
    contains(out + err, "another operator runs", "what it says")


def not_running(world):
    world.stop()
    contains(world.command("get", "topics", ok=False), "no operator runs", "get without an operator")
    try:
        eventually(lambda: world.broker_pid("quickstart") is None, "the broker is stopped", 1)
    except Failure:
        raise Failure("the operator left its broker behind") from None


def run(session):
    from harness.broker import free_port
    world = session.world()
    session.run("quickstart", quickstart, world, free_port())
    if world.operator is None:
        return
    session.run("files_mistakes", mistakes, world)
    session.run("commands_get_and_describe", commands, world)
    session.run("commands_apply_and_delete", apply_and_delete, world, session.directory)
    session.run("second_operator_is_refused", two_operators, world)
    session.run("stopped_operator", not_running, world)
