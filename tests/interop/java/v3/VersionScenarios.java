import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.common.config.ConfigResource;

/** What only kafka-clients 3 can do: poll(long), alterConfigs. */
final class VersionScenarios {
  private VersionScenarios() {}

  static void register(Interop interop) {
    interop.add("v3/notes_poll_long_commit_sync", c -> NotesScenarios.consumeAndCommit(c, consumer -> consumer.poll(1000), false));
    interop.add("v3/notes_poll_long_commit_async", c -> NotesScenarios.consumeAndCommit(c, consumer -> consumer.poll(1000), true));
    interop.add("v3/alter_configs", VersionScenarios::alterConfigs);
  }

  /** The old call replaces all configs of the topic. */
  private static void alterConfigs(Context context) throws Exception {
    String topic = context.topic(1, "retention.ms", "1000000");
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    context.admin().alterConfigs(Map.of(resource, new Config(List.of(new ConfigEntry("segment.bytes", "3000000"))))).all().get();
    Check.eventually("segment.bytes", () -> DurabilityScenarios.config(context, topic, "segment.bytes").equals("3000000"));
    Check.equal("604800000", DurabilityScenarios.config(context, topic, "retention.ms"), "retention.ms is back at its default");
  }
}
