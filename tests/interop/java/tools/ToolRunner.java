import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Apache's command line tools one after the other in one JVM, whose start costs more than most of them. A request is a line of
 * JSON on standard input, {"class": …, "args": […], "stdin": …}; the answer a line on standard output, {"status": n, "out": …, "err": …}.
 */
public final class ToolRunner {
  private static final class Ended extends RuntimeException {
    Ended(int status) {
      super("exit " + status, null, false, false);
    }
  }

  /** The first status that the tool wanted to end with: some tools catch what we throw, and end again. */
  private static Integer ended;

  /** What a tool wants done at the end of its JVM, a producer's close for one. */
  private static final List<Runnable> hooks = new ArrayList<>();

  private static void end(int status) {
    if (ended == null) ended = status;
    throw new Ended(ended);
  }

  public static void main(String[] args) throws Exception {
    Exit.setExitProcedure((status, message) -> end(status));
    Exit.setHaltProcedure((status, message) -> end(status));
    Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
    ObjectMapper mapper = new ObjectMapper();
    PrintStream answers = System.out;
    BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    String line;
    while ((line = requests.readLine()) != null) {
      JsonNode request = mapper.readTree(line);
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      ByteArrayOutputStream err = new ByteArrayOutputStream();
      System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
      System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
      System.setIn(new ByteArrayInputStream(request.path("stdin").asText("").getBytes(StandardCharsets.UTF_8)));
      List<String> arguments = new ArrayList<>();
      request.get("args").forEach(a -> arguments.add(a.asText()));
      int status = call(request.get("class").asText(), arguments);
      hooks.forEach(Runnable::run);
      hooks.clear();
      System.out.flush();
      System.err.flush();
      answers.println(mapper.writeValueAsString(Map.of("status", status, "out", out.toString(StandardCharsets.UTF_8), "err",
          err.toString(StandardCharsets.UTF_8))));
      answers.flush();
    }
  }

  private static int call(String name, List<String> arguments) throws Exception {
    ended = null;
    try {
      Class.forName(name).getMethod("main", String[].class).invoke(null, (Object) arguments.toArray(new String[0]));
      return ended == null ? 0 : ended;
    } catch (InvocationTargetException e) {
      if (ended != null) return ended;
      e.getCause().printStackTrace();
      return 1;
    }
  }
}
