import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/**
 * A client that goes on while the cluster is being hurt, with default settings but acks=all: see tests/interop/clients/README.md, «Streams».
 * `Stream BOOTSTRAP TOPIC PARTITIONS NAME RATE GROUP|- idempotent|plain default|hasty`.
 */
public final class Stream {
  private static volatile boolean draining;
  private static volatile boolean ending;
  private static boolean hasty;

  public static void main(String[] args) throws Exception {
    hasty = args[7].equals("hasty");
    Thread consumer = new Thread(() -> consume(args[0], args[1], args[5]), "consumer");
    if (!args[5].equals("-")) consumer.start();
    Thread input = new Thread(Stream::listen, "input");
    input.setDaemon(true);
    input.start();
    produce(args[0], args[1], Integer.parseInt(args[2]), args[3], Integer.parseInt(args[4]), args[6].equals("idempotent"));
    if (!args[5].equals("-")) consumer.join();
    input.join();
    say("ended");
    System.exit(0);
  }

  private static void listen() {
    try {
      BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
      while (lines.readLine() != null) draining = true;
    } catch (java.io.IOException e) {
      // ended
    }
    draining = true;
    ending = true;
  }

  private static synchronized void say(String line) {
    System.out.println(line);
    System.out.flush();
  }

  private static void produce(String bootstrap, String topic, int partitions, String name, int rate, boolean idempotent) throws Exception {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    properties.put("acks", "all");
    properties.put("enable.idempotence", String.valueOf(idempotent));
    properties.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
    properties.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
    hurry(properties);
    AtomicInteger open = new AtomicInteger();
    int count = 0;
    try (KafkaProducer<String, String> producer = new KafkaProducer<>(properties)) {
      producer.partitionsFor(topic);
      long start = System.nanoTime();
      while (!draining) {
        long due = start + count * 1_000_000_000L / rate - System.nanoTime();
        if (due > 0) Thread.sleep(due / 1_000_000, (int) (due % 1_000_000));
        // What waits for a leader is bounded: the history is checked record by record.
        while (open.get() > 20_000 && !draining) Thread.sleep(1);
        send(producer, topic, count % partitions, name + "-" + count, open);
        count++;
      }
      producer.flush();
    }
    say("drained " + count);
  }

  private static void hurry(Properties properties) {
    if (hasty) properties.putAll(Map.of("request.timeout.ms", "5000", "metadata.max.age.ms", "3000"));
  }

  private static void send(KafkaProducer<String, String> producer, String topic, int partition, String value, AtomicInteger open) {
    open.incrementAndGet();
    long sent = System.nanoTime() / 1000;
    producer.send(new ProducerRecord<>(topic, partition, null, value), (metadata, exception) -> {
      open.decrementAndGet();
      if (exception == null) {
        say("acked " + metadata.partition() + " " + metadata.offset() + " " + value + " " + sent + " " + System.nanoTime() / 1000);
      } else {
        say("refused " + value + " " + exception);
      }
    });
  }

  private static void consume(String bootstrap, String topic, String group) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    properties.put("group.id", group);
    properties.put("auto.offset.reset", "earliest");
    properties.put("enable.auto.commit", "false");
    hurry(properties);
    if (hasty) properties.putAll(Map.of("session.timeout.ms", "6000", "heartbeat.interval.ms", "1000"));
    properties.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
    properties.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
    try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties)) {
      consumer.subscribe(List.of(topic));
      while (!ending) {
        ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(100));
        if (records.isEmpty()) continue;
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (ConsumerRecord<String, String> record : records) {
          say("read " + record.partition() + " " + record.offset() + " " + record.value());
          offsets.put(new TopicPartition(record.topic(), record.partition()), new OffsetAndMetadata(record.offset() + 1));
        }
        commit(consumer, offsets);
      }
    }
  }

  private static void commit(KafkaConsumer<String, String> consumer, Map<TopicPartition, OffsetAndMetadata> offsets) {
    try {
      consumer.commitSync(offsets);
      offsets.forEach((partition, offset) -> say("committed " + partition.partition() + " " + offset.offset()));
    } catch (KafkaException e) {
      say("uncommitted " + e);
    }
  }
}
