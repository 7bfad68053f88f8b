"""The stream for librdkafka (confluent-kafka), with default settings but acks=all: see ../README.md, «Streams»."""

import sys
import threading
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

BOOTSTRAP, TOPIC, PARTITIONS, NAME, RATE, GROUP, KIND, PATIENCE = sys.argv[1:]
HASTY = PATIENCE == "hasty"
REQUESTS = {"socket.timeout.ms": 5000, "topic.metadata.refresh.interval.ms": 3000} if HASTY else {}
SESSION = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 1000} if HASTY else {}
MOST_OPEN = 20_000  # what waits for a leader is bounded: the history is checked record by record

draining, ending = threading.Event(), threading.Event()
saying = threading.Lock()


def say(*words):
    with saying:
        print(*words, flush=True)


def listen():
    for _ in sys.stdin:
        draining.set()
    draining.set()
    ending.set()


def now_us():
    return time.monotonic_ns() // 1000


def produce():
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "acks": "all", "enable.idempotence": KIND == "idempotent", **REQUESTS})

    def delivered(value, sent_us):
        def callback(error, message):
            if error is None:
                offset = -1 if message.offset() is None else message.offset()
                say("acked", message.partition(), offset, value, sent_us, now_us())
            else:
                say("refused", value, error)
        return callback

    count, start = 0, time.monotonic()
    while not draining.is_set():
        due = start + count / int(RATE) - time.monotonic()
        producer.poll(max(due, 0))
        if due > 0.001 or len(producer) > MOST_OPEN:
            continue
        value = f"{NAME}-{count}"
        producer.produce(TOPIC, value=value, partition=count % int(PARTITIONS), on_delivery=delivered(value, now_us()))
        count += 1
    producer.flush()
    say("drained", count)


def consume():
    consumer = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": GROUP, "auto.offset.reset": "earliest", "enable.auto.commit": False,
                         **REQUESTS, **SESSION})
    consumer.subscribe([TOPIC])
    while not ending.is_set():
        offsets = {}
        for message in consumer.consume(1000, 0.1):
            if message.error():
                say("unread", message.error())
                continue
            say("read", message.partition(), message.offset(), message.value().decode())
            offsets[message.partition()] = message.offset() + 1
        if offsets:
            commit(consumer, offsets)
    consumer.close()


def commit(consumer, offsets):
    try:
        consumer.commit(offsets=[TopicPartition(TOPIC, p, o) for p, o in offsets.items()], asynchronous=False)
    except KafkaException as error:
        say("uncommitted", error)
        return
    for partition, offset in offsets.items():
        say("committed", partition, offset)


threading.Thread(target=listen, daemon=True).start()
consumer_thread = threading.Thread(target=consume)
if GROUP != "-":
    consumer_thread.start()
produce()
if GROUP != "-":
    consumer_thread.join()
ending.wait()
say("ended")
