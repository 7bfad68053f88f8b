import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;

/** Expectations; each throws Failed with what was expected and what came. */
final class Check {
  static final class Failed extends RuntimeException {
    Failed(String message) {
      super(message);
    }
  }

  private Check() {}

  static void that(boolean condition, String message) {
    if (!condition) throw new Failed(message);
  }

  static void equal(Object expected, Object actual, String what) {
    if (!Objects.equals(expected, actual)) {
      throw new Failed(what + ": expected " + shown(expected) + ", got " + shown(actual));
    }
  }

  private static String shown(Object value) {
    String text = String.valueOf(value);
    return text.length() < 1500 ? text : text.substring(0, 1500) + "…";
  }

  /** Runs body, which must throw (or fail with, as a future) exactly the class; returns it. */
  static <T extends Throwable> T fails(Class<T> type, Callable<?> body, String what) {
    Object value;
    try {
      value = body.call();
    } catch (Throwable thrown) {
      Throwable cause = thrown instanceof ExecutionException ? thrown.getCause() : thrown;
      if (cause.getClass() == type) return type.cast(cause);
      throw new Failed(what + ": expected " + type.getSimpleName() + ", got " + cause);
    }
    throw new Failed(what + ": expected " + type.getSimpleName() + ", got the value " + value);
  }

  /** Polls until the condition holds; fails after 30 s. */
  static void eventually(String what, Callable<Boolean> condition) throws Exception {
    eventually(what, 30_000, condition);
  }

  static void eventually(String what, long timeoutMs, Callable<Boolean> condition) throws Exception {
    long end = System.currentTimeMillis() + timeoutMs;
    while (!condition.call()) {
      if (System.currentTimeMillis() > end) throw new Failed("not within " + timeoutMs + " ms: " + what);
      Thread.sleep(20);
    }
  }
}
