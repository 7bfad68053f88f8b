// The driver (see README.md) for kafkajs, which knows gzip only.
const { CompressionTypes, Kafka, logLevel } = require('kafkajs');

const kafka = new Kafka({ brokers: [process.env.BOOTSTRAP], clientId: 'driver', logLevel: logLevel.ERROR });
const say = (...words) => process.stdout.write(words.join(' ') + '\n');
const value = (i) => `v-${i}-${'x'.repeat(i % 50)}`;

async function administrate(body) {
  const admin = kafka.admin();
  await admin.connect();
  await body(admin);
  await admin.disconnect();
}

async function produce(topic, codec, from, to) {
  const compression = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP }[codec];
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: true });
  await producer.connect();
  for (let i = from; i < to; i += 20) {
    const messages = [];
    for (let j = i; j < Math.min(i + 20, to); j++) messages.push({ key: `k${j % 10}`, value: value(j) });
    const results = await producer.send({ topic, compression, acks: -1, messages });
    for (const r of results) say('batch', r.partition, r.baseOffset);
  }
  await producer.disconnect();
}

async function member(topic, group) {
  const consumer = kafka.consumer({ groupId: group, sessionTimeout: 3000, heartbeatInterval: 200, metadataMaxAge: 1000, maxWaitTimeInMs: 200 });
  consumer.on(consumer.events.GROUP_JOIN, (e) => say('assigned', (e.payload.memberAssignment[topic] || []).join(',')));
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommitThreshold: 1,
    eachMessage: async ({ partition, message }) => {
      say('record', partition, message.offset, message.key.toString(), message.value.toString());
    },
  });
  process.stdin.resume();
  await new Promise((resolve) => process.stdin.on('end', resolve));
  await consumer.disconnect();
}

async function main() {
  const [command, topic, ...rest] = process.argv.slice(2);
  if (command === 'create') {
    await administrate((admin) => admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: Number(rest[0]) }] }));
  } else if (command === 'delete') {
    await administrate((admin) => admin.deleteTopics({ topics: [topic] }));
  } else if (command === 'produce') {
    await produce(topic, rest[0], Number(rest[1]), Number(rest[2]));
  } else if (command === 'member') {
    await member(topic, rest[0]);
  } else {
    throw new Error(`unknown command ${command}`);
  }
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
