import java.lang.reflect.Field;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.types.Password;
import org.apache.kafka.coordinator.group.GroupConfig;
import org.apache.kafka.server.config.DynamicBrokerConfig;
import org.apache.kafka.server.config.QuotaConfig;
import org.apache.kafka.server.config.ServerTopicConfigSynonyms;
import org.apache.kafka.server.metrics.ClientMetricsConfigs;
import org.apache.kafka.storage.internals.log.LogConfig;

/** Prints what Apache Kafka knows of its configuration keys, in the form of config_dump.cc. */
public class ConfigDump {
  private static Object field(Object object, String name) throws Exception {
    Field field = object.getClass().getDeclaredField(name);
    field.setAccessible(true);
    return field.get(object);
  }

  private static String bound(Object value) {
    return value == null ? "" : value.toString();
  }

  private static String validator(ConfigDef.Validator validator) throws Exception {
    if (validator == null) return "any";
    String kind = validator.getClass().getSimpleName();
    switch (kind) {
      case "Range":
        return "range " + bound(field(validator, "min")) + " " + bound(field(validator, "max"));
      case "ValidString":
        return "one-of " + String.join(",", (List<String>) field(validator, "validStrings"));
      case "CaseInsensitiveValidString":
        return "one-of-any-case " + validator.toString().replaceAll(".*\\[(.*)\\]", "$1").replace(", ", ",");
      case "ValidList":
        ConfigDef.ValidString values = (ConfigDef.ValidString) field(validator, "validString");
        return "list " + String.join(",", (List<String>) field(values, "validStrings")) + " "
            + field(validator, "isEmptyAllowed") + " " + field(validator, "isNullAllowed");
      default:
        return kind;
    }
  }

  private static String defaultOf(ConfigDef.ConfigKey key) {
    if (key.defaultValue == ConfigDef.NO_DEFAULT_VALUE) return "<required>";
    if (key.defaultValue == null) return "<null>";
    if (key.defaultValue instanceof Password password) return password.value();
    return ConfigDef.convertToString(key.defaultValue, key.type);
  }

  private static void dump(String resource, ConfigDef def, Map<String, String> modes, boolean internal) throws Exception {
    for (ConfigDef.ConfigKey key : new TreeMap<>(def.configKeys()).values()) {
      System.out.println(String.join("\t", resource, key.name, key.type.toString(), defaultOf(key), key.importance.toString(),
          modes == null ? "dynamic" : modes.getOrDefault(key.name, "read-only"),
          internal || key.internalConfig ? "internal" : "public", validator(key.validator)));
    }
  }

  public static void main(String[] args) throws Exception {
    Map<String, String> modes = DynamicBrokerConfig.dynamicConfigUpdateModes();
    dump("BROKER", kafka.server.KafkaConfig.configDef(), modes, false);
    // Keys that only exist dynamically: hidden unless they are set, as internal ones are.
    ConfigDef throttles = QuotaConfig.brokerQuotaConfigs();
    Map<String, String> clusterWide = new TreeMap<>();
    for (String name : throttles.names()) clusterWide.put(name, "cluster-wide");
    dump("BROKER", throttles, clusterWide, true);
    dump("TOPIC", LogConfig.configDefCopy(), null, false);
    dump("GROUP", GroupConfig.CONFIG_DEF, null, false);
    dump("CLIENT_METRICS", ClientMetricsConfigs.configDef(), null, false);
    for (var entry : new TreeMap<>(ServerTopicConfigSynonyms.ALL_TOPIC_CONFIG_SYNONYMS).entrySet()) {
      System.out.println("SYNONYMS\t" + entry.getKey() + "\t"
          + String.join(",", entry.getValue().stream().map(synonym -> synonym.name()).toList()));
    }
  }
}
