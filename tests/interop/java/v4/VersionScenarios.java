import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** What only kafka-clients 4 can do: groups of KIP-848, resets by duration, config resources. */
final class VersionScenarios {
  private static final String[] CONSUMER_PROTOCOL = {"group.protocol", "consumer"};

  private VersionScenarios() {}

  static void register(Interop interop) {
    interop.add("v4/consumer_protocol_one_two_three", c -> GroupScenarios.oneTwoThree(c, CONSUMER_PROTOCOL));
    interop.add("v4/consumer_protocol_more_members_than_partitions", c -> GroupScenarios.moreMembersThanPartitions(c, CONSUMER_PROTOCOL));
    interop.add("v4/consumer_protocol_partitions_added", c -> GroupScenarios.partitionsAdded(c, CONSUMER_PROTOCOL));
    interop.add("v4/reset_by_duration", VersionScenarios::resetByDuration);
    interop.add("v4/list_config_resources", VersionScenarios::configResources);
    interop.add("v4/list_groups", VersionScenarios::listGroups);
    interop.add("v4/list_offsets_earliest_pending_upload", VersionScenarios::offsets);
  }

  private static void resetByDuration(Context context) throws Exception {
    String topic = context.topic(1);
    long now = System.currentTimeMillis();
    try (KafkaProducer<String, String> producer = context.producer()) {
      for (int i = 10; i > 0; i--) producer.send(new ProducerRecord<>(topic, 0, now - i * 3_600_000L, null, "v-" + (10 - i)));
    }
    try (KafkaConsumer<String, String> consumer = context.consumer(context.name("g"), "auto.offset.reset", "by_duration:PT3H30M")) {
      consumer.subscribe(List.of(topic));
      Check.equal(Context.values("v", 7, 10), Context.valuesOf(Context.take(consumer, 3)), "the last three and a half hours");
    }
  }

  private static void configResources(Context context) throws Exception {
    String topic = context.topic(1);
    Set<ConfigResource.Type> types = Set.of(ConfigResource.Type.TOPIC, ConfigResource.Type.BROKER);
    var resources = context.admin().listConfigResources(types, new org.apache.kafka.clients.admin.ListConfigResourcesOptions()).all().get();
    Check.that(resources.contains(new ConfigResource(ConfigResource.Type.TOPIC, topic)), "the topic");
    Check.that(resources.contains(new ConfigResource(ConfigResource.Type.BROKER, "1")), "the broker");
  }

  private static void listGroups(Context context) throws Exception {
    String topic = context.topic(1);
    String group = context.name("g");
    try (KafkaConsumer<String, String> consumer = context.consumer(group)) {
      consumer.subscribe(List.of(topic));
      NotesScenarios.awaitAssignment(consumer);
      var listing = context.admin().listGroups().all().get().stream().filter(g -> g.groupId().equals(group)).findFirst().get();
      Check.equal("CLASSIC", listing.type().get().name(), "type");
      Check.equal("consumer", listing.protocol(), "protocol");
      Check.equal("STABLE", listing.groupState().get().name(), "state");
    }
  }

  private static void offsets(Context context) throws Exception {
    String topic = context.topic(1);
    context.fill(topic, 0, 3, "v");
    TopicPartition partition = new TopicPartition(topic, 0);
    Check.equal(-1L, context.admin().listOffsets(Map.of(partition, OffsetSpec.earliestPendingUpload())).partitionResult(partition).get().offset(),
        "nothing waits for an upload");
  }
}
