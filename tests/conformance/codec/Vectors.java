// Makes test vectors with Apache Kafka's own classes, and checks ours with them.
//
//   java -cp <jars> Vectors.java make <directory> <seed>     random messages of every kind in every version, batches, tables
//   java -cp <jars> Vectors.java check <directory>           reads the batches that our side wrote (written.bin)
//
// messages.bin: for each message: name, version (int16), its bytes, and how our ToString must print it once decoded.
// metadata.bin: metadata records: version (int16) and framed bytes.
// batches.bin: for each batch: its bytes, and its records as text. Strings and bytes: int32 length in front.
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.*;
import java.lang.reflect.*;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import java.util.jar.*;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.protocol.*;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.*;
import org.apache.kafka.metadata.MetadataRecordSerde;
import org.apache.kafka.server.common.ApiMessageAndVersion;

public class Vectors {
  static final Map<String, JsonNode> specs = new TreeMap<>();
  static final Map<String, Class<?>> classes = new HashMap<>();
  static Random random;

  public static void main(String[] args) throws Exception {
    if (args[0].equals("check")) {
      check(Path.of(args[1]));
      return;
    }
    random = new Random(Long.parseLong(args[2]));
    load();
    Path directory = Path.of(args[1]);
    try (DataOutputStream out = open(directory.resolve("messages.bin"))) {
      for (String name : specs.keySet()) messages(name, out);
    }
    try (DataOutputStream out = open(directory.resolve("metadata.bin"))) {
      for (String name : specs.keySet()) framed(name, out);
    }
    try (DataOutputStream out = open(directory.resolve("batches.bin"))) {
      for (int i = 0; i < 400; ++i) batch(i, out);
    }
    try (PrintWriter out = new PrintWriter(directory.resolve("errors.txt").toFile())) {
      for (Errors error : Errors.values()) {
        out.println(error.code() + " " + error.name() + " " + (error.exception() instanceof RetriableException));
      }
    }
    try (PrintWriter out = new PrintWriter(directory.resolve("headers.txt").toFile())) {
      for (ApiKeys key : ApiKeys.values()) {
        if (!key.hasValidVersion()) continue;
        for (short v = key.messageType.lowestSupportedVersion(); v <= key.messageType.highestSupportedVersion(true); ++v) {
          out.println(key.id + " " + key.name + " " + v + " " + key.requestHeaderVersion(v) + " " + key.responseHeaderVersion(v));
        }
      }
    }
  }

  static DataOutputStream open(Path path) throws IOException {
    return new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(path)));
  }

  static void put(DataOutputStream out, byte[] bytes) throws IOException {
    out.writeInt(bytes.length);
    out.write(bytes);
  }

  // Every definition in the jars of the class path, with the class that was generated from it.
  static void load() throws Exception {
    ObjectMapper mapper = new ObjectMapper().enable(JsonParser.Feature.ALLOW_COMMENTS);
    Map<String, String> byName = new HashMap<>();
    for (String path : System.getProperty("java.class.path").split(":")) {
      if (!new File(path).getName().startsWith("kafka")) continue;
      try (JarFile jar = new JarFile(path)) {
        for (JarEntry entry : Collections.list(jar.entries())) {
          String name = entry.getName();
          if (name.endsWith(".class") && !name.contains("$")) {
            byName.put(name.substring(name.lastIndexOf('/') + 1, name.length() - 6), name.substring(0, name.length() - 6).replace('/', '.'));
          }
          if (name.matches("(common/)?(message|metadata)/\\w+\\.json")) {
            JsonNode spec = mapper.readTree(jar.getInputStream(entry));
            if (!spec.get("validVersions").asText().equals("none")) specs.put(spec.get("name").asText(), spec);
          }
        }
      }
    }
    for (Map.Entry<String, JsonNode> entry : specs.entrySet()) {
      String type = entry.getValue().get("type").asText();
      boolean data = type.equals("request") || type.equals("response") || type.equals("header");
      String simple = entry.getKey() + (data ? "Data" : "");
      // Some names occur twice: as generated message and as a class that wraps it.
      Class<?> found = null;
      for (String candidate : new String[] {"org.apache.kafka.common.message." + simple, byName.get(simple),
              "org.apache.kafka.server.log.remote.metadata.storage.generated." + simple,
              "org.apache.kafka.coordinator.group.generated." + simple, "org.apache.kafka.storage.generated." + simple}) {
        try {
          Class<?> c = Class.forName(candidate);
          if (Message.class.isAssignableFrom(c)) found = c;
        } catch (ClassNotFoundException | NullPointerException e) {
          // not this one
        }
      }
      if (found == null) throw new IllegalStateException("no class for " + entry.getKey());
      classes.put(entry.getKey(), found);
    }
  }

  // --- messages ---------------------------------------------------------------------------------------------------

  static void messages(String name, DataOutputStream out) throws Exception {
    JsonNode spec = specs.get(name);
    short[] valid = range(spec.get("validVersions").asText());
    for (short version = valid[0]; version <= valid[1]; ++version) {
      for (int round = 0; round < 6; ++round) {
        Message message = (Message) classes.get(name).getConstructor().newInstance();
        // Round 0: all defaults. A default may be null where the version has no null; that is no message.
        if (round > 0) fill(message, spec.get("fields"), spec, version);
        byte[] bytes;
        try {
          bytes = encode(message, version);
        } catch (NullPointerException e) {
          if (round == 0) continue;
          throw e;
        }
        Message decoded = (Message) classes.get(name).getConstructor().newInstance();
        decoded.read(new ByteBufferAccessor(ByteBuffer.wrap(bytes)), version);
        out.writeShort(name.length());
        out.writeBytes(name);
        out.writeShort(version);
        put(out, bytes);
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        text.write(name.getBytes());
        print(text, decoded, spec.get("fields"), spec, valid);
        put(out, text.toByteArray());
      }
    }
  }

  static byte[] encode(Message message, short version) {
    ObjectSerializationCache cache = new ObjectSerializationCache();
    ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, version));
    message.write(new ByteBufferAccessor(buffer), cache, version);
    if (buffer.hasRemaining()) throw new IllegalStateException("size");
    return buffer.array();
  }

  // Metadata records in the frame in which they lie in the log.
  static void framed(String name, DataOutputStream out) throws Exception {
    if (!classes.get(name).getName().startsWith("org.apache.kafka.common.metadata.")) return;
    short[] valid = range(specs.get(name).get("validVersions").asText());
    for (short version = valid[0]; version <= valid[1]; ++version) {
      ApiMessage message = (ApiMessage) classes.get(name).getConstructor().newInstance();
      fill(message, specs.get(name).get("fields"), specs.get(name), version);
      ApiMessageAndVersion record = new ApiMessageAndVersion(message, version);
      ObjectSerializationCache cache = new ObjectSerializationCache();
      ByteBuffer buffer = ByteBuffer.allocate(MetadataRecordSerde.INSTANCE.recordSize(record, cache));
      MetadataRecordSerde.INSTANCE.write(record, cache, new ByteBufferAccessor(buffer));
      out.writeShort(version);
      put(out, buffer.array());
    }
  }

  static short[] range(String text) {
    if (text.equals("none")) return new short[] {1, 0};
    if (text.endsWith("+")) return new short[] {Short.parseShort(text.substring(0, text.length() - 1)), Short.MAX_VALUE};
    int dash = text.indexOf('-');
    if (dash < 0) return new short[] {Short.parseShort(text), Short.parseShort(text)};
    return new short[] {Short.parseShort(text.substring(0, dash)), Short.parseShort(text.substring(dash + 1))};
  }

  static boolean in(JsonNode range, short version) {
    if (range == null) return false;
    short[] r = range(range.asText());
    return version >= r[0] && version <= r[1];
  }

  static JsonNode versions(JsonNode field) {
    return field.has("versions") ? field.get("versions") : field.get("taggedVersions");
  }

  // The fields of a struct: its own, or those of the common struct that it names.
  static JsonNode fieldsOf(JsonNode field, JsonNode spec) {
    if (field.has("fields")) return field.get("fields");
    String type = field.get("type").asText().replace("[]", "");
    for (JsonNode struct : spec.path("commonStructs")) {
      if (struct.get("name").asText().equals(type)) return struct.get("fields");
    }
    throw new IllegalStateException("no fields of " + type);
  }

  static void fill(Object object, JsonNode fields, JsonNode spec, short version) throws Exception {
    for (JsonNode field : fields) {
      if (!in(versions(field), version)) continue;
      if (field.has("tag") && random.nextInt(3) == 0) continue;  // keeps its default
      String name = field.get("name").asText();
      String setter = "set" + name.substring(0, 1).toUpperCase() + name.substring(1);
      Method method = Arrays.stream(object.getClass().getMethods()).filter(m -> m.getName().equals(setter)).findFirst().get();
      boolean nullable = in(field.get("nullableVersions"), version);
      Object value = nullable && random.nextInt(4) == 0 ? null : value(method.getParameterTypes()[0], field, spec, version, object);
      method.invoke(object, value);
    }
  }

  @SuppressWarnings({"unchecked", "rawtypes"})
  static Object value(Class<?> parameter, JsonNode field, JsonNode spec, short version, Object object) throws Exception {
    String type = field.get("type").asText();
    if (!type.startsWith("[]")) return single(parameter, type, field, spec, version, object);
    Collection array = parameter == List.class ? new ArrayList<>() : (Collection) parameter.getConstructor().newInstance();
    int count = random.nextInt(4);
    for (int i = 0; i < count; ++i) array.add(single(null, type.substring(2), field, spec, version, object));
    return array;
  }

  static Object single(Class<?> parameter, String type, JsonNode field, JsonNode spec, short version, Object object) throws Exception {
    switch (type) {
      case "bool": return random.nextBoolean();
      case "int8": return (byte) random.nextInt();
      case "int16": return (short) random.nextInt();
      case "uint16": return random.nextInt(65536);
      case "int32": return random.nextInt();
      case "uint32": return random.nextInt() & 0xffffffffL;
      case "int64": return random.nextLong();
      case "float64": return random.nextInt() / 1000.0;
      case "uuid": return new Uuid(random.nextLong(), random.nextLong());
      case "string": return text();
      case "bytes": return parameter == ByteBuffer.class ? ByteBuffer.wrap(bytes(300)) : bytes(300);
      case "records": return MemoryRecords.readableRecords(ByteBuffer.wrap(bytes(9000)));
      default: {
        Class<?> outer = object.getClass();
        while (outer.getEnclosingClass() != null) outer = outer.getEnclosingClass();
        Object struct = Class.forName(outer.getName() + "$" + type).getConstructor().newInstance();
        fill(struct, fieldsOf(field, spec), spec, version);
        return struct;
      }
    }
  }

  static String text() {
    StringBuilder text = new StringBuilder();
    int length = random.nextInt(20) == 0 ? 300 : random.nextInt(12);
    for (int i = 0; i < length; ++i) text.appendCodePoint("aZ09-_. \u00e4\u20ac\ud83d\udc26\n".codePointAt(new int[] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12}[random.nextInt(12)]));
    return text.toString();
  }

  static byte[] bytes(int most) {
    byte[] bytes = new byte[random.nextInt(random.nextInt(most) + 1)];
    random.nextBytes(bytes);
    return bytes;
  }

  // --- the text that ToString of our side gives -----------------------------------------------------------------------

  static String snake(String name) {
    return name.replace("KRaft", "Kraft").replaceAll("([a-z0-9])([A-Z])", "$1_$2").replaceAll("([A-Z]+)([A-Z][a-z])", "$1_$2").toLowerCase();
  }

  static short[] intersect(short[] a, short[] b) {
    return new short[] {(short) Math.max(a[0], b[0]), (short) Math.min(a[1], b[1])};
  }

  static void print(ByteArrayOutputStream out, Object object, JsonNode fields, JsonNode spec, short[] outer) throws Exception {
    out.write('{');
    boolean first = true;
    for (JsonNode field : fields) {
      short[] present = intersect(range(versions(field).asText()), outer);
      if (present[0] > present[1]) continue;  // only in versions that no longer exist
      if (!first) out.write(", ".getBytes());
      first = false;
      String name = field.get("name").asText();
      out.write((snake(name) + "=").getBytes());
      Object value = object.getClass().getMethod(name.substring(0, 1).toLowerCase() + name.substring(1)).invoke(object);
      String type = field.get("type").asText();
      if (value == null) {
        out.write("null".getBytes());
      } else if (type.startsWith("[]")) {
        out.write('[');
        boolean firstElement = true;
        for (Object element : (Collection<?>) value) {
          if (!firstElement) out.write(", ".getBytes());
          firstElement = false;
          printSingle(out, element, type.substring(2), field, spec, present);
        }
        out.write(']');
      } else {
        printSingle(out, value, type, field, spec, present);
      }
    }
    out.write('}');
  }

  static void printSingle(ByteArrayOutputStream out, Object value, String type, JsonNode field, JsonNode spec, short[] present) throws Exception {
    switch (type) {
      case "bool": case "int8": case "int16": case "uint16": case "int32": case "uint32": case "int64": case "uuid":
        out.write(value.toString().getBytes());
        break;
      case "float64":
        out.write(String.format(Locale.ROOT, "%.6f", (Double) value).getBytes());
        break;
      case "string": {
        byte[] bytes = ((String) value).getBytes(StandardCharsets.UTF_8);
        out.write('"');
        for (int i = 0; i < Math.min(256, bytes.length); ++i) out.write((bytes[i] & 0xff) < 0x20 || bytes[i] == 0x7f ? '.' : bytes[i]);
        out.write('"');
        if (bytes.length > 256) out.write(("\u2026 of " + bytes.length + " bytes").getBytes(StandardCharsets.UTF_8));
        break;
      }
      case "bytes": {
        byte[] bytes;
        if (value instanceof ByteBuffer) {
          bytes = new byte[((ByteBuffer) value).remaining()];
          ((ByteBuffer) value).duplicate().get(bytes);
        } else {
          bytes = (byte[]) value;
        }
        StringBuilder text = new StringBuilder("<" + bytes.length + " bytes" + (bytes.length > 0 ? ": " : ""));
        for (int i = 0; i < Math.min(32, bytes.length); ++i) text.append(String.format("%02x", bytes[i]));
        out.write((text + (bytes.length > 32 ? "\u2026" : "") + ">").getBytes(StandardCharsets.UTF_8));
        break;
      }
      case "records":
        out.write(("<" + ((BaseRecords) value).sizeInBytes() + " bytes>").getBytes());
        break;
      default:
        print(out, value, fieldsOf(field, spec), spec, present);
    }
  }

  // --- record batches --------------------------------------------------------------------------------------------------

  static Compression compression(int i) {
    switch (i % 5) {
      case 1: return Compression.gzip().level(1 + random.nextInt(9)).build();
      case 2: return Compression.snappy().build();
      case 3: return Compression.lz4().level(1 + random.nextInt(17)).build();
      case 4: return Compression.zstd().level(-5 + random.nextInt(25)).build();
      default: return Compression.NONE;
    }
  }

  static void batch(int i, DataOutputStream out) throws Exception {
    boolean idempotent = random.nextBoolean();
    boolean transactional = idempotent && random.nextBoolean();
    boolean appendTime = random.nextInt(4) == 0;
    ByteBuffer buffer = ByteBuffer.allocate(1024);
    long now = 1_700_000_000_000L + random.nextInt();
    try (MemoryRecordsBuilder builder = new MemoryRecordsBuilder(new org.apache.kafka.common.utils.ByteBufferOutputStream(buffer),
            RecordBatch.MAGIC_VALUE_V2, compression(i), appendTime ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME,
            random.nextInt(1_000_000), now, idempotent ? random.nextInt(100) : -1, (short) (idempotent ? random.nextInt(100) : -1),
            idempotent ? random.nextInt(Integer.MAX_VALUE) : -1, transactional, false, random.nextInt(50), Integer.MAX_VALUE)) {
      int count = 1 + random.nextInt(i % 7 == 0 ? 300 : 10);
      for (int n = 0; n < count; ++n) {
        Header[] headers = new Header[random.nextInt(4) == 0 ? random.nextInt(4) : 0];
        for (int h = 0; h < headers.length; ++h) headers[h] = new RecordHeader(text(), random.nextInt(3) == 0 ? null : bytes(20));
        builder.append(now + random.nextInt(10000) - 5000, random.nextInt(4) == 0 ? null : bytes(50),
            random.nextInt(6) == 0 ? null : random.nextInt(10) == 0 ? new byte[random.nextInt(40000)] : bytes(500), headers);
      }
      MemoryRecords records = builder.build();
      byte[] bytes = new byte[records.sizeInBytes()];
      records.buffer().duplicate().get(bytes);
      put(out, bytes);
      put(out, describe(records).getBytes(StandardCharsets.UTF_8));
    }
  }

  static String hex(ByteBuffer bytes) {
    if (bytes == null) return "null";
    byte[] copy = new byte[bytes.remaining()];
    bytes.duplicate().get(copy);
    return copy.length + ":" + Integer.toHexString(Arrays.hashCode(copy));
  }

  static String describe(MemoryRecords records) {
    StringBuilder text = new StringBuilder();
    for (MutableRecordBatch batch : records.batches()) {
      batch.ensureValid();
      text.append("batch " + batch.baseOffset() + " " + batch.lastOffset() + " " + batch.partitionLeaderEpoch() + " " + batch.producerId() + " "
          + batch.producerEpoch() + " " + batch.baseSequence() + " " + batch.lastSequence() + " " + batch.isTransactional() + " " + batch.isControlBatch()
          + " " + batch.compressionType().name + " " + batch.timestampType().id + " " + batch.maxTimestamp() + " " + batch.countOrNull() + "\n");
      for (org.apache.kafka.common.record.internal.Record record : batch) {
        text.append(record.offset() + " " + record.timestamp() + " " + hex(record.key()) + " " + hex(record.value()));
        for (Header header : record.headers()) {
          text.append(" " + hex(ByteBuffer.wrap(header.key().getBytes(StandardCharsets.UTF_8))) + "=" + hex(header.value() == null ? null : ByteBuffer.wrap(header.value())));
        }
        text.append("\n");
        if (batch.isControlBatch()) {
          ControlRecordType type = ControlRecordType.parse(record.key());
          text.append(type);
          if (type == ControlRecordType.COMMIT || type == ControlRecordType.ABORT) {
            text.append(" " + EndTransactionMarker.deserialize(record).coordinatorEpoch());
          }
          text.append("\n");
        }
      }
    }
    return text.toString();
  }

  // written.bin: batches of ours, each with the text that describe() must give.
  static void check(Path directory) throws Exception {
    int count = 0;
    try (DataInputStream in = new DataInputStream(new BufferedInputStream(Files.newInputStream(directory.resolve("written.bin"))))) {
      while (in.available() > 0) {
        byte[] bytes = new byte[in.readInt()];
        in.readFully(bytes);
        byte[] expected = new byte[in.readInt()];
        in.readFully(expected);
        String text = describe(MemoryRecords.readableRecords(ByteBuffer.wrap(bytes)));
        if (!text.equals(new String(expected, StandardCharsets.UTF_8))) {
          System.err.println("batch " + count + ": Kafka reads\n" + text + "we wrote\n" + new String(expected, StandardCharsets.UTF_8));
          System.exit(1);
        }
        ++count;
      }
    }
    System.out.println("Kafka reads all " + count + " batches that we wrote");
    if (count == 0) System.exit(1);
  }
}
