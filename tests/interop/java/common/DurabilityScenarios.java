import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** What is still there after the broker went away: records, committed positions, topics, configs, clients that stay. */
final class DurabilityScenarios {
  private DurabilityScenarios() {}

  static void register(Interop interop) {
    interop.addAlone("durability/restart", c -> survives(c, "restart"));
    interop.addAlone("durability/kill", c -> survives(c, "kill"));
    interop.addAlone("durability/clients_stay_over_a_restart", DurabilityScenarios::clientsStay);
  }

  private static void survives(Context context, String verb) throws Exception {
    String topic = context.topic(3, "retention.ms", "123456789");
    String codecs = context.topic(2);
    String gone = context.topic(1);
    String group = context.name("g");
    for (int p = 0; p < 3; p++) context.fill(topic, p, 50, "p" + p);
    ProducerScenarios.produceWith(context, codecs, "zstd", 400);
    context.admin().deleteTopics(List.of(gone)).all().get();
    Map<TopicPartition, OffsetAndMetadata> offsets = Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(20, "note"),
        new TopicPartition(topic, 1), new OffsetAndMetadata(50), new TopicPartition(topic, 2), new OffsetAndMetadata(0));
    try (KafkaConsumer<String, String> consumer = context.consumer(group)) {
      consumer.subscribe(List.of(topic));
      Context.take(consumer, 150);
      consumer.commitSync(offsets);
    }
    String id = context.admin().describeTopics(List.of(topic)).allTopicNames().get().get(topic).topicId().toString();
    String cluster = context.admin().describeCluster().clusterId().get();
    context.broker(verb);
    Check.eventually("the topic is led again", () -> context.admin().describeTopics(List.of(topic)).allTopicNames().get().get(topic)
        .partitions().stream().allMatch(p -> p.leader() != null && p.leader().id() == 1));
    Check.equal(id, context.admin().describeTopics(List.of(topic)).allTopicNames().get().get(topic).topicId().toString(), "topic id");
    Check.equal(cluster, context.admin().describeCluster().clusterId().get(), "cluster id");
    Check.that(!context.admin().listTopics().names().get().contains(gone), "the deleted topic is back");
    Check.equal("123456789", config(context, topic, "retention.ms"), "config");
    checkRecords(context, topic);
    ProducerScenarios.checkValues(context.readAll(codecs), 400);
    try (KafkaConsumer<String, String> consumer = context.consumer(group)) {
      Check.equal(offsets, new java.util.HashMap<>(consumer.committed(offsets.keySet())), "committed offsets");
      consumer.subscribe(List.of(topic));
      List<ConsumerRecord<String, String>> rest = Context.take(consumer, 80);
      Check.equal(Context.values("p0", 20, 50), partition(rest, 0), "partition 0 from its committed offset on");
      Check.equal(Context.values("p2", 0, 50), partition(rest, 2), "partition 2 from its committed offset on");
    }
    context.fill(topic, 0, 5, "later");
    Check.equal(55L, context.admin().listOffsets(Map.of(new TopicPartition(topic, 0), org.apache.kafka.clients.admin.OffsetSpec.latest()))
        .all().get().get(new TopicPartition(topic, 0)).offset(), "end offset after more records");
  }

  private static List<String> partition(List<ConsumerRecord<String, String>> records, int partition) {
    return records.stream().filter(r -> r.partition() == partition).map(ConsumerRecord::value).toList();
  }

  private static void checkRecords(Context context, String topic) throws Exception {
    Map<Integer, List<String>> actual = new TreeMap<>();
    List<ConsumerRecord<String, String>> records = context.readAll(topic);
    for (int p = 0; p < 3; p++) actual.put(p, partition(records, p));
    for (int p = 0; p < 3; p++) Check.equal(Context.values("p" + p, 0, 50), actual.get(p), "partition " + p);
  }

  static String config(Context context, String topic, String name) throws Exception {
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    return context.admin().describeConfigs(Set.of(resource)).all().get().get(resource).get(name).value();
  }

  /** The same producer and the same consumer go on, nothing is lost, nothing comes twice. */
  private static void clientsStay(Context context) throws Exception {
    String topic = context.topic(2);
    try (KafkaProducer<String, String> producer = context.producer("reconnect.backoff.ms", "50", "reconnect.backoff.max.ms", "200");
        KafkaConsumer<String, String> consumer =
            context.consumer(context.name("g"), "reconnect.backoff.ms", "50", "reconnect.backoff.max.ms", "200")) {
      consumer.subscribe(List.of(topic));
      int sent = 0;
      for (String verb : new String[] {"none", "restart", "kill"}) {
        if (!verb.equals("none")) context.broker(verb);
        for (int i = 0; i < 20; i++) producer.send(new ProducerRecord<>(topic, i % 2, null, "v-" + sent++)).get();
        List<String> values = Context.valuesOf(Context.take(consumer, 20));
        values.sort(java.util.Comparator.comparingInt(v -> Integer.parseInt(v.substring(2))));
        Check.equal(Context.values("v", sent - 20, sent), values, "records after " + verb);
        consumer.commitSync();
      }
    }
  }
}
