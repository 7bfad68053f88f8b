"""Prints the sum of a group's committed offsets of a topic, or each: `offsets.py TOPIC GROUP [each]`."""

import sys

from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka.admin import AdminClient

import common

topic, group, *each = sys.argv[1:]
admin = AdminClient({"bootstrap.servers": common.BOOTSTRAP})
found = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result(30).topic_partitions
offsets = {p.partition: p.offset for p in found if p.topic == topic and p.offset >= 0}
if each:
    for partition, offset in sorted(offsets.items()):
        print(partition, offset)
else:
    print(sum(offsets.values()))
