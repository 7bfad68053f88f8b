import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;

/** The producers and consumers with which a beginner meets Kafka: three ways to send, three ways to commit. */
final class NotesScenarios {
  static final String TEXT = "Apache Kafka is a distributed streaming platform - ";

  private NotesScenarios() {}

  static void register(Interop interop) {
    interop.add("notes/send_and_forget", NotesScenarios::sendAndForget);
    interop.add("notes/send_and_get", NotesScenarios::sendAndGet);
    interop.add("notes/send_with_callback", NotesScenarios::sendWithCallback);
    interop.add("notes/consume_auto_commit", NotesScenarios::consumeAutoCommit);
    interop.add("notes/consume_commit_sync", c -> consumeAndCommit(c, NotesScenarios::pollDuration, false));
    interop.add("notes/consume_commit_async", c -> consumeAndCommit(c, NotesScenarios::pollDuration, true));
  }

  interface Poll {
    Iterable<ConsumerRecord<String, String>> poll(KafkaConsumer<String, String> consumer);
  }

  private static Iterable<ConsumerRecord<String, String>> pollDuration(KafkaConsumer<String, String> consumer) {
    return consumer.poll(Duration.ofSeconds(1));
  }

  static String sent(RecordMetadata metadata, ProducerRecord<String, String> record) {
    return String.format("Topic: %s, Partition: %d, Offset: %d, Key: %s, Received Message: %s", metadata.topic(),
        metadata.partition(), metadata.offset(), record.key(), record.value());
  }

  static String received(ConsumerRecord<String, String> record) {
    return String.format("Topic: %s, Partition: %s, Offset: %d, Key: %s, Value: %s", record.topic(), record.partition(),
        record.offset(), record.key(), record.value());
  }

  static List<String> texts(int count) {
    List<String> texts = new ArrayList<>();
    for (int i = 0; i < count; i++) texts.add(TEXT + i);
    return texts;
  }

  /** The topic is not there before: the broker creates it (auto.create.topics.enable). */
  private static void sendAndForget(Context context) throws Exception {
    String topic = context.name("basic");
    try (KafkaProducer<String, String> producer = context.producer()) {
      for (int i = 0; i < 10; i++) producer.send(new ProducerRecord<>(topic, TEXT + i));
    }
    List<ConsumerRecord<String, String>> records = context.readAll(topic);
    Check.equal(texts(10), Context.valuesOf(records), "values");
    for (int i = 0; i < 10; i++) Check.equal((long) i, records.get(i).offset(), "offset");
  }

  private static void sendAndGet(Context context) throws Exception {
    String topic = context.name("basic");
    for (int run = 0; run < 2; run++) {
      List<String> lines = new ArrayList<>();
      List<String> expected = new ArrayList<>();
      try (KafkaProducer<String, String> producer = context.producer()) {
        for (int i = 0; i < 3; i++) {
          ProducerRecord<String, String> record = new ProducerRecord<>(topic, TEXT + i);
          lines.add(sent(producer.send(record).get(), record));
          expected.add("Topic: " + topic + ", Partition: 0, Offset: " + (3 * run + i) + ", Key: null, Received Message: " + TEXT + i);
        }
      }
      Check.equal(expected, lines, "what the producer prints");
    }
  }

  private static final class Printer implements Callback {
    private final ProducerRecord<String, String> record;
    private final List<String> lines;

    Printer(ProducerRecord<String, String> record, List<String> lines) {
      this.record = record;
      this.lines = lines;
    }

    @Override
    public void onCompletion(RecordMetadata metadata, Exception exception) {
      lines.add(exception == null ? sent(metadata, record) : exception.toString());
    }
  }

  private static void sendWithCallback(Context context) throws Exception {
    String topic = context.name("basic");
    List<String> lines = Collections.synchronizedList(new ArrayList<>());
    List<String> expected = new ArrayList<>();
    try (KafkaProducer<String, String> producer = context.producer()) {
      for (int i = 0; i < 3; i++) {
        ProducerRecord<String, String> record = new ProducerRecord<>(topic, TEXT + i);
        producer.send(record, new Printer(record, lines));
        expected.add("Topic: " + topic + ", Partition: 0, Offset: " + i + ", Key: null, Received Message: " + TEXT + i);
      }
    }
    Check.equal(expected, lines, "what the callbacks print");
  }

  /** latest: what was there before the group came is not seen; what comes then is, with its place. */
  private static void consumeAutoCommit(Context context) throws Exception {
    String topic = context.topic(1);
    context.fill(topic, 0, 5, "before");
    String group = context.name("g");
    TopicPartition partition = new TopicPartition(topic, 0);
    try (KafkaConsumer<String, String> consumer = context.consumer(group, "enable.auto.commit", "true",
             "auto.commit.interval.ms", "100", "auto.offset.reset", "latest")) {
      consumer.subscribe(List.of(topic));
      awaitAssignment(consumer);
      Check.equal(5L, consumer.position(partition), "position at latest");
      send(context, topic, 10);
      checkReceived(topic, 5, Context.take(consumer, 10));
      Check.eventually("auto commit of 15", () -> {
        consumer.poll(Duration.ofMillis(50));
        OffsetAndMetadata offset = consumer.committed(Set.of(partition)).get(partition);
        return offset != null && offset.offset() == 15;
      });
    }
    send(context, topic, 3);
    try (KafkaConsumer<String, String> consumer = context.consumer(group, "auto.offset.reset", "latest")) {
      consumer.subscribe(List.of(topic));
      checkReceived(topic, 15, Context.take(consumer, 3));
    }
  }

  static void consumeAndCommit(Context context, Poll poll, boolean async) throws Exception {
    String topic = context.topic(1);
    String group = context.name("g");
    TopicPartition partition = new TopicPartition(topic, 0);
    long expectedOffset = 0;
    for (int run = 0; run < 2; run++) {
      try (KafkaConsumer<String, String> consumer = context.consumer(group, "auto.offset.reset", "latest")) {
        consumer.subscribe(List.of(topic));
        awaitAssignment(consumer);
        Check.equal(expectedOffset, consumer.position(partition), "position, run " + run);
        send(context, topic, 10);
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        Check.eventually("10 records", () -> {
          for (ConsumerRecord<String, String> record : poll.poll(consumer)) records.add(record);
          if (async) consumer.commitAsync(); else consumer.commitSync();
          return records.size() >= 10;
        });
        checkReceived(topic, expectedOffset, records);
        expectedOffset += 10;
        long committed = expectedOffset;
        Check.eventually("committed offset " + committed, () -> {
          consumer.poll(Duration.ofMillis(10));
          OffsetAndMetadata offset = consumer.committed(Set.of(partition)).get(partition);
          return offset != null && offset.offset() == committed;
        });
      }
    }
    Map<TopicPartition, OffsetAndMetadata> offsets =
        context.admin().listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get(30, TimeUnit.SECONDS);
    Check.equal(20L, offsets.get(partition).offset(), "committed offset as the admin sees it");
  }

  static void awaitAssignment(KafkaConsumer<String, String> consumer) throws Exception {
    Check.eventually("an assignment", () -> {
      Check.that(consumer.poll(Duration.ofMillis(50)).isEmpty(), "records that nobody sent");
      return !consumer.assignment().isEmpty();
    });
    for (TopicPartition partition : consumer.assignment()) consumer.position(partition);
  }

  private static void send(Context context, String topic, int count) throws Exception {
    try (KafkaProducer<String, String> producer = context.producer()) {
      for (int i = 0; i < count; i++) producer.send(new ProducerRecord<>(topic, TEXT + i));
    }
  }

  private static void checkReceived(String topic, long firstOffset, List<ConsumerRecord<String, String>> records) {
    List<String> lines = new ArrayList<>();
    List<String> expected = new ArrayList<>();
    for (ConsumerRecord<String, String> record : records) {
      expected.add("Topic: " + topic + ", Partition: 0, Offset: " + (firstOffset + lines.size()) + ", Key: null, Value: " + TEXT + lines.size());
      lines.add(received(record));
    }
    Check.equal(expected, lines, "what the consumer prints");
  }
}
