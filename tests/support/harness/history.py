"""What streams of records saw (interop/clients/README.md, «Streams»), held against what the logs hold in the end.

Found are records that were acknowledged and lost, doubled, out of order, read though nobody sent them or though they are not there,
skipped by a consumer, and committed offsets that went back.
"""

import collections

from .process import Child, Failure
from .scenario import check, equal

Ack = collections.namedtuple("Ack", "partition offset value sent_us acked_us")


class Stream:
    """A stream's process, while it runs and after. `argv` is the command without the stream's own words."""

    def __init__(self, argv, bootstrap, topic, partitions, name, log_path, rate=100, group=None, idempotent=True, hasty=False):
        self.name, self.topic, self.partitions, self.group, self.idempotent = name, topic, partitions, group, idempotent
        words = [bootstrap, topic, partitions, name, rate, group or "-", "idempotent" if idempotent else "plain", "hasty" if hasty else "default"]
        self.child = Child([*argv, *words], log_path)
        self._seen, self._counts = 0, collections.Counter()

    def count(self, word, partition=None):
        """How many lines so far begin with the word (and the partition)."""
        lines = self.child.lines
        end = len(lines)
        for line in lines[self._seen:end]:
            first, _, rest = line.partition(" ")
            self._counts[first] += 1
            self._counts[first, rest.partition(" ")[0]] += 1
        self._seen = end
        return self._counts[word] if partition is None else self._counts[word, str(partition)]

    def await_progress(self, what, timeout_s=60):
        """In every partition records go in and, with a group, come out and are committed."""
        goals = [("acked", 10), ("read", 10), ("committed", 1)] if self.group else [("acked", 10)]
        wanted = {(word, p): self.count(word, p) + more for word, more in goals for p in range(self.partitions)}

        def missing():
            return {goal: self.count(*goal) for goal, least in wanted.items() if self.count(*goal) < least}

        try:
            self.child.wait_for(lambda _: not missing(), f"progress {what}", timeout_s)
        except Failure as failure:
            raise Failure(f"{self.name}: no progress {what}: wanted {wanted}, is {missing()}\n{failure}") from None

    def drain(self, timeout_s=120):
        """Ends the producing; afterwards all records have their verdict."""
        self.child.send("drain")
        self.child.wait_for(lambda _: self.count("drained"), f"{self.name}: a verdict for everything sent", timeout_s)

    def end(self, timeout_s=60):
        self.child.process.stdin.close()
        self.child.wait_for(lambda lines: lines and lines[-1] == "ended", f"{self.name} ends", timeout_s)
        self.child.finish()

    def kill(self):
        self.child.kill()

    def _of(self, word):
        return [line.split(" ")[1:] for line in self.child.lines if line.startswith(word + " ")]

    def acks(self):
        return [Ack(int(p), int(o), v, int(s), int(a)) for p, o, v, s, a in self._of("acked")]

    def refused(self):
        return [" ".join(words) for words in self._of("refused")]

    def sent(self):
        """How many values there are, from NAME-0 on."""
        return int(self._of("drained")[0][0])

    def positions_read(self):
        return {(int(p), int(o)) for p, o, _ in self._of("read")}


def longest_gap_ms(acks, from_us=0):
    """Between one acknowledgement and the next, of those that end after from_us: what the producer saw of an outage."""
    times = sorted(ack.acked_us for ack in acks)
    gaps = [after - before for before, after in zip(times, times[1:]) if after >= from_us]
    return max(gaps, default=0) / 1000


def check_history(streams, logs):
    """logs: {partition: [(offset, value)]}, all that is there after the last fault."""
    for partition, found in logs.items():
        equal(list(range(found[0][0] if found else 0, (found[-1][0] if found else -1) + 1)), [o for o, _ in found], f"offsets of partition {partition}")
    at = {(partition, offset): value for partition, found in logs.items() for offset, value in found}
    for stream in streams:
        _check_acknowledged(stream, at)
        _check_order(stream, logs)
        if stream.group:
            _check_reads(stream, logs, at)
    counts = {stream.name: stream.sent() for stream in streams}
    for place, value in at.items():
        name, _, number = value.rpartition("-")
        check(name in counts and int(number) < counts[name], f"{value} at {place} was never sent")


def _check_acknowledged(stream, at):
    there = {(partition, value) for (partition, _), value in at.items()}
    lost = [ack for ack in stream.acks()
            if ((ack.partition, ack.value) not in there if ack.offset < 0 else at.get((ack.partition, ack.offset)) != ack.value)]
    check(not lost, f"{stream.name}: {len(lost)} of {len(stream.acks())} acknowledged records are not where they were put, the first: "
                    + "; ".join(f"{a.value} in partition {a.partition} at {a.offset}: {at.get((a.partition, a.offset))}" for a in lost[:5]))


def _check_order(stream, logs):
    """A producer's values grow in each partition; of a plain one, retries may repeat and reorder them."""
    if not stream.idempotent:
        return
    for partition, found in logs.items():
        mine = [(int(value.rpartition("-")[2]), offset) for offset, value in found if value.rpartition("-")[0] == stream.name]
        for (before, _), (after, offset) in zip(mine, mine[1:]):
            check(after > before, f"{stream.name}: {after} at offset {offset} of partition {partition} comes after {before}")


def _check_reads(stream, logs, at):
    """One member alone: it reads on, or again from its last commit on; nothing is left out."""
    following, committed = {}, {}
    for line in stream.child.lines:
        words = line.split(" ")
        if words[0] == "committed":
            p, o = int(words[1]), int(words[2])
            check(o >= committed.get(p, 0), f"{stream.name}: the commit of partition {p} went from {committed.get(p)} back to {o}")
            committed[p] = o
        elif words[0] == "read":
            p, o = int(words[1]), int(words[2])
            check(at.get((p, o)) == words[3], f"{stream.name}: read {words[3]} in partition {p} at {o}, there is {at.get((p, o))}")
            check(o <= following.get(p, 0), f"{stream.name}: partition {p} was read up to {following.get(p, 0)}, then at {o}")
            check(o >= committed.get(p, 0), f"{stream.name}: partition {p} was committed at {committed.get(p)}, then read again at {o}")
            following[p] = o + 1
    ends = {p: found[-1][0] + 1 for p, found in logs.items() if found}
    equal(ends, following, f"{stream.name}: read to the end")
