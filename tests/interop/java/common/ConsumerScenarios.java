import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.NoOffsetForPartitionException;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;

/** Reading: seeking, offsets by time, pause, limits, resets. */
final class ConsumerScenarios {
  private ConsumerScenarios() {}

  static void register(Interop interop) {
    interop.add("consume/seek", ConsumerScenarios::seek);
    interop.add("consume/offsets_for_times", ConsumerScenarios::offsetsForTimes);
    interop.add("consume/beginning_and_end_offsets", ConsumerScenarios::beginningAndEnd);
    interop.add("consume/pause_and_resume", ConsumerScenarios::pauseAndResume);
    interop.add("consume/max_poll_records", ConsumerScenarios::maxPollRecords);
    interop.add("consume/reset_earliest", c -> reset(c, "earliest"));
    interop.add("consume/reset_latest", c -> reset(c, "latest"));
    interop.add("consume/reset_none", ConsumerScenarios::resetNone);
    interop.add("consume/out_of_range", ConsumerScenarios::outOfRange);
    interop.add("consume/long_poll_wakes_at_once", ConsumerScenarios::longPoll);
    interop.add("consume/fetch_min_bytes_waits", ConsumerScenarios::minBytes);
    interop.add("consume/commit_metadata_and_positions", ConsumerScenarios::commitMetadata);
    interop.add("consume/topics_listed_and_patterns", ConsumerScenarios::patterns);
    interop.add("consume/auto_creation", ConsumerScenarios::autoCreation);
    interop.add("consume/many_partitions_incremental_sessions", ConsumerScenarios::manyPartitions);
  }

  private static void seek(Context context) throws Exception {
    String topic = context.topic(1);
    context.fill(topic, 0, 100, "v");
    TopicPartition partition = new TopicPartition(topic, 0);
    try (KafkaConsumer<String, String> consumer = context.consumer(null, "max.poll.records", "10")) {
      consumer.assign(List.of(partition));
      for (int offset : new int[] {50, 0, 99, 42}) {
        consumer.seek(partition, offset);
        ConsumerRecord<String, String> record = next(consumer);
        Check.equal((long) offset, record.offset(), "offset after seek");
        Check.equal("v-" + offset, record.value(), "value after seek");
      }
      consumer.seekToEnd(List.of(partition));
      Check.equal(100L, consumer.position(partition), "position at the end");
      Check.that(consumer.poll(Duration.ofMillis(200)).isEmpty(), "records at the end");
      consumer.seekToBeginning(List.of(partition));
      Check.equal("v-0", next(consumer).value(), "first value");
    }
  }

  private static ConsumerRecord<String, String> next(KafkaConsumer<String, String> consumer) {
    long end = System.currentTimeMillis() + 30_000;
    while (System.currentTimeMillis() < end) {
      for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(500))) return record;
    }
    throw new Check.Failed("no record within 30 s");
  }

  private static void offsetsForTimes(Context context) throws Exception {
    String topic = context.topic(2);
    long base = System.currentTimeMillis() - 100_000;
    try (KafkaProducer<String, String> producer = context.producer("linger.ms", "5")) {
      for (int i = 0; i < 100; i++) producer.send(new ProducerRecord<>(topic, 0, base + 100L * i, null, "v-" + i));
    }
    TopicPartition p0 = new TopicPartition(topic, 0);
    TopicPartition p1 = new TopicPartition(topic, 1);
    try (KafkaConsumer<String, String> consumer = context.consumer(null)) {
      long[][] cases = {{base - 1000, 0, base}, {base, 0, base}, {base + 1, 1, base + 100}, {base + 5000, 50, base + 5000}, {base + 9900, 99, base + 9900}};
      for (long[] c : cases) {
        OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(p0, c[0])).get(p0);
        Check.equal(c[1], found.offset(), "offset for time base+" + (c[0] - base));
        Check.equal(c[2], found.timestamp(), "timestamp found");
        Check.equal(0, found.leaderEpoch().get(), "leader epoch");
      }
      Map<TopicPartition, OffsetAndTimestamp> none = consumer.offsetsForTimes(Map.of(p0, base + 9901, p1, base));
      Check.equal(null, none.get(p0), "after the last");
      Check.equal(null, none.get(p1), "empty partition");
    }
  }

  private static void beginningAndEnd(Context context) throws Exception {
    String topic = context.topic(3);
    context.fill(topic, 0, 10, "v");
    context.fill(topic, 1, 3, "v");
    Set<TopicPartition> all = Set.of(new TopicPartition(topic, 0), new TopicPartition(topic, 1), new TopicPartition(topic, 2));
    context.admin().deleteRecords(Map.of(new TopicPartition(topic, 0), org.apache.kafka.clients.admin.RecordsToDelete.beforeOffset(4))).all().get();
    try (KafkaConsumer<String, String> consumer = context.consumer(null)) {
      Map<TopicPartition, Long> begin = consumer.beginningOffsets(all);
      Map<TopicPartition, Long> end = consumer.endOffsets(all);
      Check.equal(List.of(4L, 0L, 0L), inOrder(topic, begin), "beginning offsets");
      Check.equal(List.of(10L, 3L, 0L), inOrder(topic, end), "end offsets");
      consumer.assign(all);
      consumer.seek(new TopicPartition(topic, 0), 6);
      Check.equal(6L, consumer.position(new TopicPartition(topic, 0)), "position");
    }
  }

  private static List<Long> inOrder(String topic, Map<TopicPartition, Long> offsets) {
    List<Long> list = new ArrayList<>();
    for (int p = 0; p < offsets.size(); p++) list.add(offsets.get(new TopicPartition(topic, p)));
    return list;
  }

  private static void pauseAndResume(Context context) throws Exception {
    String topic = context.topic(2);
    context.fill(topic, 0, 20, "a");
    context.fill(topic, 1, 20, "b");
    TopicPartition p0 = new TopicPartition(topic, 0);
    TopicPartition p1 = new TopicPartition(topic, 1);
    try (KafkaConsumer<String, String> consumer = context.consumer(null)) {
      consumer.assign(List.of(p0, p1));
      consumer.seekToBeginning(List.of(p0, p1));
      consumer.pause(List.of(p0));
      Check.equal(Set.of(p0), consumer.paused(), "paused");
      Check.equal(Context.values("b", 0, 20), Context.valuesOf(Context.take(consumer, 20)), "while partition 0 is paused");
      Check.that(consumer.poll(Duration.ofMillis(200)).isEmpty(), "records of a paused partition");
      consumer.resume(List.of(p0));
      Check.equal(Context.values("a", 0, 20), Context.valuesOf(Context.take(consumer, 20)), "after resume");
    }
  }

  private static void maxPollRecords(Context context) throws Exception {
    String topic = context.topic(1);
    context.fill(topic, 0, 95, "v");
    try (KafkaConsumer<String, String> consumer = context.consumer(context.name("g"), "max.poll.records", "10")) {
      consumer.subscribe(List.of(topic));
      List<String> values = new ArrayList<>();
      Check.eventually("95 records", () -> {
        var records = consumer.poll(Duration.ofMillis(100));
        Check.that(records.count() <= 10, "a poll returned " + records.count());
        values.addAll(Context.valuesOf(records));
        return values.size() >= 95;
      });
      Check.equal(Context.values("v", 0, 95), values, "values");
    }
  }

  private static void reset(Context context, String policy) throws Exception {
    String topic = context.topic(1);
    context.fill(topic, 0, 10, "old");
    try (KafkaConsumer<String, String> consumer = context.consumer(context.name("g"), "auto.offset.reset", policy)) {
      consumer.subscribe(List.of(topic));
      if (policy.equals("earliest")) {
        Check.equal(Context.values("old", 0, 10), Context.valuesOf(Context.take(consumer, 10)), "old values");
      } else {
        NotesScenarios.awaitAssignment(consumer);
      }
      context.fill(topic, 0, 5, "new");
      Check.equal(Context.values("new", 0, 5), Context.valuesOf(Context.take(consumer, 5)), "new values");
    }
  }

  private static void resetNone(Context context) throws Exception {
    String topic = context.topic(1);
    try (KafkaConsumer<String, String> consumer = context.consumer(context.name("g"), "auto.offset.reset", "none")) {
      consumer.subscribe(List.of(topic));
      Check.fails(NoOffsetForPartitionException.class, () -> {
        for (int i = 0; i < 100; i++) consumer.poll(Duration.ofMillis(200));
        return "nothing thrown";
      }, "no committed offset and no reset policy");
    }
  }

  private static void outOfRange(Context context) throws Exception {
    String topic = context.topic(1);
    context.fill(topic, 0, 10, "v");
    TopicPartition partition = new TopicPartition(topic, 0);
    context.admin().deleteRecords(Map.of(partition, org.apache.kafka.clients.admin.RecordsToDelete.beforeOffset(5))).all().get();
    for (long offset : new long[] {2, 11}) {
      try (KafkaConsumer<String, String> consumer = context.consumer(null, "auto.offset.reset", "none")) {
        consumer.assign(List.of(partition));
        consumer.seek(partition, offset);
        OffsetOutOfRangeException thrown = Check.fails(OffsetOutOfRangeException.class, () -> {
          for (int i = 0; i < 100; i++) consumer.poll(Duration.ofMillis(200));
          return "nothing thrown";
        }, "offset " + offset);
        Check.equal(Map.of(partition, offset), thrown.offsetOutOfRangePartitions(), "what is out of range");
      }
    }
    try (KafkaConsumer<String, String> consumer = context.consumer(null, "auto.offset.reset", "earliest")) {
      consumer.assign(List.of(partition));
      consumer.seek(partition, 2);
      Check.equal(Context.values("v", 5, 10), Context.valuesOf(Context.take(consumer, 5)), "reset to the earliest");
    }
  }

  /** A waiting fetch answers when a record comes, not when its time is over. */
  private static void longPoll(Context context) throws Exception {
    String topic = context.topic(1);
    TopicPartition partition = new TopicPartition(topic, 0);
    // It would wait longer than next() does.
    KafkaConsumer<String, String> consumer = context.consumer(null, "fetch.max.wait.ms", "120000", "request.timeout.ms", "180000");
    KafkaProducer<String, String> producer = context.producer();
    producer.partitionsFor(topic);
    consumer.assign(List.of(partition));
    consumer.seekToBeginning(List.of(partition));
    Check.that(consumer.poll(Duration.ofMillis(500)).isEmpty(), "records");
    producer.send(new ProducerRecord<>(topic, 0, null, "v")).get();
    Check.equal("v", next(consumer).value(), "value");
    consumer.close(Duration.ZERO);
  }

  private static void minBytes(Context context) throws Exception {
    String topic = context.topic(1);
    TopicPartition partition = new TopicPartition(topic, 0);
    context.fill(topic, 0, 1, "v");
    try (KafkaConsumer<String, String> consumer = context.consumer(null, "fetch.min.bytes", "100000", "fetch.max.wait.ms", "1500")) {
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      consumer.position(partition);
      long start = System.currentTimeMillis();
      Check.equal("v-0", next(consumer).value(), "value");
      long waited = System.currentTimeMillis() - start;
      Check.that(waited >= 1300, "waited " + waited + " ms for fetch.min.bytes, expected about 1,500");
    }
  }

  private static void commitMetadata(Context context) throws Exception {
    String topic = context.topic(2);
    context.fill(topic, 0, 10, "v");
    TopicPartition p0 = new TopicPartition(topic, 0);
    TopicPartition p1 = new TopicPartition(topic, 1);
    String group = context.name("g");
    try (KafkaConsumer<String, String> consumer = context.consumer(group)) {
      consumer.assign(List.of(p0, p1));
      Check.equal(null, consumer.committed(Set.of(p0)).get(p0), "committed before any commit");
      consumer.commitSync(Map.of(p0, new OffsetAndMetadata(7, java.util.Optional.of(0), "a note"), p1, new OffsetAndMetadata(0)));
      Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(Set.of(p0, p1));
      Check.equal(new OffsetAndMetadata(7, java.util.Optional.of(0), "a note"), committed.get(p0), "committed of partition 0");
      Check.equal(new OffsetAndMetadata(0), committed.get(p1), "committed of partition 1");
      // A commit may go back: it is the client's word.
      consumer.commitSync(Map.of(p0, new OffsetAndMetadata(3)));
      Check.equal(new OffsetAndMetadata(3), consumer.committed(Set.of(p0)).get(p0), "committed after going back");
      Check.fails(org.apache.kafka.common.errors.OffsetMetadataTooLarge.class, () -> {
        consumer.commitSync(Map.of(p0, new OffsetAndMetadata(4, "x".repeat(5000))));
        return "committed";
      }, "metadata of 5,000 bytes");
      Check.equal(new OffsetAndMetadata(3), consumer.committed(Set.of(p0)).get(p0), "committed after a refused commit");
    }
    try (KafkaConsumer<String, String> consumer = context.consumer(group)) {
      consumer.assign(List.of(p0));
      Check.equal(Context.values("v", 3, 10), Context.valuesOf(Context.take(consumer, 7)), "from the committed offset on");
    }
  }

  private static void patterns(Context context) throws Exception {
    String prefix = context.name("pattern");
    for (int i = 0; i < 3; i++) {
      context.admin().createTopics(List.of(new org.apache.kafka.clients.admin.NewTopic(prefix + "." + i, 1, (short) 1))).all().get();
      context.fill(prefix + "." + i, 0, 1, "t" + i);
    }
    try (KafkaConsumer<String, String> consumer = context.consumer(context.name("g"), "metadata.max.age.ms", "500")) {
      Check.that(consumer.listTopics().keySet().containsAll(Set.of(prefix + ".0", prefix + ".1", prefix + ".2")), "topics listed");
      Check.that(!consumer.listTopics().containsKey("__consumer_offsets") || consumer.listTopics().get("__consumer_offsets").size() == 3, "internal topic");
      consumer.subscribe(java.util.regex.Pattern.compile(java.util.regex.Pattern.quote(prefix) + "\\.[01]"));
      List<String> values = Context.valuesOf(Context.take(consumer, 2));
      values.sort(null);
      Check.equal(List.of("t0-0", "t1-0"), values, "values of the topics that match");
    }
  }

  private static void autoCreation(Context context) throws Exception {
    String made = context.name("made");
    String notMade = context.name("not-made");
    try (KafkaConsumer<String, String> consumer = context.consumer(null)) {
      Check.eventually("a topic made by asking for it", () -> consumer.partitionsFor(made).size() == 1);
    }
    try (KafkaConsumer<String, String> consumer = context.consumer(null, "allow.auto.create.topics", "false", "default.api.timeout.ms", "1500")) {
      try {
        List<?> partitions = consumer.partitionsFor(notMade);
        Check.that(partitions == null || partitions.isEmpty(), "partitions of a topic that is not there: " + partitions);
      } catch (TimeoutException | org.apache.kafka.common.errors.UnknownTopicOrPartitionException e) {
        // Clients differ in how they say that it is not there.
      }
    }
    Set<String> names = context.admin().listTopics().names().get();
    Check.that(names.contains(made), made + " is there");
    Check.that(!names.contains(notMade), notMade + " is not there");
  }

  private static void manyPartitions(Context context) throws Exception {
    int partitions = 60;
    String topic = context.topic(partitions);
    try (KafkaConsumer<String, String> consumer = context.consumer(context.name("g"));
        KafkaProducer<String, String> producer = context.producer("linger.ms", "2")) {
      consumer.subscribe(List.of(topic));
      NotesScenarios.awaitAssignment(consumer);
      Check.equal(partitions, consumer.assignment().size(), "assignment");
      for (int round = 0; round < 5; round++) {
        List<String> expected = new ArrayList<>();
        for (int p = round; p < partitions; p += 7) {
          producer.send(new ProducerRecord<>(topic, p, null, round + ":" + p));
          expected.add(round + ":" + p);
        }
        producer.flush();
        List<String> values = Context.valuesOf(Context.take(consumer, expected.size()));
        values.sort(java.util.Comparator.comparingInt(v -> Integer.parseInt(v.substring(2))));
        Check.equal(expected, values, "round " + round);
      }
    }
  }
}
