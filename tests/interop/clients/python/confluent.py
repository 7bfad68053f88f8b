"""The driver for confluent-kafka."""

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

import common


def create(topic, partitions):
    admin = AdminClient({"bootstrap.servers": common.BOOTSTRAP})  # must outlive the future
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(30)


def delete(topic):
    admin = AdminClient({"bootstrap.servers": common.BOOTSTRAP})
    admin.delete_topics([topic])[topic].result(30)


def produce(topic, codec, first, end):
    producer = Producer({"bootstrap.servers": common.BOOTSTRAP, "compression.type": codec, "enable.idempotence": True,
                         "linger.ms": 5})
    sent = {}

    def delivered(i):
        def callback(error, message):
            assert error is None, error
            sent[i] = (message.partition(), message.offset())
        return callback

    for i in range(first, end):
        producer.produce(topic, key=common.key(i), value=common.value(i), on_delivery=delivered(i))
    assert producer.flush(60) == 0
    for i in range(first, end):
        common.say("sent", *sent[i], common.key(i).decode())


def member(topic, group):
    consumer = Consumer({"bootstrap.servers": common.BOOTSTRAP, "group.id": group, "auto.offset.reset": "earliest",
                         "enable.auto.commit": False, "session.timeout.ms": 3000, "heartbeat.interval.ms": 200,
                         "topic.metadata.refresh.interval.ms": 1000})
    consumer.subscribe([topic], on_assign=lambda _, ps: common.say("assigned", ",".join(str(p.partition) for p in ps)))
    while not common.input_ended():
        message = consumer.poll(0.1)
        if message is None:
            continue
        assert message.error() is None, message.error()
        common.say_record(message.partition(), message.offset(), message.key(), message.value())
        consumer.commit(message, asynchronous=False)
    consumer.close()


common.main(create, delete, produce, member)
