import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;

/** What a scenario has at hand: clients that are closed after it, names that nobody else uses, control of the broker. */
final class Context implements AutoCloseable {
  static final class Shared implements AutoCloseable {
    final String bootstrap;
    final String version;
    final Admin admin;
    private final BufferedReader answers = new BufferedReader(new InputStreamReader(System.in));

    Shared(String bootstrap, String version) {
      this.bootstrap = bootstrap;
      this.version = version;
      admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    @Override
    public void close() {
      admin.close(Duration.ofSeconds(5));
    }
  }

  private static final AtomicInteger sequence = new AtomicInteger();
  private final Shared shared;
  private final String label;
  private final List<AutoCloseable> open = new ArrayList<>();

  Context(Shared shared, String label) {
    this.shared = shared;
    this.label = label;
  }

  String bootstrap() {
    return shared.bootstrap;
  }

  String version() {
    return shared.version;
  }

  Admin admin() {
    return shared.admin;
  }

  /** Asks the runner to "restart" (SIGTERM, start), "kill" (SIGKILL, start); returns when the broker answers again. */
  void broker(String verb) throws Exception {
    synchronized (System.out) {
      System.out.println("CONTROL\t" + verb);
      System.out.flush();
    }
    String answer = shared.answers.readLine();
    Check.equal("done", answer, "the runner's answer to " + verb);
  }

  /** A name that no other scenario and no other run has. */
  String name(String hint) {
    return label.replace('/', '.') + "-" + hint + "-" + shared.version + "-" + sequence.incrementAndGet();
  }

  /** Creates a topic of its own; configs are key, value, key, value… */
  String topic(int partitions, String... configs) throws Exception {
    String topic = name("t");
    Map<String, String> map = new HashMap<>();
    for (int i = 0; i < configs.length; i += 2) map.put(configs[i], configs[i + 1]);
    admin().createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(map))).all().get(30, TimeUnit.SECONDS);
    awaitLeaders(topic, partitions);
    return topic;
  }

  /**
   * Apache answers CreateTopics before its partitions can be written to. An idempotent producer that is too early may have its
   * second batch appended before its first one, which is then out of order for ever: so wait until every leader answers.
   */
  void awaitLeaders(String topic, int partitions) throws Exception {
    Map<TopicPartition, OffsetSpec> all = new HashMap<>();
    for (int p = 0; p < partitions; p++) all.put(new TopicPartition(topic, p), OffsetSpec.latest());
    Check.eventually("leaders of " + topic, () -> {
      try {
        admin().listOffsets(all).all().get(30, TimeUnit.SECONDS);
        return true;
      } catch (java.util.concurrent.ExecutionException e) {
        if (e.getCause() instanceof org.apache.kafka.common.errors.UnknownTopicOrPartitionException) return false;
        throw e;
      }
    });
  }

  Properties properties(String... pairs) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", shared.bootstrap);
    for (int i = 0; i < pairs.length; i += 2) properties.put(pairs[i], pairs[i + 1]);
    return properties;
  }

  KafkaProducer<String, String> producer(String... pairs) {
    Properties properties = properties("delivery.timeout.ms", "40000", "request.timeout.ms", "20000");
    for (int i = 0; i < pairs.length; i += 2) properties.put(pairs[i], pairs[i + 1]);
    properties.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
    properties.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
    KafkaProducer<String, String> producer = new KafkaProducer<>(properties);
    open.add(() -> producer.close(Duration.ofSeconds(2)));
    return producer;
  }

  /** group null: no group. */
  KafkaConsumer<String, String> consumer(String group, String... pairs) {
    KafkaConsumer<String, String> consumer = new KafkaConsumer<>(consumerProperties(group, pairs));
    open.add(() -> consumer.close(Duration.ofSeconds(2)));
    return consumer;
  }

  Properties consumerProperties(String group, String... pairs) {
    Properties properties = properties();
    if (group != null) properties.put("group.id", group);
    properties.put("enable.auto.commit", "false");
    properties.put("auto.offset.reset", "earliest");
    properties.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
    properties.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
    for (int i = 0; i < pairs.length; i += 2) properties.put(pairs[i], pairs[i + 1]);
    return properties;
  }

  void closeLater(AutoCloseable closeable) {
    open.add(closeable);
  }

  /** Sends values prefix-0 … prefix-(count-1), without keys, to the partition; waits for all; returns the metadata. */
  List<RecordMetadata> fill(String topic, int partition, int count, String prefix) throws Exception {
    List<RecordMetadata> result = new ArrayList<>();
    try (KafkaProducer<String, String> producer = producer("linger.ms", "5")) {
      List<java.util.concurrent.Future<RecordMetadata>> futures = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        futures.add(producer.send(new ProducerRecord<>(topic, partition, null, prefix + "-" + i)));
      }
      for (var future : futures) result.add(future.get(30, TimeUnit.SECONDS));
    }
    return result;
  }

  static List<String> values(String prefix, int from, int to) {
    List<String> values = new ArrayList<>();
    for (int i = from; i < to; i++) values.add(prefix + "-" + i);
    return values;
  }

  static List<String> valuesOf(Iterable<ConsumerRecord<String, String>> records) {
    List<String> values = new ArrayList<>();
    for (ConsumerRecord<String, String> record : records) values.add(record.value());
    return values;
  }

  /** Every record of the topic, from the beginning to the end offsets, in the order of poll. */
  List<ConsumerRecord<String, String>> readAll(String topic, String... pairs) throws Exception {
    try (KafkaConsumer<String, String> consumer = consumer(null, pairs)) {
      List<TopicPartition> partitions = new ArrayList<>();
      for (PartitionInfo info : consumer.partitionsFor(topic)) partitions.add(new TopicPartition(topic, info.partition()));
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      return readToEnd(consumer, partitions);
    }
  }

  static List<ConsumerRecord<String, String>> readToEnd(KafkaConsumer<String, String> consumer, Collection<TopicPartition> partitions) {
    Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
    List<ConsumerRecord<String, String>> records = new ArrayList<>();
    long end = System.currentTimeMillis() + 30_000;
    while (true) {
      boolean done = true;
      for (TopicPartition partition : partitions) {
        if (consumer.position(partition) < ends.get(partition)) done = false;
      }
      if (done) return records;
      Check.that(System.currentTimeMillis() < end, "the end offsets " + ends + " are not reached after 30 s, read " + records.size());
      consumer.poll(Duration.ofMillis(100)).forEach(records::add);
    }
  }

  /** Polls until count records are there (fails after 30 s), then once more: more than count is a failure too. */
  static List<ConsumerRecord<String, String>> take(KafkaConsumer<String, String> consumer, int count) {
    List<ConsumerRecord<String, String>> records = new ArrayList<>();
    long end = System.currentTimeMillis() + 30_000;
    while (records.size() < count) {
      Check.that(System.currentTimeMillis() < end, "only " + records.size() + " of " + count + " records within 30 s: " + valuesOf(records));
      consumer.poll(Duration.ofMillis(100)).forEach(records::add);
    }
    consumer.poll(Duration.ofMillis(50)).forEach(records::add);
    Check.equal(count, records.size(), "number of records");
    return records;
  }

  @Override
  public void close() throws Exception {
    for (int i = open.size() - 1; i >= 0; i--) {
      try {
        open.get(i).close();
      } catch (Exception ignored) {
        // A client that the scenario closed already, or that the broker's end left hanging: the scenario has its verdict.
      }
    }
  }
}
