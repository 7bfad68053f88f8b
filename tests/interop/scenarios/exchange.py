"""A log directory changes hands between Apache Kafka and the broker: everything is there for the next owner, who goes on."""

from harness.scenario import check, contains, equal, eventually

from . import clients, tools


class History:
    """What was done to the directory so far, and the checks that all of it is there."""

    def __init__(self, session, first, name):
        self.session = session
        self.work = clients.Work(session, clients.LIBRDKAFKA)
        self.broker = first
        self.tools = tools.Tools(session, first)
        self.topic = "exchange." + name
        self.end = 0
        self.placed = []
        self.owners = 0

    def bind(self, broker):
        self.broker = self.tools.broker = broker
        self.work.environment["BOOTSTRAP"] = broker.bootstrap

    def begin(self):
        self.tools.ask(tools.TOPIC, "--create", "--topic", self.topic, "--partitions", 3, "--config", "retention.ms=86400001", "--config",
                       "segment.bytes=1048576")
        self.tools.ask(tools.TOPIC, "--create", "--topic", self.topic + ".gone")
        self.tools.ask(tools.TOPIC, "--delete", "--topic", self.topic + ".gone")
        self.tools.ask(tools.CONFIG, "--entity-type", "brokers", "--entity-default", "--alter", "--add-config", "log.cleaner.threads=2")
        eventually(lambda: len(self.tools.offsets(self.topic)) == 3, "leaders")

    def go_on(self):
        """This owner's part: records with every codec, offsets of two groups, a topic of its own."""
        self.owners += 1
        for codec in clients.ALL_CODECS:
            self.placed += self.work.produce(self.topic, codec, self.end, self.end + 50)
            self.end += 50
        member = self.work.member(self.topic, "reader")
        clients.await_records(member, 250)
        self.work.leave(member)
        equal(sorted(clients.value(i) for i in range(self.end - 250, self.end)), sorted(r[3] for r in clients.records(member.lines)),
              f"what the group had not read, owner {self.owners}")
        mine = f"{self.topic}.owner{self.owners}"
        self.tools.ask(tools.TOPIC, "--create", "--topic", mine)
        eventually(lambda: self.tools.offsets(mine) == [0], "leader")
        self.tools.produce(mine, [f"k:{self.owners}"])

    def check(self):
        names = self.tools.ask(tools.TOPIC, "--list").split()
        check(self.topic + ".gone" not in names, "a deleted topic is back")
        text = self.tools.ask(tools.TOPIC, "--describe", "--topic", self.topic)
        contains(text, "retention.ms=86400001", "topic config")
        equal(3, text.count("Leader: 1"), "leaders")
        contains(self.tools.ask(tools.CONFIG, "--entity-type", "brokers", "--entity-default", "--describe"), "log.cleaner.threads=2", "broker config")
        contains(self.tools.call(tools.CLUSTER, "cluster-id", "--bootstrap-server", self.broker.bootstrap), "4L6g3nShT-eMCtK--X86sw", "cluster id")
        for owner in range(1, self.owners + 1):
            equal([f"k:{owner}"], self.tools.consume(f"{self.topic}.owner{owner}", 1, "--from-beginning"), f"topic of owner {owner}")
        member = self.work.member(self.topic, self.work.name("checker"))
        got = clients.await_records(member, self.end)
        self.work.leave(member)
        expected = sorted((p, o, clients.key(i), clients.value(i)) for i, (p, o, _) in enumerate(self.placed))
        equal(expected, sorted(got), "every record at its place")
        rows = tools.rows(self.tools.ask(tools.GROUP, "--describe", "--group", "reader"), "PARTITION")
        equal(self.tools.offsets(self.topic), [int(r["CURRENT-OFFSET"]) for r in rows], "committed offsets")


def _pass_around(session, first, second, name, kill):
    """first writes, second goes on, first takes it back."""
    one = session.new_broker(f"exchange-{name}", kind=first)
    two = session.new_broker(f"exchange-{name}-second", kind=second)
    one.start()
    history = History(session, one, name)
    try:
        with history.work:
            history.bind(one)
            history.begin()
            history.go_on()
            history.check()
            for previous, owner in ((one, two), (two, one)):
                previous.kill() if kill else previous.stop()
                owner.take_over(previous).start()
                history.bind(owner)
                eventually(lambda: len(history.tools.offsets(history.topic)) == 3, "leaders")
                history.check()
                history.go_on()
                history.check()
            history.broker.stop()
            log = two.data / f"{history.topic}-0/00000000000000000000.log"
            text = history.tools.call(tools.DUMP, "--deep-iteration", "--files", log)
            check("isvalid: false" not in text, "a batch is not valid")
            history.tools.call(tools.DUMP, "--index-sanity-check", "--files", log.with_suffix(".index"))
    finally:
        history.tools.close()
        for broker in (one, two):
            if broker.alive():
                broker.kill()


def run(session):
    orders = [("apache", session.kind)] if session.kind == "apache" else [("apache", session.kind), (session.kind, "apache")]
    for first, second in orders:
        for kill in (False, True):
            name = f"{first}_then_{second}_{'killed' if kill else 'stopped'}"
            session.run(f"exchange/{name}", lambda f=first, s=second, n=name, k=kill: _pass_around(session, f, s, n, k))
