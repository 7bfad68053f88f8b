#!/usr/bin/env python3
"""What kcat can't do: admin.py BOOTSTRAP VERB …; the answer is JSON, except of keep-producing.

    describe TOPIC                configuration that isn't default, by name
    configure TOPIC KEY VALUE     sets one
    delete TOPIC
    racks                         of the brokers, by id
    consume TOPIC GROUP COUNT     reads that many records with a group, commits, leaves
    keep-producing TOPIC          prints each value once it is acknowledged by acks=all, until a line or the end comes on stdin
"""

import json
import sys
import threading

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType


def admin(bootstrap):
    """To be held until its futures are done: they die with it."""
    return AdminClient({"bootstrap.servers": bootstrap})


def describe(bootstrap, topic):
    resource = ConfigResource(ResourceType.TOPIC, topic)
    client = admin(bootstrap)
    entries = client.describe_configs([resource])[resource].result(20)
    return {name: entry.value for name, entry in entries.items() if not entry.is_default and entry.source == 1}


def configure(bootstrap, topic, key, value):
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[
        ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)])
    client = admin(bootstrap)
    client.incremental_alter_configs([resource])[resource].result(20)
    return True


def delete(bootstrap, topic):
    client = admin(bootstrap)
    client.delete_topics([topic])[topic].result(20)
    return True


def racks(bootstrap):
    client = admin(bootstrap)
    return {node.id: node.rack for node in client.describe_cluster().result(20).nodes}


def consume(bootstrap, topic, group, count):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest",
                         "enable.auto.commit": False})
    consumer.subscribe([topic])
    values = []
    while len(values) < int(count):
        message = consumer.poll(20)
        if message is None:
            break
        if message.error():
            raise KafkaException(message.error())
        values.append(message.value().decode())
        consumer.commit(message, asynchronous=False)
    # Also where it hasn't come to yet: a partition without a committed offset has no lag.
    positions = consumer.position(consumer.assignment())
    for position in positions:
        if position.offset < 0:
            position.offset = consumer.get_watermark_offsets(position)[0]
    consumer.commit(offsets=positions, asynchronous=False)
    consumer.close()
    return values


def keep_producing(bootstrap, topic):
    stopped = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), stopped.set()), daemon=True).start()
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True, "linger.ms": 0,
                         "message.timeout.ms": 120000, "reconnect.backoff.max.ms": 500})

    def told(error, message):
        if error is not None:
            sys.exit(f"lost: {message.value()!r}: {error}")
        print(message.value().decode(), flush=True)

    number = 0
    while not stopped.is_set():
        producer.produce(topic, f"value {number}".encode(), on_delivery=told)
        number += 1
        producer.poll(0.01)
    if producer.flush(120) != 0:
        sys.exit("some were never acknowledged")


def main():
    bootstrap, verb, *arguments = sys.argv[1:]
    verbs = {"describe": describe, "configure": configure, "delete": delete, "racks": racks, "consume": consume}
    if verb == "keep-producing":
        keep_producing(bootstrap, *arguments)
    else:
        json.dump(verbs[verb](bootstrap, *arguments), sys.stdout)


if __name__ == "__main__":
    try:
        main()
    except KafkaException as failure:
        error = failure.args[0]
        sys.exit(f"{error.name() if isinstance(error, KafkaError) else ''}: {failure}")
