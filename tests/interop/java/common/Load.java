import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/**
 * Load that goes on while the broker is killed: `Load BOOTSTRAP TOPIC PARTITIONS GROUP`, until standard input ends.
 * Prints, one line each: "acked PARTITION OFFSET NUMBER", "refused NUMBER why" (the record's fate is unknown), "committed PARTITION OFFSET"
 * (a commitSync that came back), "progress" now and then; at the end "ended".
 */
public final class Load {
  private static volatile boolean stopping;

  public static void main(String[] args) throws Exception {
    Properties common = new Properties();
    common.put("bootstrap.servers", args[0]);
    common.put("reconnect.backoff.ms", "20");
    common.put("reconnect.backoff.max.ms", "100");
    common.put("retry.backoff.ms", "50");
    common.put("request.timeout.ms", "5000");
    common.put("metadata.max.age.ms", "2000");
    Thread consumer = new Thread(() -> consume(common, args[1], args[3]));
    consumer.start();
    Thread input = new Thread(() -> {
      try {
        while (System.in.read() >= 0) { }
      } catch (java.io.IOException e) {
        // ended
      }
      stopping = true;
    });
    input.setDaemon(true);
    input.start();
    produce(common, args[1], Integer.parseInt(args[2]));
    consumer.join();
    System.out.println("ended");
    System.out.flush();
    System.exit(0);
  }

  private static void produce(Properties common, String topic, int partitions) throws Exception {
    Properties properties = new Properties();
    properties.putAll(common);
    properties.put("acks", "all");
    properties.put("enable.idempotence", "true");
    properties.put("delivery.timeout.ms", "120000");
    properties.put("linger.ms", "2");
    properties.put("batch.size", "2000");
    properties.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
    properties.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
    AtomicLong open = new AtomicLong();
    try (KafkaProducer<String, String> producer = new KafkaProducer<>(properties)) {
      for (int i = 0; !stopping; i++) {
        String number = String.valueOf(i);
        open.incrementAndGet();
        producer.send(new ProducerRecord<>(topic, i % partitions, null, number), (metadata, exception) -> {
          open.decrementAndGet();
          if (exception == null) {
            System.out.println("acked " + metadata.partition() + " " + metadata.offset() + " " + number);
          } else {
            System.out.println("refused " + number + " " + exception);
          }
        });
        if (i % 20 == 19) Thread.sleep(5);
        while (open.get() > 2000 && !stopping) Thread.sleep(5);
      }
      producer.flush();
    }
  }

  private static void consume(Properties common, String topic, String group) {
    Properties properties = new Properties();
    properties.putAll(common);
    properties.put("group.id", group);
    properties.put("auto.offset.reset", "earliest");
    properties.put("enable.auto.commit", "false");
    properties.put("session.timeout.ms", "6000");
    properties.put("default.api.timeout.ms", "30000");
    properties.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
    properties.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
    try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties)) {
      consumer.subscribe(List.of(topic));
      while (!stopping) {
        ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(100));
        if (records.isEmpty()) continue;
        Map<TopicPartition, OffsetAndMetadata> offsets = new java.util.HashMap<>();
        for (ConsumerRecord<String, String> record : records) {
          offsets.put(new TopicPartition(record.topic(), record.partition()), new OffsetAndMetadata(record.offset() + 1));
        }
        try {
          consumer.commitSync(offsets);
          offsets.forEach((partition, offset) -> System.out.println("committed " + partition.partition() + " " + offset.offset()));
        } catch (org.apache.kafka.common.KafkaException e) {
          System.out.println("uncommitted " + e);
        }
      }
    }
  }
}
