import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.FeatureMetadata;
import org.apache.kafka.clients.admin.FeatureUpdate;
import org.apache.kafka.clients.admin.FinalizedVersionRange;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.QuorumInfo;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.SupportedVersionRange;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.admin.UpdateFeaturesOptions;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.ElectionNotNeededException;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicIdException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** What the Admin client can ask and change. */
final class AdminScenarios {
  private AdminScenarios() {}

  static void register(Interop interop) {
    interop.add("admin/create_describe_delete_topic", AdminScenarios::topics);
    interop.add("admin/create_topic_refusals", AdminScenarios::createRefusals);
    interop.add("admin/create_topic_validate_only", AdminScenarios::validateOnly);
    interop.add("admin/create_topic_replica_assignment", AdminScenarios::replicaAssignment);
    interop.add("admin/deleted_topic_comes_back_empty", AdminScenarios::deletedTopicComesBack);
    interop.add("admin/create_partitions", AdminScenarios::createPartitions);
    interop.add("admin/topic_configs", AdminScenarios::topicConfigs);
    interop.add("admin/config_refusals", AdminScenarios::configRefusals);
    interop.add("admin/broker_configs", AdminScenarios::brokerConfigs);
    interop.add("admin/delete_records", AdminScenarios::deleteRecords);
    interop.add("admin/groups", AdminScenarios::groups);
    interop.add("admin/alter_and_delete_group_offsets", AdminScenarios::groupOffsets);
    interop.add("admin/describe_log_dirs", AdminScenarios::logDirs);
    interop.add("admin/describe_cluster", AdminScenarios::cluster);
    interop.add("admin/describe_producers", AdminScenarios::producers);
    interop.add("admin/elect_leaders", AdminScenarios::electLeaders);
    interop.add("admin/features", AdminScenarios::features);
    interop.add("admin/metadata_quorum", AdminScenarios::quorum);
    interop.add("admin/list_offsets", AdminScenarios::listOffsets);
    interop.add("admin/transactions", AdminScenarios::transactions);
    interop.add("admin/reassignments", AdminScenarios::reassignments);
    interop.add("admin/client_quotas", AdminScenarios::quotas);
    interop.add("admin/scram_credentials", AdminScenarios::scram);
  }

  private static void topics(Context context) throws Exception {
    String topic = context.name("t");
    CreateTopicsResult result = context.admin().createTopics(
        List.of(new NewTopic(topic, Optional.of(3), Optional.empty()).configs(Map.of("cleanup.policy", "compact"))));
    Uuid id = result.topicId(topic).get();
    Check.equal(3, result.numPartitions(topic).get(), "partitions");
    Check.equal(1, result.replicationFactor(topic).get(), "replication factor");
    Check.equal("compact", result.config(topic).get().get("cleanup.policy").value(), "config in the answer");
    TopicDescription description = context.admin().describeTopics(List.of(topic)).allTopicNames().get().get(topic);
    Check.equal(id, description.topicId(), "topic id");
    Check.that(!description.isInternal(), "internal");
    Check.equal(3, description.partitions().size(), "partitions described");
    for (TopicPartitionInfo partition : description.partitions()) {
      Check.equal(1, partition.leader().id(), "leader");
      Check.equal(1, partition.replicas().size(), "replicas");
      Check.equal(1, partition.isr().size(), "isr");
    }
    Check.equal(topic, context.admin().describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds().get().get(id).name(), "name by id");
    Check.fails(UnknownTopicIdException.class,
        () -> context.admin().describeTopics(TopicCollection.ofTopicIds(List.of(Uuid.randomUuid()))).allTopicIds().get(), "unknown id");
    Check.equal(id, context.admin().listTopics().namesToListings().get().get(topic).topicId(), "id in the list");
    Check.fails(TopicExistsException.class, () -> context.admin().createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get(), "twice");
    context.admin().deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get();
    Check.fails(UnknownTopicOrPartitionException.class, () -> context.admin().describeTopics(List.of(topic)).allTopicNames().get(), "after deletion");
    Check.fails(UnknownTopicOrPartitionException.class, () -> context.admin().deleteTopics(List.of(topic)).all().get(), "deleted twice");
    Check.that(!context.admin().listTopics().names().get().contains(topic), "the list after deletion");
  }

  private static void createRefusals(Context context) throws Exception {
    String topic = context.name("t");
    var admin = context.admin();
    Check.fails(InvalidPartitionsException.class, () -> admin.createTopics(List.of(new NewTopic(topic, 0, (short) 1))).all().get(), "0 partitions");
    Check.fails(InvalidReplicationFactorException.class, () -> admin.createTopics(List.of(new NewTopic(topic, 1, (short) 3))).all().get(), "3 replicas");
    Check.fails(InvalidReplicationFactorException.class, () -> admin.createTopics(List.of(new NewTopic(topic, 1, (short) 0))).all().get(), "0 replicas");
    Check.fails(InvalidTopicException.class, () -> admin.createTopics(List.of(new NewTopic("a/b", 1, (short) 1))).all().get(), "name");
    Check.fails(InvalidTopicException.class, () -> admin.createTopics(List.of(new NewTopic("x".repeat(250), 1, (short) 1))).all().get(), "long name");
    Check.fails(InvalidConfigurationException.class, () -> admin.createTopics(
        List.of(new NewTopic(topic, 1, (short) 1).configs(Map.of("retention.ms", "soon")))).all().get(), "config value");
    Check.fails(InvalidConfigurationException.class, () -> admin.createTopics(
        List.of(new NewTopic(topic, 1, (short) 1).configs(Map.of("no.such.config", "1")))).all().get(), "config name");
    Check.that(!admin.listTopics().names().get().contains(topic), "a refused topic is there");
    // One is refused, the other is made.
    String good = context.name("good");
    Map<String, KafkaFuture<Void>> values = admin.createTopics(
        List.of(new NewTopic(topic, -2, (short) 1), new NewTopic(good, 1, (short) 1))).values();
    values.get(good).get();
    Check.fails(InvalidPartitionsException.class, () -> values.get(topic).get(), "-2 partitions");
    Check.that(admin.listTopics().names().get().contains(good), "the good one is not there");
  }

  private static void validateOnly(Context context) throws Exception {
    String topic = context.name("t");
    var options = new CreateTopicsOptions().validateOnly(true);
    CreateTopicsResult result = context.admin().createTopics(List.of(new NewTopic(topic, 4, (short) 1)), options);
    Check.equal(4, result.numPartitions(topic).get(), "partitions");
    Check.that(!context.admin().listTopics().names().get().contains(topic), "it was made");
    Check.fails(InvalidReplicationFactorException.class,
        () -> context.admin().createTopics(List.of(new NewTopic(topic, 4, (short) 2)), options).all().get(), "refusal");
  }

  private static void replicaAssignment(Context context) throws Exception {
    String topic = context.name("t");
    context.admin().createTopics(List.of(new NewTopic(topic, Map.of(0, List.of(1), 1, List.of(1))))).all().get();
    Check.equal(2, context.admin().describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size(), "partitions");
    Check.fails(org.apache.kafka.common.errors.InvalidReplicaAssignmentException.class,
        () -> context.admin().createTopics(List.of(new NewTopic(context.name("u"), Map.of(0, List.of(7))))).all().get(), "unknown broker");
  }

  private static void deletedTopicComesBack(Context context) throws Exception {
    String topic = context.topic(2);
    context.fill(topic, 0, 10, "old");
    Uuid before = context.admin().describeTopics(List.of(topic)).allTopicNames().get().get(topic).topicId();
    context.admin().deleteTopics(List.of(topic)).all().get();
    Check.eventually("it can be made again", () -> {
      try {
        context.admin().createTopics(List.of(new NewTopic(topic, 2, (short) 1))).all().get();
        return true;
      } catch (java.util.concurrent.ExecutionException e) {
        return false;
      }
    });
    Check.that(!before.equals(context.admin().describeTopics(List.of(topic)).allTopicNames().get().get(topic).topicId()), "the same topic id");
    Check.equal(0, context.readAll(topic).size(), "old records");
    Check.equal(0L, context.fill(topic, 0, 1, "new").get(0).offset(), "first offset");
    Check.equal(List.of("new-0"), Context.valuesOf(context.readAll(topic)), "values");
  }

  private static void createPartitions(Context context) throws Exception {
    String topic = context.topic(2);
    context.fill(topic, 1, 5, "v");
    var admin = context.admin();
    admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(4))).all().get();
    Check.eventually("4 partitions", () -> admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size() == 4);
    context.fill(topic, 3, 5, "w");
    Check.equal(10, context.readAll(topic).size(), "records");
    Check.fails(InvalidPartitionsException.class, () -> admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all().get(), "shrinking");
    Check.fails(InvalidPartitionsException.class, () -> admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(4))).all().get(), "no change");
    Check.fails(UnknownTopicOrPartitionException.class,
        () -> admin.createPartitions(Map.of(context.name("none"), NewPartitions.increaseTo(4))).all().get(), "unknown topic");
    Check.equal(4, admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size(), "partitions at the end");
  }

  static void alter(Context context, ConfigResource resource, String name, String value, AlterConfigOp.OpType type) throws Exception {
    context.admin().incrementalAlterConfigs(Map.of(resource, List.of(new AlterConfigOp(new ConfigEntry(name, value), type)))).all().get();
  }

  private static void topicConfigs(Context context) throws Exception {
    String topic = context.topic(1, "retention.ms", "1000000");
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    ConfigEntry retention = entry(context, resource, "retention.ms");
    Check.equal("1000000", retention.value(), "value");
    Check.equal(ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, retention.source(), "source");
    Check.equal(ConfigEntry.ConfigType.LONG, retention.type(), "type");
    Check.that(!retention.isDefault() && !retention.isReadOnly() && !retention.isSensitive(), "flags");
    Check.equal(List.of("retention.ms=1000000 DYNAMIC_TOPIC_CONFIG"), retention.synonyms().stream().map(s -> s.name() + "=" + s.value() + " " + s.source()).limit(1).toList(), "synonyms");
    ConfigEntry segment = entry(context, resource, "segment.bytes");
    Check.equal("1073741824", segment.value(), "default");
    Check.equal(ConfigEntry.ConfigSource.DEFAULT_CONFIG, segment.source(), "source of a default");
    Check.equal(List.of("log.segment.bytes=1073741824 DEFAULT_CONFIG"),
        segment.synonyms().stream().map(s -> s.name() + "=" + s.value() + " " + s.source()).toList(), "synonyms of a default");
    alter(context, resource, "segment.bytes", "2000000", AlterConfigOp.OpType.SET);
    alter(context, resource, "cleanup.policy", "compact", AlterConfigOp.OpType.APPEND);
    alter(context, resource, "retention.ms", "", AlterConfigOp.OpType.DELETE);
    Check.eventually("segment.bytes", () -> entry(context, resource, "segment.bytes").value().equals("2000000"));
    Check.equal("delete,compact", entry(context, resource, "cleanup.policy").value(), "after APPEND");
    Check.equal("604800000", entry(context, resource, "retention.ms").value(), "after DELETE");
    alter(context, resource, "cleanup.policy", "delete", AlterConfigOp.OpType.SUBTRACT);
    Check.equal("compact", entry(context, resource, "cleanup.policy").value(), "after SUBTRACT");
  }

  static ConfigEntry entry(Context context, ConfigResource resource, String name) throws Exception {
    Config config = context.admin().describeConfigs(List.of(resource), new DescribeConfigsOptions().includeSynonyms(true)
        .includeDocumentation(true)).all().get().get(resource);
    ConfigEntry entry = config.get(name);
    Check.that(entry != null, name + " is not described");
    Check.that(entry.documentation() != null && entry.documentation().length() > 10, "documentation of " + name);
    return entry;
  }

  private static void configRefusals(Context context) throws Exception {
    String topic = context.topic(1);
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    Check.fails(InvalidConfigurationException.class, () -> {
      alter(context, resource, "retention.ms", "soon", AlterConfigOp.OpType.SET);
      return null;
    }, "value");
    Check.fails(InvalidConfigurationException.class, () -> {
      alter(context, resource, "no.such.config", "1", AlterConfigOp.OpType.SET);
      return null;
    }, "name");
    Check.fails(InvalidConfigurationException.class, () -> {
      alter(context, resource, "retention.ms", "1", AlterConfigOp.OpType.APPEND);
      return null;
    }, "APPEND to a number");
    Check.fails(UnknownTopicOrPartitionException.class, () -> {
      alter(context, new ConfigResource(ConfigResource.Type.TOPIC, context.name("none")), "retention.ms", "1", AlterConfigOp.OpType.SET);
      return null;
    }, "unknown topic");
    Check.fails(UnknownTopicOrPartitionException.class, () -> context.admin().describeConfigs(
        List.of(new ConfigResource(ConfigResource.Type.TOPIC, context.name("none")))).all().get(), "describe an unknown topic");
    Check.equal("604800000", entry(context, resource, "retention.ms").value(), "value after the refusals");
  }

  private static void brokerConfigs(Context context) throws Exception {
    ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
    Check.equal("1", entry(context, broker, "node.id").value(), "node.id");
    Check.equal(ConfigEntry.ConfigSource.STATIC_BROKER_CONFIG, entry(context, broker, "node.id").source(), "source of node.id");
    Check.that(entry(context, broker, "node.id").isReadOnly(), "node.id is read-only");
    Check.equal("3", entry(context, broker, "offsets.topic.num.partitions").value(), "offsets.topic.num.partitions");
    Check.equal(ConfigEntry.ConfigSource.DEFAULT_CONFIG, entry(context, broker, "num.network.threads").source(), "source of a default");
    alter(context, broker, "log.cleaner.threads", "2", AlterConfigOp.OpType.SET);
    Check.eventually("log.cleaner.threads", () -> entry(context, broker, "log.cleaner.threads").value().equals("2"));
    Check.equal(ConfigEntry.ConfigSource.DYNAMIC_BROKER_CONFIG, entry(context, broker, "log.cleaner.threads").source(), "source");
    alter(context, broker, "log.cleaner.threads", "", AlterConfigOp.OpType.DELETE);
    Check.eventually("its default", () -> entry(context, broker, "log.cleaner.threads").value().equals("1"));
    ConfigResource all = new ConfigResource(ConfigResource.Type.BROKER, "");
    alter(context, all, "log.cleaner.dedupe.buffer.size", "134217729", AlterConfigOp.OpType.SET);
    Check.eventually("the cluster-wide default", () -> {
      ConfigEntry entry = entry(context, broker, "log.cleaner.dedupe.buffer.size");
      return entry.value().equals("134217729") && entry.source() == ConfigEntry.ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG;
    });
    alter(context, all, "log.cleaner.dedupe.buffer.size", "", AlterConfigOp.OpType.DELETE);
    Check.fails(org.apache.kafka.common.errors.InvalidRequestException.class, () -> {
      alter(context, broker, "node.id", "2", AlterConfigOp.OpType.SET);
      return null;
    }, "a read-only config");
  }

  private static void deleteRecords(Context context) throws Exception {
    String topic = context.topic(2);
    context.fill(topic, 0, 100, "v");
    context.fill(topic, 1, 10, "w");
    TopicPartition p0 = new TopicPartition(topic, 0);
    TopicPartition p1 = new TopicPartition(topic, 1);
    var result = context.admin().deleteRecords(Map.of(p0, RecordsToDelete.beforeOffset(40), p1, RecordsToDelete.beforeOffset(-1)));
    Check.equal(40L, result.lowWatermarks().get(p0).get().lowWatermark(), "low watermark");
    Check.equal(10L, result.lowWatermarks().get(p1).get().lowWatermark(), "low watermark, all deleted");
    Check.equal(Context.values("v", 40, 100), Context.valuesOf(context.readAll(topic)), "what is left");
    Check.fails(OffsetOutOfRangeException.class,
        () -> context.admin().deleteRecords(Map.of(p0, RecordsToDelete.beforeOffset(101))).all().get(), "behind the end");
    Check.equal(40L, context.admin().deleteRecords(Map.of(p0, RecordsToDelete.beforeOffset(3))).lowWatermarks().get(p0).get().lowWatermark(), "before the start");
  }

  private static void groups(Context context) throws Exception {
    String topic = context.topic(2);
    String group = context.name("g");
    var admin = context.admin();
    context.fill(topic, 0, 10, "v");
    KafkaConsumer<String, String> consumer = context.consumer(group, "client.id", "the-client", "session.timeout.ms", "30000");
    consumer.subscribe(List.of(topic));
    Context.take(consumer, 10);
    consumer.commitSync();
    ConsumerGroupDescription description = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
    Check.equal("STABLE", Compatible.state(description), "state");
    Check.equal("range", description.partitionAssignor(), "assignor");
    Check.equal(1, description.coordinator().id(), "coordinator");
    Check.equal(1, description.members().size(), "members");
    var member = description.members().iterator().next();
    Check.equal("the-client", member.clientId(), "client id");
    Check.that(member.host().startsWith("/"), "host " + member.host());
    Check.equal(Set.of(new TopicPartition(topic, 0), new TopicPartition(topic, 1)), member.assignment().topicPartitions(), "assignment");
    Check.that(Compatible.groupIds(admin).contains(group), "it is listed");
    Check.fails(GroupNotEmptyException.class, () -> admin.deleteConsumerGroups(List.of(group)).all().get(), "delete while it has members");
    consumer.close();
    Check.eventually("it is empty", () -> Compatible.state(admin.describeConsumerGroups(List.of(group)).all().get().get(group)).equals("EMPTY"));
    admin.deleteConsumerGroups(List.of(group)).all().get();
    Check.that(!Compatible.groupIds(admin).contains(group), "it is listed after its deletion");
    Check.fails(GroupIdNotFoundException.class, () -> admin.deleteConsumerGroups(List.of(group)).all().get(), "delete twice");
    Check.equal(Map.of(), admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get(), "offsets after deletion");
  }

  private static void groupOffsets(Context context) throws Exception {
    String topic = context.topic(2);
    String group = context.name("g");
    var admin = context.admin();
    context.fill(topic, 0, 10, "v");
    TopicPartition p0 = new TopicPartition(topic, 0);
    TopicPartition p1 = new TopicPartition(topic, 1);
    admin.alterConsumerGroupOffsets(group, Map.of(p0, new OffsetAndMetadata(4), p1, new OffsetAndMetadata(0))).all().get();
    Check.equal(Map.of(p0, new OffsetAndMetadata(4), p1, new OffsetAndMetadata(0)),
        new HashMap<>(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get()), "offsets");
    KafkaConsumer<String, String> consumer = context.consumer(group);
    consumer.subscribe(List.of(topic));
    Check.equal(Context.values("v", 4, 10), Context.valuesOf(Context.take(consumer, 6)), "from the altered offset on");
    Check.fails(org.apache.kafka.common.errors.UnknownMemberIdException.class,
        () -> admin.alterConsumerGroupOffsets(group, Map.of(p0, new OffsetAndMetadata(1))).all().get(), "alter while it has members");
    Check.fails(org.apache.kafka.common.errors.GroupSubscribedToTopicException.class,
        () -> admin.deleteConsumerGroupOffsets(group, Set.of(p0)).all().get(), "delete offsets of a subscribed topic");
    consumer.close();
    Check.eventually("it is empty", () -> admin.describeConsumerGroups(List.of(group)).all().get().get(group).members().isEmpty());
    admin.deleteConsumerGroupOffsets(group, Set.of(p0)).all().get();
    Check.equal(Set.of(p1), admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().keySet(), "offsets left");
  }

  private static void logDirs(Context context) throws Exception {
    String topic = context.topic(2);
    context.fill(topic, 0, 100, "v");
    var dirs = context.admin().describeLogDirs(List.of(1)).allDescriptions().get().get(1);
    Check.equal(1, dirs.size(), "log dirs");
    var dir = dirs.values().iterator().next();
    Check.that(dir.error() == null, "error " + dir.error());
    Check.that(dir.totalBytes().getAsLong() > dir.usableBytes().getAsLong() && dir.usableBytes().getAsLong() > 0, "bytes of the volume");
    var replica = dir.replicaInfos().get(new TopicPartition(topic, 0));
    Check.that(replica.size() > 500 && replica.size() < 20_000, "size " + replica.size());
    Check.equal(0L, replica.offsetLag(), "lag");
    Check.that(!replica.isFuture(), "future");
    Check.equal(0L, dir.replicaInfos().get(new TopicPartition(topic, 1)).size(), "size of an empty partition");
    var ofReplica = new org.apache.kafka.common.TopicPartitionReplica(topic, 0, 1);
    Check.equal(dirs.keySet().iterator().next(),
        context.admin().describeReplicaLogDirs(List.of(ofReplica)).all().get().get(ofReplica).getCurrentReplicaLogDir(), "dir of the replica");
  }

  private static void cluster(Context context) throws Exception {
    DescribeClusterResult cluster = context.admin().describeCluster();
    Check.equal(22, cluster.clusterId().get().length(), "length of the cluster id");
    Check.equal(1, cluster.nodes().get().size(), "nodes");
    var node = cluster.nodes().get().iterator().next();
    Check.equal(1, node.id(), "node id");
    Check.equal(context.bootstrap(), node.host() + ":" + node.port(), "address");
    Check.equal(1, cluster.controller().get().id(), "controller");
    Check.equal(null, cluster.authorizedOperations().get(), "operations, not asked for");
  }

  private static void producers(Context context) throws Exception {
    String topic = context.topic(1);
    TopicPartition partition = new TopicPartition(topic, 0);
    Check.equal(0, context.admin().describeProducers(List.of(partition)).all().get().get(partition).activeProducers().size(), "producers");
    try (KafkaProducer<String, String> producer = context.producer("transactional.id", context.name("tx"))) {
      producer.initTransactions();
      producer.beginTransaction();
      for (int i = 0; i < 3; i++) producer.send(new ProducerRecord<>(topic, 0, null, "v-" + i)).get();
      List<ProducerState> states = context.admin().describeProducers(List.of(partition)).all().get().get(partition).activeProducers();
      Check.equal(1, states.size(), "producers");
      Check.equal(2, states.get(0).lastSequence(), "last sequence");
      Check.equal(0L, states.get(0).currentTransactionStartOffset().getAsLong(), "start of the transaction");
      producer.commitTransaction();
      Check.eventually("no open transaction", () -> context.admin().describeProducers(List.of(partition)).all().get().get(partition)
          .activeProducers().get(0).currentTransactionStartOffset().isEmpty());
    }
  }

  private static void electLeaders(Context context) throws Exception {
    String topic = context.topic(1);
    TopicPartition partition = new TopicPartition(topic, 0);
    for (ElectionType type : ElectionType.values()) {
      Map<TopicPartition, Optional<Throwable>> result = context.admin().electLeaders(type, Set.of(partition)).partitions().get();
      Check.equal(ElectionNotNeededException.class, result.get(partition).get().getClass(), type + " election");
    }
    TopicPartition unknown = new TopicPartition(context.name("none"), 0);
    Check.equal(UnknownTopicOrPartitionException.class,
        context.admin().electLeaders(ElectionType.PREFERRED, Set.of(unknown)).partitions().get().get(unknown).get().getClass(), "unknown topic");
  }

  private static void features(Context context) throws Exception {
    FeatureMetadata features = context.admin().describeFeatures().featureMetadata().get();
    Map<String, String> finalized = new java.util.TreeMap<>();
    for (Map.Entry<String, FinalizedVersionRange> e : features.finalizedFeatures().entrySet()) {
      finalized.put(e.getKey(), e.getValue().minVersionLevel() + "-" + e.getValue().maxVersionLevel());
    }
    // Whether these are finalized depends on what the broker serves; if they are, then so.
    for (var e : Map.of("group.version", "1-1", "share.version", "1-1", "streams.version", "1-1", "transaction.version", "2-2").entrySet()) {
      String level = finalized.remove(e.getKey());
      Check.that(level == null || level.equals(e.getValue()), e.getKey() + " is " + level);
    }
    Check.equal("{eligible.leader.replicas.version=1-1, kraft.version=1-1, metadata.version=30-30}", finalized.toString(), "finalized features");
    Check.that(features.finalizedFeaturesEpoch().get() > 0, "epoch");
    SupportedVersionRange range = features.supportedFeatures().get("metadata.version");
    Check.equal("7-30", range.minVersion() + "-" + range.maxVersion(), "supported metadata.version");
    var noChange = Map.of("metadata.version", new FeatureUpdate((short) 30, FeatureUpdate.UpgradeType.UPGRADE));
    context.admin().updateFeatures(noChange, new UpdateFeaturesOptions().validateOnly(true)).all().get();
    var tooHigh = Map.of("metadata.version", new FeatureUpdate((short) 99, FeatureUpdate.UpgradeType.UPGRADE));
    Throwable refused = null;
    try {
      context.admin().updateFeatures(tooHigh, new UpdateFeaturesOptions().validateOnly(true)).all().get();
    } catch (java.util.concurrent.ExecutionException e) {
      refused = e.getCause();
    }
    Check.that(refused instanceof org.apache.kafka.common.errors.InvalidUpdateVersionException, "level 99: " + refused);
  }

  private static void quorum(Context context) throws Exception {
    QuorumInfo quorum = context.admin().describeMetadataQuorum().quorumInfo().get();
    Check.equal(1, quorum.leaderId(), "leader");
    Check.that(quorum.leaderEpoch() >= 1, "epoch " + quorum.leaderEpoch());
    Check.equal(1, quorum.voters().size(), "voters");
    Check.equal(1, quorum.voters().get(0).replicaId(), "voter");
    Check.that(!quorum.voters().get(0).replicaDirectoryId().equals(Uuid.ZERO_UUID), "directory id of the voter");
    Check.equal(0, quorum.observers().size(), "observers");
    Check.equal(Set.of(1), quorum.nodes().keySet(), "nodes with endpoints");
    long first = quorum.highWatermark();
    context.topic(1);
    Check.that(context.admin().describeMetadataQuorum().quorumInfo().get().highWatermark() > first, "the high watermark stands");
  }

  private static void listOffsets(Context context) throws Exception {
    String topic = context.topic(1);
    TopicPartition partition = new TopicPartition(topic, 0);
    long base = System.currentTimeMillis() - 50_000;
    Check.equal(-1L, offset(context, partition, OffsetSpec.maxTimestamp()).offset(), "max timestamp of nothing");
    try (KafkaProducer<String, String> producer = context.producer()) {
      for (long t : new long[] {0, 300, 100, 200}) producer.send(new ProducerRecord<>(topic, 0, base + t, null, "v")).get();
    }
    Check.equal(0L, offset(context, partition, OffsetSpec.earliest()).offset(), "earliest");
    Check.equal(4L, offset(context, partition, OffsetSpec.latest()).offset(), "latest");
    Check.equal(1L, offset(context, partition, OffsetSpec.maxTimestamp()).offset(), "max timestamp");
    Check.equal(base + 300, offset(context, partition, OffsetSpec.maxTimestamp()).timestamp(), "max timestamp");
    Check.equal(1L, offset(context, partition, OffsetSpec.forTimestamp(base + 1)).offset(), "for a timestamp");
    Check.equal(-1L, offset(context, partition, OffsetSpec.forTimestamp(base + 1000)).offset(), "after the last");
    Check.equal(0L, offset(context, partition, OffsetSpec.earliestLocal()).offset(), "earliest local");
    Check.equal(-1L, offset(context, partition, OffsetSpec.latestTiered()).offset(), "latest tiered");
  }

  private static ListOffsetsResultInfo offset(Context context, TopicPartition partition, OffsetSpec spec) throws Exception {
    return context.admin().listOffsets(Map.of(partition, spec)).partitionResult(partition).get();
  }

  private static void transactions(Context context) throws Exception {
    String topic = context.topic(1);
    String id = context.name("tx");
    try (KafkaProducer<String, String> producer = context.producer("transactional.id", id)) {
      producer.initTransactions();
      producer.beginTransaction();
      producer.send(new ProducerRecord<>(topic, 0, null, "v")).get();
      var description = context.admin().describeTransactions(List.of(id)).description(id).get();
      Check.equal("ONGOING", description.state().name(), "state");
      Check.equal(Set.of(new TopicPartition(topic, 0)), description.topicPartitions(), "partitions");
      Check.that(context.admin().listTransactions().all().get().stream().anyMatch(t -> t.transactionalId().equals(id)), "it is listed");
      producer.commitTransaction();
      Check.eventually("committed", () -> context.admin().describeTransactions(List.of(id)).description(id).get().state().name().equals("COMPLETE_COMMIT"));
    }
    Check.fails(org.apache.kafka.common.errors.TransactionalIdNotFoundException.class,
        () -> context.admin().describeTransactions(List.of(context.name("none"))).all().get(), "unknown id");
  }

  private static void reassignments(Context context) throws Exception {
    String topic = context.topic(1);
    TopicPartition partition = new TopicPartition(topic, 0);
    var admin = context.admin();
    Check.equal(Map.of(), admin.listPartitionReassignments(Set.of(partition)).reassignments().get(), "reassignments");
    admin.alterPartitionReassignments(Map.of(partition, Optional.of(new org.apache.kafka.clients.admin.NewPartitionReassignment(List.of(1))))).all().get();
    Check.fails(org.apache.kafka.common.errors.InvalidReplicaAssignmentException.class, () -> admin.alterPartitionReassignments(
        Map.of(partition, Optional.of(new org.apache.kafka.clients.admin.NewPartitionReassignment(List.of(9))))).all().get(), "unknown broker");
    Check.fails(org.apache.kafka.common.errors.NoReassignmentInProgressException.class,
        () -> admin.alterPartitionReassignments(Map.of(partition, Optional.empty())).all().get(), "cancel what is not under way");
  }

  private static void quotas(Context context) throws Exception {
    var admin = context.admin();
    var entity = new org.apache.kafka.common.quota.ClientQuotaEntity(Map.of("client-id", context.name("c")));
    admin.alterClientQuotas(List.of(new org.apache.kafka.common.quota.ClientQuotaAlteration(entity,
        List.of(new org.apache.kafka.common.quota.ClientQuotaAlteration.Op("producer_byte_rate", 1e9))))).all().get();
    Check.eventually("the quota", () -> Map.of("producer_byte_rate", 1e9).equals(
        admin.describeClientQuotas(org.apache.kafka.common.quota.ClientQuotaFilter.all()).entities().get().get(entity)));
    admin.alterClientQuotas(List.of(new org.apache.kafka.common.quota.ClientQuotaAlteration(entity,
        List.of(new org.apache.kafka.common.quota.ClientQuotaAlteration.Op("producer_byte_rate", null))))).all().get();
    Check.eventually("no quota", () -> !admin.describeClientQuotas(org.apache.kafka.common.quota.ClientQuotaFilter.all()).entities().get().containsKey(entity));
  }

  private static void scram(Context context) throws Exception {
    var admin = context.admin();
    String user = context.name("user");
    admin.alterUserScramCredentials(List.of(new org.apache.kafka.clients.admin.UserScramCredentialUpsertion(user,
        new org.apache.kafka.clients.admin.ScramCredentialInfo(org.apache.kafka.clients.admin.ScramMechanism.SCRAM_SHA_256, 4096), "secret"))).all().get();
    Check.eventually("the credential", () -> {
      try {
        var infos = admin.describeUserScramCredentials(List.of(user)).description(user).get().credentialInfos();
        return infos.size() == 1 && infos.get(0).iterations() == 4096;
      } catch (java.util.concurrent.ExecutionException e) {
        return false;
      }
    });
    admin.alterUserScramCredentials(List.of(new org.apache.kafka.clients.admin.UserScramCredentialDeletion(user,
        org.apache.kafka.clients.admin.ScramMechanism.SCRAM_SHA_256))).all().get();
    Check.eventually("no credential", () -> !admin.describeUserScramCredentials().users().get().contains(user));
  }
}
