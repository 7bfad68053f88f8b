import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.FencedInstanceIdException;

/** Consumer groups: members that come, leave, die, wait; every assignor; static members. */
final class GroupScenarios {
  private static final String ASSIGNORS = "org.apache.kafka.clients.consumer.";

  private GroupScenarios() {}

  static void register(Interop interop) {
    for (String assignor : List.of("RangeAssignor", "RoundRobinAssignor", "StickyAssignor", "CooperativeStickyAssignor")) {
      interop.add("groups/one_two_three_" + assignor, c -> oneTwoThree(c, "partition.assignment.strategy", ASSIGNORS + assignor));
    }
    interop.add("groups/member_killed", c -> memberKilled(c));
    interop.add("groups/more_members_than_partitions", c -> moreMembersThanPartitions(c));
    interop.add("groups/cooperative_keeps_what_stays", GroupScenarios::cooperative);
    interop.add("groups/static_member_returns", GroupScenarios::staticMember);
    interop.add("groups/static_member_fenced", GroupScenarios::staticMemberFenced);
    interop.add("groups/max_poll_interval_exceeded", GroupScenarios::maxPollInterval);
    interop.add("groups/partitions_added", c -> partitionsAdded(c));
    interop.add("groups/two_groups_are_independent", GroupScenarios::twoGroups);
    interop.add("groups/two_topics_of_different_size", GroupScenarios::twoTopics);
  }

  private static Member join(Context context, String group, List<String> topics, String... pairs) {
    String[] base = {"session.timeout.ms", "6000", "heartbeat.interval.ms", "200", "metadata.max.age.ms", "1000"};
    List<String> all = new ArrayList<>(Arrays.asList(base));
    all.addAll(Arrays.asList(pairs));
    boolean modern = all.contains("consumer") && all.get(all.indexOf("consumer") - 1).equals("group.protocol");
    Properties properties = context.consumerProperties(group, all.toArray(new String[0]));
    if (modern) {
      properties.remove("session.timeout.ms");
      properties.remove("heartbeat.interval.ms");
    }
    Member member = new Member(properties, topics);
    context.closeLater(member);
    return member;
  }

  /** Waits until the members have every partition exactly once, each the number that is its share (sorted). */
  private static void awaitShares(int partitions, List<Integer> shares, Member... members) throws Exception {
    Check.eventually("partitions shared as " + shares, () -> {
      Set<Integer> all = new HashSet<>();
      List<Integer> sizes = new ArrayList<>();
      int sum = 0;
      for (Member member : members) {
        if (member.error != null) throw new IllegalStateException(member.error);
        Set<Integer> own = member.partitions;
        all.addAll(own);
        sizes.add(own.size());
        sum += own.size();
      }
      sizes.sort(null);
      return sum == partitions && all.size() == partitions && sizes.equals(shares);
    });
  }

  private static void send(Context context, String topic, int partitions, String prefix, int count) throws Exception {
    try (KafkaProducer<String, String> producer = context.producer("linger.ms", "5")) {
      for (int i = 0; i < count; i++) producer.send(new ProducerRecord<>(topic, i % partitions, null, prefix + "-" + i));
    }
  }

  /** All values of the prefix came, each exactly once, each to the member that has its partition, in order. */
  private static void checkDelivered(String prefix, int count, int partitions, Member... members) throws Exception {
    Check.eventually(count + " records of " + prefix, () -> {
      int n = 0;
      for (Member member : members) n += (int) member.values().stream().filter(v -> v.startsWith(prefix + "-")).count();
      Check.that(n <= count, n + " records of " + prefix + ", " + count + " were sent");
      return n == count;
    });
    Map<Integer, Integer> next = new HashMap<>();
    for (Member member : members) {
      for (String value : member.values()) {
        if (!value.startsWith(prefix + "-")) continue;
        int i = Integer.parseInt(value.substring(prefix.length() + 1));
        Check.that(member.partitions.contains(i % partitions), value + " came to a member that has " + member.partitions);
        Check.equal(next.getOrDefault(i % partitions, i % partitions), i, "order in partition " + i % partitions);
        next.put(i % partitions, i + partitions);
      }
    }
  }

  static void oneTwoThree(Context context, String... pairs) throws Exception {
    String topic = context.topic(6);
    String group = context.name("g");
    Member one = join(context, group, List.of(topic), pairs);
    awaitShares(6, List.of(6), one);
    send(context, topic, 6, "one", 60);
    checkDelivered("one", 60, 6, one);
    Member two = join(context, group, List.of(topic), pairs);
    awaitShares(6, List.of(3, 3), one, two);
    send(context, topic, 6, "two", 60);
    checkDelivered("two", 60, 6, one, two);
    Member three = join(context, group, List.of(topic), pairs);
    awaitShares(6, List.of(2, 2, 2), one, two, three);
    send(context, topic, 6, "three", 60);
    checkDelivered("three", 60, 6, one, two, three);
    two.close();
    awaitShares(6, List.of(3, 3), one, three);
    send(context, topic, 6, "left", 60);
    checkDelivered("left", 60, 6, one, three);
    three.close();
    one.close();
    Check.that(two.error == null && three.error == null && one.error == null, "errors: " + one.error + two.error + three.error);
    Check.eventually("an empty group", () -> context.admin().describeConsumerGroups(List.of(group)).all().get().get(group).members().isEmpty());
    try (KafkaConsumer<String, String> after = context.consumer(group)) {
      after.subscribe(List.of(topic));
      NotesScenarios.awaitAssignment(after); // fails if a record comes that was committed already
    }
  }

  static void memberKilled(Context context, String... pairs) throws Exception {
    String topic = context.topic(4);
    String group = context.name("g");
    List<String> all = new ArrayList<>(List.of("session.timeout.ms", "1500"));
    all.addAll(Arrays.asList(pairs));
    Member survivor = join(context, group, List.of(topic), all.toArray(new String[0]));
    awaitShares(4, List.of(4), survivor);
    Properties properties = context.consumerProperties(group, "session.timeout.ms", "1500", "heartbeat.interval.ms", "200");
    for (int i = 0; i < pairs.length; i += 2) properties.put(pairs[i], pairs[i + 1]);
    if (pairs.length > 0 && pairs[1].equals("consumer")) {
      properties.remove("session.timeout.ms");
      properties.remove("heartbeat.interval.ms");
    }
    List<String> command = new ArrayList<>(List.of(System.getProperty("java.home") + "/bin/java", "-Xmx64m", "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC", "-cp", System.getProperty("java.class.path"), "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "MemberProcess", topic));
    properties.forEach((k, v) -> command.add(k + "=" + v));
    Process victim = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    try {
      Check.eventually("two partitions for each", () -> survivor.partitions.size() == 2);
      send(context, topic, 4, "both", 40);
      BufferedReader lines = new BufferedReader(new InputStreamReader(victim.getInputStream()));
      String line;
      do {
        line = lines.readLine();
        Check.that(line != null, "the other member ended by itself");
      } while (line.split(",").length != 2);
      Check.eventually("its 20 records", () -> survivor.values().size() == 20);
    } finally {
      victim.destroyForcibly().waitFor();
    }
    awaitShares(4, List.of(4), survivor);
    send(context, topic, 4, "after", 40);
    checkDelivered("after", 40, 4, survivor);
  }

  static void moreMembersThanPartitions(Context context, String... pairs) throws Exception {
    String topic = context.topic(2);
    String group = context.name("g");
    Member[] members = new Member[3];
    for (int i = 0; i < 3; i++) members[i] = join(context, group, List.of(topic), pairs);
    awaitShares(2, List.of(0, 1, 1), members);
    send(context, topic, 2, "three", 20);
    checkDelivered("three", 20, 2, members);
    Member idle = Arrays.stream(members).filter(m -> m.partitions.isEmpty()).findFirst().get();
    Check.equal(List.of(), idle.values(), "what the waiting member got");
    List<Member> rest = new ArrayList<>(Arrays.asList(members));
    Member leaving = rest.stream().filter(m -> m != idle).findFirst().get();
    leaving.close();
    rest.remove(leaving);
    awaitShares(2, List.of(1, 1), rest.toArray(new Member[0]));
    send(context, topic, 2, "two", 20);
    checkDelivered("two", 20, 2, rest.toArray(new Member[0]));
    Check.equal(10, idle.values().size(), "what the member got that waited");
  }

  private static void cooperative(Context context) throws Exception {
    String topic = context.topic(4);
    String group = context.name("g");
    String[] pairs = {"partition.assignment.strategy", ASSIGNORS + "CooperativeStickyAssignor"};
    Member one = join(context, group, List.of(topic), pairs);
    awaitShares(4, List.of(4), one);
    Member two = join(context, group, List.of(topic), pairs);
    awaitShares(4, List.of(2, 2), one, two);
    Check.equal(2, one.revoked.size(), "partitions that the first member gave away: " + one.revoked);
    Check.that(one.revoked.stream().noneMatch(p -> one.partitions.contains(p.partition())), "it gave away what it keeps");
    two.close();
    awaitShares(4, List.of(4), one);
    Check.equal(2, one.revoked.size(), "nothing is given away when partitions come");
  }

  private static void staticMember(Context context) throws Exception {
    String topic = context.topic(4);
    String group = context.name("g");
    Member one = join(context, group, List.of(topic), "group.instance.id", "one", "session.timeout.ms", "20000");
    Member two = join(context, group, List.of(topic), "group.instance.id", "two", "session.timeout.ms", "20000");
    awaitShares(4, List.of(2, 2), one, two);
    Set<Integer> ofTwo = two.partitions;
    int rebalances = one.rebalances.get();
    two.close(); // a static member says no good-bye
    Member again = join(context, group, List.of(topic), "group.instance.id", "two", "session.timeout.ms", "20000");
    Check.eventually("the same partitions again", () -> again.partitions.equals(ofTwo));
    send(context, topic, 4, "again", 40);
    checkDelivered("again", 40, 4, one, again);
    Check.equal(rebalances, one.rebalances.get(), "rebalances that the other member saw");
    var description = context.admin().describeConsumerGroups(List.of(group)).all().get().get(group);
    Set<String> instances = new HashSet<>();
    description.members().forEach(m -> instances.add(m.groupInstanceId().orElse("?")));
    Check.equal(Set.of("one", "two"), instances, "instances of the group");
  }

  private static void staticMemberFenced(Context context) throws Exception {
    String topic = context.topic(1);
    String group = context.name("g");
    Member first = join(context, group, List.of(topic), "group.instance.id", "same");
    awaitShares(1, List.of(1), first);
    Member second = join(context, group, List.of(topic), "group.instance.id", "same");
    Check.eventually("the first one fenced", () -> first.error instanceof FencedInstanceIdException);
    awaitShares(1, List.of(1), second);
  }

  private static void maxPollInterval(Context context) throws Exception {
    String topic = context.topic(1);
    String group = context.name("g");
    context.fill(topic, 0, 10, "v");
    try (KafkaConsumer<String, String> slow = context.consumer(group, "max.poll.interval.ms", "1000", "session.timeout.ms", "6000",
             "heartbeat.interval.ms", "200")) {
      slow.subscribe(List.of(topic));
      Context.take(slow, 10);
      Check.eventually("the group drops it", () -> context.admin().describeConsumerGroups(List.of(group)).all().get().get(group).members().isEmpty());
      Check.fails(CommitFailedException.class, () -> {
        slow.commitSync();
        return "committed";
      }, "commit after max.poll.interval.ms");
    }
    try (KafkaConsumer<String, String> next = context.consumer(group)) {
      next.subscribe(List.of(topic));
      Check.equal(Context.values("v", 0, 10), Context.valuesOf(Context.take(next, 10)), "nothing was committed");
    }
  }

  static void partitionsAdded(Context context, String... pairs) throws Exception {
    String topic = context.topic(1);
    Member member = join(context, context.name("g"), List.of(topic), pairs);
    awaitShares(1, List.of(1), member);
    context.admin().createPartitions(Map.of(topic, org.apache.kafka.clients.admin.NewPartitions.increaseTo(3))).all().get();
    awaitShares(3, List.of(3), member);
    send(context, topic, 3, "grown", 30);
    checkDelivered("grown", 30, 3, member);
  }

  private static void twoGroups(Context context) throws Exception {
    String topic = context.topic(2);
    Member a = join(context, context.name("a"), List.of(topic));
    Member b = join(context, context.name("b"), List.of(topic));
    awaitShares(2, List.of(2), a);
    awaitShares(2, List.of(2), b);
    send(context, topic, 2, "v", 40);
    checkDelivered("v", 40, 2, a);
    checkDelivered("v", 40, 2, b);
  }

  private static void twoTopics(Context context) throws Exception {
    String big = context.topic(5);
    String small = context.topic(1);
    Member one = join(context, context.name("g"), List.of(big, small));
    Check.eventually("both topics", () -> one.partitions.size() == 5);
    send(context, big, 5, "big", 25);
    send(context, small, 1, "small", 5);
    Check.eventually("30 records", () -> one.values().size() == 30);
    Map<String, Integer> counts = new TreeMap<>();
    one.values().forEach(v -> counts.merge(v.substring(0, v.indexOf('-')), 1, Integer::sum));
    Check.equal(Map.of("big", 25, "small", 5), counts, "records by topic");
  }
}
