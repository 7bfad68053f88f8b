import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;

/** The driver (see tests/interop/clients/README.md) for Apache's own client. */
public final class Driver {
  private static final String BOOTSTRAP = System.getenv("BOOTSTRAP");

  public static void main(String[] args) throws Exception {
    switch (args[0]) {
      case "create", "delete" -> {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", BOOTSTRAP))) {
          if (args[0].equals("create")) {
            admin.createTopics(List.of(new NewTopic(args[1], Integer.parseInt(args[2]), (short) 1))).all().get();
          } else {
            admin.deleteTopics(List.of(args[1])).all().get();
          }
        }
      }
      case "produce" -> produce(args[1], args[2], Integer.parseInt(args[3]), Integer.parseInt(args[4]));
      case "member" -> member(args[1], args[2]);
      default -> throw new IllegalArgumentException(args[0]);
    }
  }

  private static Properties properties(String... pairs) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", BOOTSTRAP);
    for (int i = 0; i < pairs.length; i += 2) properties.put(pairs[i], pairs[i + 1]);
    return properties;
  }

  private static void produce(String topic, String codec, int from, int to) throws Exception {
    String serializer = "org.apache.kafka.common.serialization.StringSerializer";
    try (KafkaProducer<String, String> producer = new KafkaProducer<>(properties("compression.type", codec, "linger.ms", "5",
             "key.serializer", serializer, "value.serializer", serializer))) {
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      for (int i = from; i < to; i++) {
        sent.add(producer.send(new ProducerRecord<>(topic, "k" + i % 10, "v-" + i + "-" + "x".repeat(i % 50))));
      }
      for (int i = from; i < to; i++) {
        RecordMetadata metadata = sent.get(i - from).get();
        System.out.println("sent " + metadata.partition() + " " + metadata.offset() + " k" + i % 10);
      }
    }
  }

  private static void member(String topic, String group) throws Exception {
    String deserializer = "org.apache.kafka.common.serialization.StringDeserializer";
    Properties properties = properties("group.id", group, "auto.offset.reset", "earliest", "enable.auto.commit", "false",
        "session.timeout.ms", "3000", "heartbeat.interval.ms", "200", "metadata.max.age.ms", "1000", "key.deserializer", deserializer,
        "value.deserializer", deserializer);
    try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties)) {
      consumer.subscribe(List.of(topic), new ConsumerRebalanceListener() {
        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {}

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
          System.out.println("assigned " + partitions.stream().map(TopicPartition::partition)
              .collect(Collectors.toCollection(TreeSet::new)).stream().map(String::valueOf).collect(Collectors.joining(",")));
        }
      });
      while (!ended()) {
        ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(100));
        for (ConsumerRecord<String, String> r : records) {
          System.out.println("record " + r.partition() + " " + r.offset() + " " + r.key() + " " + r.value());
        }
        if (!records.isEmpty()) consumer.commitSync();
      }
    }
  }

  private static Thread reader;

  /** Standard input can only be seen to end by reading it: a thread does. */
  private static boolean ended() {
    if (reader == null) {
      reader = new Thread(() -> {
        try {
          while (System.in.read() >= 0) { }
        } catch (java.io.IOException e) {
          // ended too
        }
      });
      reader.setDaemon(true);
      reader.start();
    }
    return !reader.isAlive();
  }
}
