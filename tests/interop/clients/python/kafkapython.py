"""The driver for kafka-python."""

from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

import common


def create(topic, partitions):
    KafkaAdminClient(bootstrap_servers=common.BOOTSTRAP).create_topics([NewTopic(topic, partitions, 1)])


def delete(topic):
    KafkaAdminClient(bootstrap_servers=common.BOOTSTRAP).delete_topics([topic])


def produce(topic, codec, first, end):
    producer = KafkaProducer(bootstrap_servers=common.BOOTSTRAP, compression_type=None if codec == "none" else codec, acks="all",
                             enable_idempotence=True, linger_ms=5)
    futures = [producer.send(topic, key=common.key(i), value=common.value(i)) for i in range(first, end)]
    producer.flush(60)
    for i, future in zip(range(first, end), futures):
        metadata = future.get(30)
        common.say("sent", metadata.partition, metadata.offset, common.key(i).decode())
    producer.close()


# kafka-python 3.0.12 forgets a rejoin that a poll began and didn't see the end of: when the leader's metadata changed after its assignment,
# need_rejoin() is false by the next poll, and the member stays without heartbeats and records for ever (at Apache Kafka too, with polls of
# 10 ms). So a poll lasts longer than JoinGroup and SyncGroup take on a busy machine.
POLL_MS = 2000


class Listener(ConsumerRebalanceListener):
    def on_partitions_revoked(self, revoked):
        pass

    def on_partitions_assigned(self, assigned):
        common.say("assigned", ",".join(str(p.partition) for p in sorted(assigned)))


def member(topic, group):
    consumer = KafkaConsumer(bootstrap_servers=common.BOOTSTRAP, group_id=group, auto_offset_reset="earliest",
                             enable_auto_commit=False, session_timeout_ms=3000, heartbeat_interval_ms=200,
                             metadata_max_age_ms=1000)
    consumer.partitions_for_topic(topic)  # a leader that does not know the topic yet assigns nothing, and stays at it
    consumer.subscribe([topic], listener=Listener())
    while not common.input_ended():
        for records in consumer.poll(timeout_ms=POLL_MS).values():
            for record in records:
                common.say_record(record.partition, record.offset, record.key, record.value)
            consumer.commit()
    consumer.close()


common.main(create, delete, produce, member)
