import java.util.List;
import java.util.Properties;

/** A group member in a process of its own, to be killed: `MemberProcess TOPIC key=value…`; prints its partitions when they change. */
public final class MemberProcess {
  public static void main(String[] args) throws Exception {
    Properties properties = new Properties();
    for (int i = 1; i < args.length; i++) {
      int at = args[i].indexOf('=');
      properties.put(args[i].substring(0, at), args[i].substring(at + 1));
    }
    Member member = new Member(properties, List.of(args[0]));
    String last = "";
    while (member.error == null) {
      String now = member.partitions.toString();
      if (!now.equals(last)) System.out.println(now);
      last = now;
      Thread.sleep(20);
    }
    throw new IllegalStateException(member.error);
  }
}
