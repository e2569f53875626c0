package interop;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;

/** Members of one consumer group share the queues. */
final class Groups {
    private static final int MESSAGES = 2000;
    private static final int QUEUES = 8;

    private Groups() {}

    static void add(Suite suite) {
        suite.tools("two Java consumers and an mqpull share a group and lose nothing", context -> {
            context.createTopic(QUEUES);
            List<DefaultMQPushConsumer> consumers = List.of(context.pushConsumer(), context.pushConsumer());
            List<Inbox> inboxes = new ArrayList<>();
            for (DefaultMQPushConsumer consumer : consumers) {
                inboxes.add(Inbox.push(consumer, context.topic, "*"));
            }
            Program mqpull = context.start(
                    "", "mqpull", "-g", context.group, "-t", context.topic, "--from", "beginning", "--out", "json");
            awaitShares(context, consumers, 3);

            context.send(Samples.numbered(MESSAGES));
            Set<String> expected = texts(Samples.numbered(MESSAGES));
            Check.until("all three have all " + MESSAGES + " messages", 20, () -> {
                Check.that(mqpull.running(), "mqpull ended: " + mqpull.stderr());
                return union(inboxes, mqpull.lines()).equals(expected);
            });
            for (Inbox inbox : inboxes) {
                Check.that(inbox.size() > 0, "a Java member got nothing");
            }
            Check.that(!mqpull.lines().isEmpty(), "mqpull got nothing");
            context.awaitCommitted(consumers); // before any member ends, so not by its clean end
            mqpull.terminate();
            Check.equal(143, mqpull.status(), "mqpull's status after SIGTERM");
            Check.equal(0L, diffTotal(context), "the diff total that mqadmin consumerProgress shows");
        });
        suite.tools("an mqpull that leaves a group hands its queues to the Java members", context -> {
            context.createTopic(QUEUES);
            DefaultMQPushConsumer consumer = context.pushConsumer();
            Inbox inbox = Inbox.push(consumer, context.topic, "*");
            Program mqpull = context.start(
                    "", "mqpull", "-g", context.group, "-t", context.topic, "--from", "beginning", "--out", "json");
            awaitShares(context, List.of(consumer), 2);
            context.send(Samples.numbered(200));
            Check.until("both have all", 20, () -> union(List.of(inbox), mqpull.lines()).size() == 200);
            mqpull.terminate();
            Check.equal(143, mqpull.status(), "mqpull's status after SIGTERM");
            Check.until("the Java member has all queues", 10, () -> Inbox.queues(consumer, context.topic) == QUEUES);

            int before = inbox.size();
            context.send(List.of(Record.of("later-1"), Record.of("later-2")));
            Check.until("the Java member gets what comes later", 10, () -> inbox.texts().contains("later-2"));
            Check.that(inbox.size() <= before + 2, "the Java member got again what mqpull had committed");
        });
        suite.java("two Java consumers share a group and lose nothing", context -> {
            context.createTopic(QUEUES);
            List<DefaultMQPushConsumer> consumers = List.of(context.pushConsumer(), context.pushConsumer());
            List<Inbox> inboxes = new ArrayList<>();
            for (DefaultMQPushConsumer consumer : consumers) {
                inboxes.add(Inbox.push(consumer, context.topic, "*"));
            }
            awaitShares(context, consumers, 2);
            context.send(Samples.numbered(MESSAGES));
            Set<String> expected = texts(Samples.numbered(MESSAGES));
            Check.until("both have all", 20, () -> union(inboxes, "").equals(expected));
            context.awaitCommitted(consumers);
        });
    }

    /** Until each Java member holds its share, so that a member that got nothing is an error. */
    private static void awaitShares(Context context, List<DefaultMQPushConsumer> consumers, int members)
            throws Exception {
        Check.until(members + " members are connected", 15, () -> context.server.members(context.group) == members);
        // Eight queues for three are 3, 3, 2.
        int least = QUEUES / members;
        int most = (QUEUES + members - 1) / members;
        Check.until("the queues are shared by " + members, 15, () -> {
            for (DefaultMQPushConsumer consumer : consumers) {
                int queues = Inbox.queues(consumer, context.topic);
                if (queues < least || queues > most) {
                    return false;
                }
            }
            return true;
        });
    }

    private static Set<String> union(List<Inbox> inboxes, String jsonLines) {
        Set<String> all = new HashSet<>(texts(Record.ofJsonLines(jsonLines)));
        inboxes.forEach(inbox -> all.addAll(inbox.texts()));
        return all;
    }

    private static long diffTotal(Context context) throws Exception {
        long total = 0;
        String rows = context.mqadmin("consumerProgress", "-g", context.group, "--out", "jsonl");
        int queues = 0;
        for (String line : rows.split("\n")) {
            JsonObject row = JsonParser.parseString(line).getAsJsonObject();
            if (row.has("queueId") && row.get("topic").getAsString().equals(context.topic)) {
                total += row.get("diff").getAsLong();
                queues++;
            }
        }
        Check.equal(QUEUES, queues, "the number of queues in mqadmin consumerProgress");
        return total;
    }

    private static Set<String> texts(List<Record> records) {
        Set<String> texts = new HashSet<>();
        records.forEach(record -> texts.add(record.text()));
        return texts;
    }
}
