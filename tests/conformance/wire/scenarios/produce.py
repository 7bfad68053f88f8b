"""Records, good and bad, are written."""

import struct

from harness import wire

from .asking import UNKNOWN_ID, ZERO, scenario


def produce(t, version, name, topic_id, records, acks=-1, partition=0, **more):
    topic = {"topicId": topic_id} if version >= 13 else {"name": name}
    return t.ask("Produce", version, acks=acks, timeoutMs=5000, topicData=[{**topic, "partitionData": [{"index": partition, "records": records}]}], **more)


def one(t, value=b"v", **more):
    return wire.batch([wire.record(0, b"k", value)], t.now, **more)


@scenario
def produce_all_versions(t):
    topic_id = t.topic("produce.all")
    for version in t.versions("Produce"):
        for acks in (1, -1):
            produce(t, version, "produce.all", topic_id, one(t), acks)


@scenario
def produce_acks(t):
    topic_id = t.topic("produce.acks")
    for acks in (2, -2):
        produce(t, 9, "produce.acks", topic_id, one(t), acks)
    t.send_only("Produce", 9, acks=0, timeoutMs=5000, topicData=[{"name": "produce.acks", "partitionData": [{"index": 0, "records": one(t)}]}])
    t.note("acks=0 leaves no answer behind: the next answer is the next request's")
    t.settle("ListOffsets", 7, lambda a: a["topics"][0]["partitions"][0]["offset"] == 1, replicaId=-1,
             topics=[{"name": "produce.acks", "partitions": [{"partitionIndex": 0, "timestamp": -1}]}])
    produce(t, 9, "produce.acks", topic_id, one(t), 1)
    t.note("an error with acks=0 closes the connection")
    t.send_only("Produce", 9, acks=0, timeoutMs=5000, topicData=[{"name": "produce.none", "partitionData": [{"index": 0, "records": one(t)}]}])
    t.ask("ApiVersions", 0, hide=("apiKeys",))


@scenario
def produce_unknown(t):
    topic_id = t.topic("produce.known")
    for version in (3, 7, 8, 12):
        produce(t, version, "produce.none", ZERO, one(t))
        produce(t, version, "produce.known", topic_id, one(t), partition=7)
        produce(t, version, "produce.known", topic_id, one(t), partition=-1)
    produce(t, 13, None, UNKNOWN_ID, one(t))
    produce(t, 13, None, ZERO, one(t))
    produce(t, 13, None, topic_id, one(t), partition=7)


@scenario
def produce_bad_batches(t):
    topic_id = t.topic("produce.bad")
    good = one(t)
    cases = {
        "wrong crc": one(t, crc=12345),
        "magic 3": one(t, magic=3),
        "magic 1": one(t, magic=1),
        "magic 0": one(t, magic=0),
        "cut short": good[:-3],
        "only a part of the header": good[:30],
        "no bytes": b"",
        "batch length too large": good[:8] + struct.pack(">i", 1000) + good[12:],
        "batch length too small": good[:8] + struct.pack(">i", 10) + good[12:],
        "two batches": good + good,
        "count too large": one(t, count=5, last_offset_delta=0),
        "count 0": one(t, count=0, last_offset_delta=0),
        "no records": wire.batch([], t.now, count=0, last_offset_delta=-1),
        "last offset delta wrong": one(t, last_offset_delta=7),
        "base offset 77": one(t, base_offset=77),
        "control batch": one(t, attributes=0x20),
        "transactional without a producer id": one(t, attributes=0x10),
        "codec 7": one(t, attributes=7),
        "gzip that isn't": one(t, attributes=1),
        "zstd that isn't": one(t, attributes=4),
        "a record longer than the batch": wire.batch(wire.zigzag(100) + b"\0\0\0\0", t.now, count=1),
        "LogAppendTime set by the client": one(t, attributes=8),
        "records behind the last one": wire.batch(wire.record(0, b"k", b"v") + b"more", t.now, count=1),
        "an empty header key": wire.batch([wire.record(0, b"k", b"v", headers=[(b"", b"x")])], t.now),
        "a null key and value": wire.batch([wire.record(0, None, None)], t.now),
        "a time in the far future": wire.batch([wire.record(0, b"k", b"v")], 4_000_000_000_000),
        "time -1": wire.batch([wire.record(0, b"k", b"v")], -1),
        "producer id without a sequence": one(t, producer_id=4242),
        "producer id that nobody has": one(t, producer_id=4242, producer_epoch=0, base_sequence=0),
    }
    for name, data in cases.items():
        t.note(name)
        produce(t, 9, "produce.bad", topic_id, data)
    # Null records are left out: Apache never answers them.
    t.ask("ListOffsets", 7, replicaId=-1, topics=[{"name": "produce.bad", "partitions": [{"partitionIndex": 0, "timestamp": -1}]}])


@scenario
def produce_wrong_offset_deltas(t):
    topic_id = t.topic("produce.deltas")
    for deltas in ((0, 0), (1, 0)):
        t.note(f"offset deltas {deltas}")
        produce(t, 9, "produce.deltas", topic_id, wire.batch([wire.record(delta, b"k", b"v") for delta in deltas], t.now))


@scenario
def produce_bad_batches_old_version(t):
    topic_id = t.topic("produce.bad3")
    for name, data in {"wrong crc": one(t, crc=1), "magic 1": one(t, magic=1), "zstd below version 7": one(t, attributes=4)}.items():
        t.note(name)
        produce(t, 3, "produce.bad3", topic_id, data)


@scenario
def produce_too_large(t):
    topic_id = t.topic("produce.large", configs=[("max.message.bytes", "1000")])
    produce(t, 9, "produce.large", topic_id, one(t, b"x" * 900))
    produce(t, 9, "produce.large", topic_id, one(t, b"x" * 1000))
    t.topic("produce.server_limit")
    produce(t, 9, "produce.server_limit", None, one(t, b"x" * 101_000))


@scenario
def produce_compacted_without_key(t):
    topic_id = t.topic("produce.compacted", configs=[("cleanup.policy", "compact")])
    produce(t, 9, "produce.compacted", topic_id, wire.batch([wire.record(0, None, b"v")], t.now))
    produce(t, 9, "produce.compacted", topic_id, one(t))
    produce(t, 9, "produce.compacted", topic_id, wire.batch([wire.record(0, b"k", b"v"), wire.record(1, None, b"v")], t.now))


def producer_id(t):
    """Apache has no ids at hand at first."""
    answer = t.settle("InitProducerId", 4, lambda a: a["errorCode"] == 0, transactionalId=None, transactionTimeoutMs=60000)
    return answer["producerId"]


@scenario
def produce_sequences(t):
    topic_id = t.topic("produce.sequences")
    producer = producer_id(t)

    def send(sequence, epoch=0, count=1):
        records = [wire.record(i, b"k", b"v") for i in range(count)]
        produce(t, 9, "produce.sequences", topic_id, wire.batch(records, t.now, producer_id=producer, producer_epoch=epoch, base_sequence=sequence))

    for sequence, count in ((0, 1), (1, 3), (4, 1)):
        send(sequence, count=count)
    t.note("a duplicate of the last batch, then of an older one")
    send(4)
    send(1, count=3)
    t.note("a gap")
    send(9)
    t.note("inside of what was seen, but no batch that was")
    send(2)
    t.note("a new epoch must begin at 0")
    send(5, epoch=1)
    send(0, epoch=1)
    t.note("the old epoch is fenced")
    send(6, epoch=0)
    for i in range(1, 8):
        send(i, epoch=1)
    t.note("a duplicate that is older than the last five")
    send(1, epoch=1)
    t.ask("DescribeProducers", 0, hide=("lastTimestamp",), topics=[{"name": "produce.sequences", "partitionIndexes": [0, 5]}])


@scenario
def init_producer_id(t):
    producer_id(t)
    for version in t.versions("InitProducerId"):
        t.ask("InitProducerId", version, transactionalId=None, transactionTimeoutMs=60000)
    t.ask("InitProducerId", 4, transactionalId="", transactionTimeoutMs=60000)
    t.ask("InitProducerId", 4, transactionalId=None, transactionTimeoutMs=60000, producerId=5, producerEpoch=3)
