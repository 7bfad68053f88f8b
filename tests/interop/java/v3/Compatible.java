import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;

/** What has another name in kafka-clients 4. */
final class Compatible {
  private Compatible() {}

  static Set<String> groupIds(Admin admin) throws Exception {
    return admin.listConsumerGroups().all().get().stream().map(g -> g.groupId()).collect(Collectors.toSet());
  }

  static String state(ConsumerGroupDescription description) {
    return description.state().name();
  }
}
