import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;

/** Transactions: what readers see of them, offsets that are part of them, fencing. */
final class TransactionScenarios {
  private TransactionScenarios() {}

  static void register(Interop interop) {
    interop.add("transactions/commit_and_abort", TransactionScenarios::commitAndAbort);
    interop.add("transactions/open_one_hides_what_follows", TransactionScenarios::openOne);
    interop.add("transactions/offsets_are_part_of_it", TransactionScenarios::offsets);
    interop.add("transactions/zombie_is_fenced", TransactionScenarios::fencing);
  }

  private static void transaction(KafkaProducer<String, String> producer, String topic, String prefix, boolean commit) {
    producer.beginTransaction();
    for (int i = 0; i < 10; i++) producer.send(new ProducerRecord<>(topic, i % 2, null, prefix + "-" + i));
    producer.flush();
    if (commit) producer.commitTransaction(); else producer.abortTransaction();
  }

  private static List<String> sorted(List<ConsumerRecord<String, String>> records) {
    List<String> values = Context.valuesOf(records);
    values.sort(null);
    return values;
  }

  private static void commitAndAbort(Context context) throws Exception {
    String topic = context.topic(2);
    try (KafkaProducer<String, String> producer = context.producer("transactional.id", context.name("tx"))) {
      producer.initTransactions();
      transaction(producer, topic, "a", true);
      transaction(producer, topic, "b", false);
      transaction(producer, topic, "c", true);
    }
    List<String> committed = new ArrayList<>(Context.values("a", 0, 10));
    committed.addAll(Context.values("c", 0, 10));
    Check.equal(committed, sorted(context.readAll(topic, "isolation.level", "read_committed")), "read_committed");
    List<String> all = new ArrayList<>(Context.values("a", 0, 10));
    all.addAll(Context.values("b", 0, 10));
    all.addAll(Context.values("c", 0, 10));
    Check.equal(all, sorted(context.readAll(topic, "isolation.level", "read_uncommitted")), "read_uncommitted");
    try (KafkaConsumer<String, String> consumer = context.consumer(null)) {
      // 15 records and 3 markers in each partition
      Check.equal(18L, consumer.endOffsets(Set.of(new TopicPartition(topic, 0))).get(new TopicPartition(topic, 0)), "end offset with markers");
    }
  }

  private static void openOne(Context context) throws Exception {
    String topic = context.topic(2);
    TopicPartition partition = new TopicPartition(topic, 0);
    try (KafkaProducer<String, String> producer = context.producer("transactional.id", context.name("tx"));
        KafkaConsumer<String, String> committed = context.consumer(null, "isolation.level", "read_committed")) {
      producer.initTransactions();
      producer.beginTransaction();
      producer.send(new ProducerRecord<>(topic, 0, null, "open-0")).get();
      context.fill(topic, 0, 3, "plain");
      committed.assign(List.of(partition));
      committed.seekToBeginning(List.of(partition));
      Check.equal(0L, committed.endOffsets(Set.of(partition)).get(partition), "last stable offset");
      Check.that(committed.poll(Duration.ofMillis(500)).isEmpty(), "records behind an open transaction");
      Check.equal(4, context.readAll(topic).size(), "read_uncommitted");
      producer.commitTransaction();
      Check.equal(List.of("open-0", "plain-0", "plain-1", "plain-2"), Context.valuesOf(Context.take(committed, 4)), "after the commit");
    }
  }

  private static void offsets(Context context) throws Exception {
    String topic = context.topic(2);
    String out = context.topic(2);
    String group = context.name("g");
    context.fill(topic, 0, 10, "in");
    TopicPartition partition = new TopicPartition(topic, 0);
    try (KafkaProducer<String, String> producer = context.producer("transactional.id", context.name("tx"));
        KafkaConsumer<String, String> consumer = context.consumer(group)) {
      producer.initTransactions();
      consumer.subscribe(List.of(topic));
      Context.take(consumer, 10);
      producer.beginTransaction();
      producer.send(new ProducerRecord<>(out, 0, null, "out"));
      producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(5)), consumer.groupMetadata());
      producer.abortTransaction();
      Check.equal(null, consumer.committed(Set.of(partition)).get(partition), "offset of an aborted transaction");
      producer.beginTransaction();
      producer.send(new ProducerRecord<>(out, 0, null, "out"));
      producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(7)), consumer.groupMetadata());
      producer.commitTransaction();
      Check.equal(7L, consumer.committed(Set.of(partition)).get(partition).offset(), "offset of a committed transaction");
    }
    Check.equal(List.of("out"), Context.valuesOf(context.readAll(out, "isolation.level", "read_committed")), "output");
  }

  private static void fencing(Context context) throws Exception {
    String topic = context.topic(2);
    String id = context.name("tx");
    try (KafkaProducer<String, String> zombie = context.producer("transactional.id", id);
        KafkaProducer<String, String> successor = context.producer("transactional.id", id)) {
      zombie.initTransactions();
      zombie.beginTransaction();
      zombie.send(new ProducerRecord<>(topic, 0, null, "zombie-0")).get();
      successor.initTransactions(); // aborts the zombie's
      transaction(successor, topic, "v", true);
      try {
        zombie.send(new ProducerRecord<>(topic, 0, null, "zombie-1")).get();
        zombie.commitTransaction();
        throw new Check.Failed("the zombie committed");
      } catch (ProducerFencedException | InvalidProducerEpochException e) {
        // fenced at commit
      } catch (java.util.concurrent.ExecutionException e) {
        Check.that(e.getCause() instanceof ProducerFencedException || e.getCause() instanceof InvalidProducerEpochException,
            "the zombie's send failed with " + e.getCause());
      }
    }
    Check.equal(Context.values("v", 0, 10), sorted(context.readAll(topic, "isolation.level", "read_committed")), "read_committed");
  }
}
