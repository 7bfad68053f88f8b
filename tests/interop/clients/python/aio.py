"""The driver for aiokafka."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

import common


async def administrate(body):
    admin = AIOKafkaAdminClient(bootstrap_servers=common.BOOTSTRAP)
    await admin.start()
    try:
        response = await body(admin)
        for result in getattr(response, "topic_errors", None) or response.topic_error_codes:
            assert result[1] == 0, result
    finally:
        await admin.close()


def create(topic, partitions):
    asyncio.run(administrate(lambda admin: admin.create_topics([NewTopic(topic, partitions, 1)])))


def delete(topic):
    asyncio.run(administrate(lambda admin: admin.delete_topics([topic])))


async def produce_all(topic, codec, first, end):
    producer = AIOKafkaProducer(bootstrap_servers=common.BOOTSTRAP, compression_type=None if codec == "none" else codec,
                                enable_idempotence=True, linger_ms=5)
    await producer.start()
    try:
        futures = [await producer.send(topic, key=common.key(i), value=common.value(i)) for i in range(first, end)]
        for i, future in zip(range(first, end), futures):
            metadata = await future
            common.say("sent", metadata.partition, metadata.offset, common.key(i).decode())
    finally:
        await producer.stop()


def produce(topic, codec, first, end):
    asyncio.run(produce_all(topic, codec, first, end))


class Listener(ConsumerRebalanceListener):
    async def on_partitions_revoked(self, revoked):
        pass

    async def on_partitions_assigned(self, assigned):
        common.say("assigned", ",".join(str(p.partition) for p in sorted(assigned)))


async def join(topic, group):
    consumer = AIOKafkaConsumer(bootstrap_servers=common.BOOTSTRAP, group_id=group, auto_offset_reset="earliest",
                                enable_auto_commit=False, session_timeout_ms=3000, heartbeat_interval_ms=200,
                                metadata_max_age_ms=1000)
    consumer.subscribe([topic], listener=Listener())
    await consumer.start()
    try:
        while not common.input_ended():
            batches = await consumer.getmany(timeout_ms=100)
            for records in batches.values():
                for record in records:
                    common.say_record(record.partition, record.offset, record.key, record.value)
            if batches:
                await consumer.commit()
    finally:
        await consumer.stop()


def member(topic, group):
    asyncio.run(join(topic, group))


common.main(create, delete, produce, member)
