import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Runs every Java scenario in one JVM against one broker: `Interop BOOTSTRAP VERSION [NAME-PART…]`.
 * Results go to standard output, a line each: RESULT TAB ok|FAIL TAB name TAB milliseconds TAB message (newlines as \u0001).
 * A scenario that needs the broker stopped or killed asks with a line CONTROL TAB verb, and the answer comes on standard input.
 */
public final class Interop {
  interface Body {
    void run(Context context) throws Exception;
  }

  private record Scenario(String name, Body body) {}

  private final List<Scenario> together = new ArrayList<>();
  private final List<Scenario> alone = new ArrayList<>();

  /** A scenario that minds nobody: it has topics and groups of its own. */
  void add(String name, Body body) {
    together.add(new Scenario(name, body));
  }

  /** A scenario that stops the broker or changes what others see. */
  void addAlone(String name, Body body) {
    alone.add(new Scenario(name, body));
  }

  public static void main(String[] args) throws Exception {
    Interop interop = new Interop();
    NotesScenarios.register(interop);
    ProducerScenarios.register(interop);
    ConsumerScenarios.register(interop);
    GroupScenarios.register(interop);
    TransactionScenarios.register(interop);
    AdminScenarios.register(interop);
    DurabilityScenarios.register(interop);
    VersionScenarios.register(interop);
    try (Context.Shared shared = new Context.Shared(args[0], args[1])) {
      ExecutorService pool = Executors.newFixedThreadPool(5);
      List<Future<?>> running = new ArrayList<>();
      for (Scenario scenario : interop.together) {
        if (wanted(scenario.name, args)) running.add(pool.submit(() -> runOne(shared, scenario)));
      }
      for (Future<?> future : running) future.get();
      pool.shutdown();
      for (Scenario scenario : interop.alone) {
        if (wanted(scenario.name, args)) runOne(shared, scenario);
      }
    }
    System.exit(0);
  }

  private static boolean wanted(String name, String[] args) {
    boolean all = true;
    boolean found = false;
    for (int i = 2; i < args.length; i++) {
      // "-name": not that one.
      if (args[i].equals("-" + name)) return false;
      if (args[i].startsWith("-")) continue;
      all = false;
      found = found || name.contains(args[i]);
    }
    return all || found;
  }

  private static void runOne(Context.Shared shared, Scenario scenario) {
    long start = System.nanoTime();
    String message = null;
    try (Context context = new Context(shared, scenario.name)) {
      scenario.body.run(context);
    } catch (Check.Failed failed) {
      message = failed.getMessage() + "\n  at " + failed.getStackTrace()[depth(failed)];
    } catch (Throwable thrown) {
      message = told(thrown);
    }
    long millis = (System.nanoTime() - start) / 1_000_000;
    String result = message == null ? "ok" : "FAIL";
    synchronized (System.out) {
      System.out.println("RESULT\t" + result + "\t" + scenario.name + "\t" + millis + "\t"
          + (message == null ? "" : message.replace('\t', ' ').replace('\n', '\u0001')));
      System.out.flush();
    }
  }

  /** The causes, and of the frames only ours. */
  private static String told(Throwable thrown) {
    StringBuilder text = new StringBuilder();
    for (Throwable t = thrown; t != null; t = t.getCause()) {
      text.append(t).append('\n');
      for (StackTraceElement frame : t.getStackTrace()) {
        if (!frame.getClassName().contains(".")) text.append("  at ").append(frame).append('\n');
      }
    }
    return text.toString();
  }

  /** The frame of the scenario, not of Check. */
  private static int depth(Throwable thrown) {
    StackTraceElement[] frames = thrown.getStackTrace();
    for (int i = 0; i < frames.length; i++) {
      if (frames[i].getClassName().contains("Scenarios")) return i;
    }
    return 0;
  }
}
