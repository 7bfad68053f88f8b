"""The other clients, through their drivers (tests/interop/clients/README.md): each alone, then each reads what all wrote."""

import os
import pathlib
import sys

from harness import packages
from harness.process import Child, run as run_process
from harness.scenario import check, equal, eventually

from . import java

CLIENTS = pathlib.Path(__file__).resolve().parents[1] / "clients"
ALL_CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def _python(name):
    return lambda: [packages.python_venv(CLIENTS / "python/requirements.txt"), CLIENTS / f"python/{name}.py"]


def _kcat():
    packages.command("kcat", "kcat")
    return [sys.executable, CLIENTS / "python/kcat.py"]


def _java(version, folder):
    return lambda: ["java", *java.QUIET, "-cp", java.classes(version, folder), "Driver"]


def _node():
    return ["node", packages.node_modules(CLIENTS / "node") / "driver.js"]


class Client:
    """One client library: how its driver is started, and what it can't do."""

    def __init__(self, name, argv, codecs=None, tells_offsets=True, makes_topics=True, alone=True):
        self.name = name
        self._argv = argv
        self.codecs = codecs or ALL_CODECS
        self.tells_offsets = tells_offsets
        self.makes_topics = makes_topics
        self.alone = alone  # False: only its part in what all read and write

    def command(self, *words):
        return [*self._argv(), *words]


LIBRDKAFKA = Client("librdkafka_c", lambda: [packages.c_program(CLIENTS / "c/driver.c", ["rdkafka"])])
ALL = [
    Client("kcat", _kcat, tells_offsets=False, makes_topics=False),
    LIBRDKAFKA,
    Client("confluent_kafka", _python("confluent")),
    Client("kafka_python", _python("kafkapython")),
    Client("aiokafka", _python("aio")),
    Client("franz_go", lambda: [packages.go_program(CLIENTS / "go")]),
    Client("kafkajs", _node, codecs=["none", "gzip"], tells_offsets=False),
    Client("java_driver_39", _java(packages.OLD_CLIENTS_VERSION, "v3"), alone=False),
    Client("java_driver_43", _java(packages.KAFKA_VERSION, "v4"), alone=False),
]


class Work:
    """A scenario's hands: runs drivers against the broker, ends the members that are left."""

    _count = 0

    def __init__(self, session, client):
        self.session = session
        self.client = client
        self.environment = {**os.environ, "BOOTSTRAP": session.broker.bootstrap, "PYTHONDONTWRITEBYTECODE": "1"}
        self._members = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for member in self._members:
            member.kill()

    def name(self, hint):
        Work._count += 1
        return f"{self.client.name}-{hint}-{Work._count}"

    def drive(self, *words, client=None):
        return run_process((client or self.client).command(*words), env=self.environment)[1].splitlines()

    def topic(self, partitions):
        topic = self.name("topic")
        self.drive("create", topic, str(partitions), client=self.client if self.client.makes_topics else LIBRDKAFKA)
        return topic

    def produce(self, topic, codec, first, end, client=None):
        """Returns [(partition, offset, key)], or None when the client doesn't tell."""
        client = client or self.client
        lines = self.drive("produce", topic, codec, str(first), str(end), client=client)
        if not client.tells_offsets:
            return None
        sent = [line.split()[1:] for line in lines if line.startswith("sent ")]
        equal(end - first, len(sent), "acknowledged records")
        return [(int(p), int(o), k) for p, o, k in sent]

    def member(self, topic, group, client=None):
        member = Child((client or self.client).command("member", topic, group), self.session.directory / f"{self.client.name}.log",
                       env=self.environment)
        self._members.append(member)
        return member

    def leave(self, member):
        member.process.stdin.close()
        equal(0, member.finish(30), "exit code of a member that left")


def key(i):
    return f"k{i % 10}"


def value(i):
    return f"v-{i}-{'x' * (i % 50)}"


def records(lines):
    """[(partition, offset, key, value)] in the order in which they came."""
    result = []
    for line in lines:
        if line.startswith("record "):
            _, p, o, k, v = line.split(" ", 4)
            result.append((int(p), int(o), k, v))
    return result


def await_records(member, count, timeout_s=40):
    """Waits for count records and half a second more: one too many is a failure."""
    member.wait_for(lambda lines: len(records(lines)) >= count, f"{count} records", timeout_s)
    return records(member.lines)


def assignment(member):
    """The partitions that it has now; None before the first."""
    for line in reversed(member.lines):
        if line.startswith("assigned"):
            return sorted(int(p) for p in line[8:].split(",") if p.strip())
    return None


def _check_order(got, keys=True):
    """Offsets of a partition grow one by one; values of a key come in the order in which they were sent (keys=False: by
    clients that put the same key into different partitions)."""
    next_offset, last_of_key = {}, {}
    for partition, offset, k, v in got:
        equal(next_offset.get(partition, offset), offset, f"offset in partition {partition}")
        next_offset[partition] = offset + 1
        i = int(v.split("-")[1])
        check(not keys or i > last_of_key.get(k, -1), f"value {i} of key {k} came after {last_of_key.get(k)}")
        last_of_key[k] = i


def produce_consume_resume(work):
    topic, group = work.topic(3), work.name("group")
    sent, end = [], 0
    for codec in work.client.codecs:
        placed = work.produce(topic, codec, end, end + 200)
        sent += placed or []
        end += 200
    member = work.member(topic, group)
    got = await_records(member, end)
    equal(sorted((key(i), value(i)) for i in range(end)), sorted((k, v) for _, _, k, v in got), "keys and values")
    _check_order(got)
    if work.client.tells_offsets:
        equal(sorted((p, o, key(i), value(i)) for i, (p, o, _) in enumerate(sent)), sorted(got), "where each record was put")
    work.leave(member)
    equal(end, len(records(member.lines)), "records until it left")
    work.produce(topic, "none", end, end + 30)
    member = work.member(topic, group)
    got = await_records(member, 30)
    work.leave(member)
    equal(sorted(value(i) for i in range(end, end + 30)), sorted(r[3] for r in records(member.lines)), "after coming back")


def two_members_one_killed(work):
    topic, group = work.topic(4), work.name("group")
    one = work.member(topic, group)
    one.wait_for(lambda _: assignment(one) == [0, 1, 2, 3], "all partitions for the only member")
    two = work.member(topic, group)
    two.wait_for(lambda _: assignment(two) and len(assignment(two)) == 2, "two partitions for the second member")
    one.wait_for(lambda _: len(assignment(one)) == 2, "two partitions for the first member")
    equal([0, 1, 2, 3], sorted(assignment(one) + assignment(two)), "partitions of both")
    work.produce(topic, "none", 0, 100)
    eventually(lambda: len(records(one.lines)) + len(records(two.lines)) >= 100, "100 records for both")
    got = records(one.lines) + records(two.lines)
    equal(sorted(value(i) for i in range(100)), sorted(r[3] for r in got), "values, each once")
    for member in (one, two):
        check({r[0] for r in records(member.lines)} <= set(assignment(member)), "a record of a partition that it does not have")
    # The last commit of the victim may be under way: let it land, or its records come again.
    eventually(lambda: _committed_all(work, topic, group), "everything committed")
    two.kill()
    one.wait_for(lambda _: assignment(one) == [0, 1, 2, 3], "all partitions again for the survivor", 30)
    before = len(records(one.lines))
    work.produce(topic, "none", 100, 200)
    eventually(lambda: len(records(one.lines)) >= before + 100, "100 more records")
    work.leave(one)
    equal(sorted(value(i) for i in range(100, 200)), sorted(r[3] for r in records(one.lines)[before:]), "values for the survivor")


def _committed_all(work, topic, group):
    """By another client's eyes: the sum of the group's committed offsets is what was produced."""
    offsets = run_process([*_python("offsets")(), topic, group], env=work.environment)[1]
    return int(offsets) == 100


def create_and_delete(work):
    topic = work.topic(2)
    work.produce(topic, "none", 0, 10)
    work.drive("delete", topic)
    code, _, err = run_process(work.client.command("delete", topic), env=work.environment, check=False)
    check(code != 0, f"the second deletion did not fail: {err}")


def cross(session, readers, writers, codecs, name):
    """Every client reads the same topic, which every client wrote with every codec."""
    wanted = [reader for reader in readers if session.wanted(f"clients/{name}/{reader.name}")]
    if not wanted:
        return
    with Work(session, LIBRDKAFKA) as work:
        topic, expected, end = work.topic(2), [], 0
        state = {}

        def write():
            nonlocal end
            for writer in writers:
                for codec in codecs:
                    work.produce(topic, codec, end, end + 40, client=writer)
                    expected.extend(value(i) for i in range(end, end + 40))
                    end += 40

        def read(reader):
            def body():
                member = work.member(topic, f"{name}-{reader.name}", client=reader)
                got = await_records(member, end)
                work.leave(member)
                equal(sorted(expected), sorted(r[3] for r in got), "values")
                _check_order(got, keys=False)
                equal(state.setdefault("records", sorted(got)), sorted(got), "the same records at the same places for every reader")
            return body

        if session.report.run(f"clients/{name}/written_by_all", write):
            for reader in wanted:
                session.run(f"clients/{name}/{reader.name}", read(reader))


def run(session):
    for client in [c for c in ALL if c.alone]:
        for body in (produce_consume_resume, two_members_one_killed, create_and_delete):
            if body is create_and_delete and not client.makes_topics:
                continue

            def scenario(client=client, body=body):
                with Work(session, client) as work:
                    body(work)

            session.run(f"clients/{client.name}/{body.__name__}", scenario)
    cross(session, ALL, ALL, ["none", "gzip"], "cross_none_gzip")
    full = [client for client in ALL if client.codecs == ALL_CODECS]
    cross(session, full, full, ["snappy", "lz4", "zstd"], "cross_snappy_lz4_zstd")
