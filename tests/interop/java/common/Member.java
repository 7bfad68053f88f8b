import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;

/** A group member on a thread of its own: polls, commits after each poll, tells what it has and what it got. */
final class Member implements AutoCloseable {
  final List<ConsumerRecord<String, String>> records = Collections.synchronizedList(new ArrayList<>());
  final List<TopicPartition> revoked = Collections.synchronizedList(new ArrayList<>());
  final AtomicInteger rebalances = new AtomicInteger();
  volatile Set<Integer> partitions = Set.of();
  volatile Throwable error;
  private final KafkaConsumer<String, String> consumer;
  private final Thread thread;
  private volatile boolean stopping;

  Member(Properties properties, List<String> topics) {
    consumer = new KafkaConsumer<>(properties);
    thread = new Thread(() -> loop(topics), "member");
    thread.setDaemon(true);
    thread.start();
  }

  private final class Listener implements ConsumerRebalanceListener {
    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> gone) {
      revoked.addAll(gone);
      note();
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> added) {
      rebalances.incrementAndGet();
      note();
    }
  }

  private void note() {
    partitions = consumer.assignment().stream().map(TopicPartition::partition).collect(Collectors.toCollection(TreeSet::new));
  }

  private void loop(List<String> topics) {
    try (consumer) {
      consumer.subscribe(topics, new Listener());
      while (!stopping) {
        boolean any = false;
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(50))) {
          records.add(record);
          any = true;
        }
        note();
        if (any) commit();
      }
    } catch (WakeupException e) {
      // close() woke it.
    } catch (Throwable e) {
      error = e;
    }
  }

  private void commit() {
    try {
      consumer.commitSync();
    } catch (org.apache.kafka.clients.consumer.CommitFailedException | org.apache.kafka.common.errors.RebalanceInProgressException e) {
      // A rebalance came in between; the next owner starts where the last commit was.
    }
  }

  List<String> values() {
    synchronized (records) {
      return records.stream().map(ConsumerRecord::value).collect(Collectors.toList());
    }
  }

  /** Leaves the group. */
  @Override
  public void close() throws Exception {
    stopping = true;
    thread.join(20_000);
    Check.that(!thread.isAlive(), "a member does not end");
  }
}
