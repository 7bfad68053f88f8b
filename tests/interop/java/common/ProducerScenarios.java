import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.utils.Utils;

/** Partitioning, codecs, acks, idempotence, timestamps, headers, refusals. */
final class ProducerScenarios {
  private ProducerScenarios() {}

  static void register(Interop interop) {
    interop.add("produce/partition_by_key", ProducerScenarios::partitionByKey);
    interop.add("produce/explicit_partition", ProducerScenarios::explicitPartition);
    interop.add("produce/round_robin", ProducerScenarios::roundRobin);
    for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
      interop.add("produce/codec_" + codec, context -> codec(context, codec));
    }
    for (String codec : List.of("gzip", "uncompressed", "zstd")) {
      interop.add("produce/topic_recompresses_to_" + codec, context -> topicCodec(context, codec));
    }
    for (String acks : List.of("0", "1", "all")) {
      interop.add("produce/acks_" + acks, context -> acks(context, acks));
    }
    interop.add("produce/idempotent", ProducerScenarios::idempotent);
    interop.add("produce/headers_keys_nulls_timestamps", ProducerScenarios::headersAndTimestamps);
    interop.add("produce/log_append_time", ProducerScenarios::logAppendTime);
    interop.add("produce/too_large", ProducerScenarios::tooLarge);
    interop.add("produce/invalid_topic", ProducerScenarios::invalidTopic);
    interop.add("produce/big_records", ProducerScenarios::bigRecords);
    interop.add("produce/many_topics_in_one_request", ProducerScenarios::manyTopics);
  }

  private static void partitionByKey(Context context) throws Exception {
    int partitions = 7;
    String topic = context.topic(partitions);
    Map<Integer, List<String>> expected = new TreeMap<>();
    try (KafkaProducer<String, String> producer = context.producer("linger.ms", "5")) {
      Map<String, Future<RecordMetadata>> futures = new HashMap<>();
      for (int i = 0; i < 210; i++) {
        String key = "key-" + i % 70;
        int partition = Utils.toPositive(Utils.murmur2(key.getBytes(StandardCharsets.UTF_8))) % partitions;
        expected.computeIfAbsent(partition, p -> new ArrayList<>()).add(key + "=" + i);
        futures.put(key + "/" + partition + "/" + i, producer.send(new ProducerRecord<>(topic, key, "" + i)));
      }
      for (var entry : futures.entrySet()) {
        Check.equal(Integer.parseInt(entry.getKey().split("/")[1]), entry.getValue().get().partition(), "partition of " + entry.getKey());
      }
    }
    Map<Integer, List<String>> actual = new TreeMap<>();
    for (ConsumerRecord<String, String> r : context.readAll(topic)) {
      actual.computeIfAbsent(r.partition(), p -> new ArrayList<>()).add(r.key() + "=" + r.value());
    }
    Check.equal(expected, actual, "keys and values of each partition, in order");
  }

  private static void explicitPartition(Context context) throws Exception {
    String topic = context.topic(4);
    for (int p = 3; p >= 0; p--) {
      List<RecordMetadata> sent = context.fill(topic, p, p + 1, "p" + p);
      for (int i = 0; i <= p; i++) {
        Check.equal(p, sent.get(i).partition(), "partition");
        Check.equal((long) i, sent.get(i).offset(), "offset");
      }
    }
    Map<Integer, List<String>> actual = new TreeMap<>();
    for (ConsumerRecord<String, String> r : context.readAll(topic)) {
      actual.computeIfAbsent(r.partition(), p -> new ArrayList<>()).add(r.value());
    }
    for (int p = 0; p < 4; p++) Check.equal(Context.values("p" + p, 0, p + 1), actual.get(p), "partition " + p);
  }

  private static void roundRobin(Context context) throws Exception {
    String topic = context.topic(3);
    Map<Integer, Integer> counts = new TreeMap<>();
    try (KafkaProducer<String, String> producer =
             context.producer("partitioner.class", "org.apache.kafka.clients.producer.RoundRobinPartitioner")) {
      producer.partitionsFor(topic);
      for (int i = 0; i < 12; i++) {
        counts.merge(producer.send(new ProducerRecord<>(topic, "same key", "v-" + i)).get().partition(), 1, Integer::sum);
      }
    }
    Check.equal(3, counts.size(), "partitions that got something: " + counts);
    Check.equal(12, context.readAll(topic).size(), "records");
  }

  static String value(int i) {
    return "value-" + i + "-" + "abcdefghij".repeat(i % 37);
  }

  private static void codec(Context context, String codec) throws Exception {
    String topic = context.topic(2);
    produceWith(context, topic, codec, 1000);
    checkValues(context.readAll(topic), 1000);
    // Small fetches cross batch boundaries.
    checkValues(context.readAll(topic, "max.partition.fetch.bytes", "2000", "fetch.max.bytes", "3000"), 1000);
  }

  static void produceWith(Context context, String topic, String codec, int count) throws Exception {
    try (KafkaProducer<String, String> producer =
             context.producer("compression.type", codec, "linger.ms", "20", "batch.size", "8192")) {
      List<Future<RecordMetadata>> futures = new ArrayList<>();
      for (int i = 0; i < count; i++) futures.add(producer.send(new ProducerRecord<>(topic, i % 2, "k" + i, value(i))));
      for (int i = 0; i < count; i++) Check.equal((long) (i / 2), futures.get(i).get(30, TimeUnit.SECONDS).offset(), "offset of record " + i);
    }
  }

  static void checkValues(List<ConsumerRecord<String, String>> records, int count) {
    Check.equal(count, records.size(), "records");
    int[] next = {0, 1};
    for (ConsumerRecord<String, String> record : records) {
      int i = next[record.partition()];
      Check.equal("k" + i, record.key(), "key");
      Check.equal(value(i), record.value(), "value");
      Check.equal((long) (i / 2), record.offset(), "offset");
      next[record.partition()] += 2;
    }
  }

  /** The topic's compression.type makes the broker recompress. */
  private static void topicCodec(Context context, String codec) throws Exception {
    String topic = context.topic(2, "compression.type", codec);
    produceWith(context, topic, "lz4", 300);
    checkValues(context.readAll(topic), 300);
  }

  private static void acks(Context context, String acks) throws Exception {
    String topic = context.topic(1);
    try (KafkaProducer<String, String> producer = context.producer("acks", acks, "enable.idempotence", "false")) {
      for (int i = 0; i < 100; i++) {
        RecordMetadata metadata = producer.send(new ProducerRecord<>(topic, "v-" + i)).get();
        Check.equal(acks.equals("0") ? -1L : i, metadata.offset(), "offset in the answer");
      }
    }
    Check.eventually("100 records", () -> context.readAll(topic).size() == 100);
    Check.equal(Context.values("v", 0, 100), Context.valuesOf(context.readAll(topic)), "values");
  }

  private static void idempotent(Context context) throws Exception {
    String topic = context.topic(2);
    try (KafkaProducer<String, String> producer = context.producer("enable.idempotence", "true", "acks", "all", "batch.size", "200",
             "max.in.flight.requests.per.connection", "5")) {
      List<Future<RecordMetadata>> futures = new ArrayList<>();
      for (int i = 0; i < 2000; i++) futures.add(producer.send(new ProducerRecord<>(topic, i % 2, null, "v-" + i)));
      for (int i = 0; i < 2000; i++) Check.equal((long) (i / 2), futures.get(i).get().offset(), "offset of " + i);
    }
    int[] next = {0, 1};
    for (ConsumerRecord<String, String> r : context.readAll(topic)) {
      Check.equal("v-" + next[r.partition()], r.value(), "order in partition " + r.partition());
      next[r.partition()] += 2;
    }
    Check.equal(4001, next[0] + next[1], "ends");
    var producers = context.admin().describeProducers(List.of(new org.apache.kafka.common.TopicPartition(topic, 0)))
        .all().get().values().iterator().next().activeProducers();
    Check.equal(1, producers.size(), "producers that partition 0 knows");
    Check.equal(999, producers.get(0).lastSequence(), "last sequence");
  }

  private static void headersAndTimestamps(Context context) throws Exception {
    // Retention would take records of 2001 away, sooner or later.
    String topic = context.topic(1, "retention.ms", "-1");
    byte[] bytes = {0, -1, 127};
    try (KafkaProducer<String, String> producer = context.producer()) {
      producer.send(new ProducerRecord<>(topic, 0, 1_000_000_000_000L, "k", "v",
          List.of(new RecordHeader("h", bytes), new RecordHeader("h", null), new RecordHeader("", new byte[0])))).get();
      producer.send(new ProducerRecord<>(topic, 0, Long.valueOf(1), (String) null, (String) null)).get();
      long tomorrow = System.currentTimeMillis() + 86_400_000;
      Check.fails(org.apache.kafka.common.errors.InvalidTimestampException.class,
          () -> producer.send(new ProducerRecord<>(topic, 0, tomorrow, "", "")).get(), "message.timestamp.after.max.ms is an hour");
    }
    List<ConsumerRecord<String, String>> records = context.readAll(topic);
    Check.equal(2, records.size(), "records");
    ConsumerRecord<String, String> first = records.get(0);
    Check.equal(1_000_000_000_000L, first.timestamp(), "timestamp");
    Check.equal(TimestampType.CREATE_TIME, first.timestampType(), "timestamp type");
    Check.equal(3, first.headers().toArray().length, "headers");
    Check.equal(java.util.Arrays.toString(bytes), java.util.Arrays.toString(first.headers().toArray()[0].value()), "header bytes");
    Check.equal(null, first.headers().toArray()[1].value(), "null header");
    Check.equal(0, first.headers().toArray()[2].value().length, "empty header");
    Check.equal(null, records.get(1).key(), "null key");
    Check.equal(null, records.get(1).value(), "null value");
    Check.equal(1L, records.get(1).timestamp(), "old timestamp");
  }

  private static void logAppendTime(Context context) throws Exception {
    String topic = context.topic(1, "message.timestamp.type", "LogAppendTime");
    long before = System.currentTimeMillis();
    try (KafkaProducer<String, String> producer = context.producer("compression.type", "gzip", "linger.ms", "50")) {
      for (int i = 0; i < 5; i++) producer.send(new ProducerRecord<>(topic, 0, 1234L, "k", "v-" + i));
    }
    List<ConsumerRecord<String, String>> records = context.readAll(topic);
    Check.equal(Context.values("v", 0, 5), Context.valuesOf(records), "values");
    for (ConsumerRecord<String, String> record : records) {
      Check.equal(TimestampType.LOG_APPEND_TIME, record.timestampType(), "timestamp type");
      Check.that(record.timestamp() >= before && record.timestamp() <= System.currentTimeMillis(), "append time " + record.timestamp());
    }
  }

  private static void tooLarge(Context context) throws Exception {
    String topic = context.topic(1, "max.message.bytes", "1000");
    try (KafkaProducer<String, String> producer = context.producer()) {
      Check.equal(0L, producer.send(new ProducerRecord<>(topic, "x".repeat(800))).get().offset(), "offset");
      Check.fails(RecordTooLargeException.class, () -> producer.send(new ProducerRecord<>(topic, "x".repeat(1200))).get(), "1,200 bytes");
      Check.equal(1L, producer.send(new ProducerRecord<>(topic, "after")).get().offset(), "offset after the refusal");
    }
  }

  private static void invalidTopic(Context context) throws Exception {
    try (KafkaProducer<String, String> producer = context.producer("max.block.ms", "5000")) {
      Check.fails(InvalidTopicException.class, () -> producer.send(new ProducerRecord<>("no spaces, please", "v")).get(), "invalid name");
    }
  }

  private static void bigRecords(Context context) throws Exception {
    String topic = context.topic(1, "max.message.bytes", "10000000");
    String big = "0123456789abcdef".repeat(3_000_000 / 16);
    try (KafkaProducer<String, String> producer = context.producer("max.request.size", "10000000")) {
      for (int i = 0; i < 3; i++) Check.equal((long) i, producer.send(new ProducerRecord<>(topic, i + big)).get().offset(), "offset");
    }
    // A record larger than every fetch limit still comes.
    List<ConsumerRecord<String, String>> records =
        context.readAll(topic, "max.partition.fetch.bytes", "1000", "fetch.max.bytes", "1000");
    Check.equal(3, records.size(), "records");
    for (int i = 0; i < 3; i++) Check.that(records.get(i).value().equals(i + big), "the bytes of record " + i);
  }

  private static void manyTopics(Context context) throws Exception {
    List<String> topics = new ArrayList<>();
    for (int i = 0; i < 5; i++) topics.add(context.topic(3));
    try (KafkaProducer<String, String> producer = context.producer("linger.ms", "100", "batch.size", "100000")) {
      for (String topic : topics) producer.partitionsFor(topic);
      for (int i = 0; i < 60; i++) for (String topic : topics) producer.send(new ProducerRecord<>(topic, i % 3, "" + i, "v-" + i));
    }
    for (String topic : topics) {
      List<String> values = Context.valuesOf(context.readAll(topic));
      values.sort(java.util.Comparator.comparingInt(v -> Integer.parseInt(v.substring(2))));
      Check.equal(Context.values("v", 0, 60), values, "values of " + topic);
    }
  }
}
