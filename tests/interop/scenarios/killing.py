"""kill -9 under load: what was acknowledged is there, once, in order; committed offsets don't go back."""

import random
import time

from harness import packages
from harness.process import Child
from harness.process import run as run_process
from harness.scenario import check, equal, eventually

from . import clients, java

PARTITIONS = 3
KILLS = 5


def _parsed(lines, word):
    return [line.split()[1:] for line in lines if line.startswith(word + " ")]


def _committed(session, environment, topic, group):
    """{partition: offset} as another client sees it."""
    argv = [*clients._python("offsets")(), topic, group, "each"]
    out = run_process(argv, env=environment)[1]
    return {int(p): int(o) for p, o in (line.split() for line in out.splitlines())}


def _promised(lines):
    """{partition: offset}: the last commit that came back to its client."""
    return {int(p): int(o) for p, o in _parsed(lines, "committed")}


def _read_all(broker, topic):
    """{partition: [(offset, number)]} by librdkafka, from the beginning to the end."""
    kcat = packages.command("kcat", "kcat")
    records = {}
    for p in range(PARTITIONS):
        out = run_process([kcat, "-b", broker.bootstrap, "-C", "-t", topic, "-p", p, "-o", "beginning", "-e", "-q", "-X", "check.crcs=true",
                           "-f", "%o %s\n"])[1]
        records[p] = [tuple(int(x) for x in line.split()) for line in out.splitlines()]
    return records


def kill_in_a_loop(session):
    chance = random.Random(session.seed)
    broker = session.new_broker("killed")
    broker.start()
    with clients.Work(session, clients.LIBRDKAFKA) as work:
        work.environment["BOOTSTRAP"] = broker.bootstrap
        topic, group = "numbers", "readers"
        work.drive("create", topic, str(PARTITIONS))
        load = Child(["java", *java.QUIET, "-cp", java.classes(packages.KAFKA_VERSION, "v4"), "Load", broker.bootstrap, topic,
                      str(PARTITIONS), group], session.directory / "load.log")
        try:
            floor = {}
            for kill in range(KILLS):
                acked = len(_parsed(load.lines, "acked"))
                committed = len(_parsed(load.lines, "committed"))
                load.wait_for(lambda lines: len(_parsed(lines, "acked")) > acked + 300 and len(_parsed(lines, "committed")) > committed + 3,
                              f"progress before kill {kill + 1}", 60)
                time.sleep(chance.random() * 0.5)
                broker.kill()
                # The pipe may hold lines that were printed before the kill: all of them bind the broker.
                broker.start()
                floor = {p: max(o, floor.get(p, 0)) for p, o in _promised(list(load.lines)).items()}
                now = eventually(lambda: _committed(session, work.environment, topic, group), "committed offsets after the kill", 30)
                for p, o in floor.items():
                    check(now.get(p, -1) >= o, f"kill {kill + 1}: partition {p} was committed at {o}, now it is {now.get(p)}")
            load.process.stdin.close()
            load.wait_for(lambda lines: "ended" in lines, "the load's end", 90)
        finally:
            load.kill()
        lines = load.lines
        refused = {int(x[0]) for x in _parsed(lines, "refused")}
        acked = [(int(p), int(o), int(n)) for p, o, n in _parsed(lines, "acked")]
        check(len(acked) > KILLS * 300, f"only {len(acked)} records acknowledged")
        broker.restart()
        records = _read_all(broker, topic)
        broker.stop()
    for p, found in records.items():
        equal(list(range(len(found))), [o for o, _ in found], f"offsets of partition {p}")
        numbers = [n for _, n in found]
        equal(sorted(set(numbers)), numbers, f"partition {p}: each once, in order")
        at = dict(found)
        for q, offset, number in acked:
            if q == p:
                equal(number, at.get(offset), f"partition {p}, acknowledged at offset {offset}")
    everything = {n for found in records.values() for _, n in found}
    sent = {n for _, _, n in acked} | refused
    check(everything <= sent, f"records that nobody sent: {sorted(everything - sent)[:10]}")
    print(f"      {len(acked)} acknowledged, {len(refused)} refused, {KILLS} kills", flush=True)


def run(session):
    session.run("kill/under_load", lambda: kill_in_a_loop(session))
