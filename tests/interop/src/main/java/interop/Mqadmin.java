package interop;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.tools.command.MQAdminStartup;

/** The original mqadmin, run in this JVM: each start of its own would cost a second. */
final class Mqadmin {
    private Mqadmin() {}

    static void add(Suite suite) {
        suite.alone("the original mqadmin topicList shows a topic", context -> {
            context.createTopic(4);
            matches(run(context, "topicList"), "(?m)^" + context.topic + "$");
        });
        suite.alone("the original mqadmin topicRoute shows the queues and the broker", context -> {
            context.createTopic(5);
            String route = run(context, "topicRoute", "-t", context.topic);
            matches(route, "\"readQueueNums\" *: *5\\b");
            matches(route, "0L? *: *\"" + Pattern.quote(context.server.broker) + "\"");
            matches(run(context, "topicRoute", "-t", context.topic, "-l"), "Total: +1 +5 +5");
        });
        suite.alone("the original mqadmin topicStatus shows the offsets", context -> {
            context.createTopic(1);
            context.send(Samples.numbered(7));
            String status = run(context, "topicStatus", "-t", context.topic);
            matches(status, "(?m)^\\S+ +0 +0 +7 +\\d{4}-\\d\\d-\\d\\d ");
        });
        suite.alone("the original mqadmin clusterList shows the broker", context -> {
            String list = run(context, "clusterList");
            matches(list, "(?m)^" + context.server.cluster() + " +\\S+ +0 +" + Pattern.quote(context.server.broker) + " +V\\d");
            matches(run(context, "clusterList", "-m"), "(?m)^" + context.server.cluster() + " +\\S+ +\\d+ +\\d+ +\\d+ +\\d+");
        });
        suite.alone("the original mqadmin brokerStatus shows the runtime values", context -> {
            String status = run(context, "brokerStatus", "-b", context.server.broker);
            for (String key : List.of("brokerVersionDesc", "bootTimestamp", "putTps", "getTotalTps", "msgPutTotalTodayNow",
                    "sendThreadPoolQueueHeadWaitTimeMills", "commitLogMaxOffset", "commitLogDiskRatio")) {
                matches(status, "(?m)^" + key + " *: *\\S");
            }
        });
        suite.alone("the original mqadmin updateTopic and deleteTopic do so", context -> {
            String cluster = context.server.cluster();
            contains(run(context, "updateTopic", "-c", cluster, "-t", context.topic, "-r", "3", "-w", "3"),
                    "create topic to " + context.server.broker + " success.");
            Check.until("the route of 3 queues", 5, () -> context.server.readQueues(context.topic) == 3);
            contains(run(context, "updateTopic", "-b", context.server.broker, "-t", context.topic, "-r", "6", "-w", "6"),
                    "create topic to " + context.server.broker + " success.");
            Check.until("the route of 6 queues", 5, () -> context.server.readQueues(context.topic) == 6);

            String deleted = run(context, "deleteTopic", "-c", cluster, "-t", context.topic);
            contains(deleted, "delete topic [" + context.topic + "] from cluster [" + cluster + "] success.");
            contains(deleted, "delete topic [" + context.topic + "] from NameServer success.");
            Check.until("no route", 5, () -> !run(context, "topicList").contains(context.topic));
        });
        suite.alone("the original mqadmin consumerProgress shows a group without lag", context -> {
            context.createTopic(1);
            context.send(Samples.numbered(9));
            DefaultMQPushConsumer consumer = context.pushConsumer();
            Inbox.push(consumer, context.topic, "*").await(9);
            context.awaitCommitted(List.of(consumer));
            String progress = run(context, "consumerProgress", "-g", context.group);
            matches(progress, "(?m)^" + context.topic + " +\\S+ +0 +9 +9 +0 ");
            matches(progress, "Diff Total: 0\\b");
            matches(run(context, "consumerProgress"), "(?m)^" + context.group + " +1 +V\\d\\S* +PUSH ");
        });
    }

    private static String run(Context context, String command, String... options) {
        List<String> args = new ArrayList<>(List.of(command, "-n", context.server.namesrv));
        args.addAll(List.of(options));
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        PrintStream out = System.out;
        PrintStream err = System.err;
        try (PrintStream both = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
            System.setOut(both);
            System.setErr(both);
            MQAdminStartup.main0(args.toArray(new String[0]), null);
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
        String output = bytes.toString(StandardCharsets.UTF_8);
        Check.that(!output.contains("\tat ") && !output.contains("Exception"), command + " fails: " + Check.brief(output));
        return output;
    }

    private static void contains(String output, String part) {
        Check.contains(output, part);
    }

    private static void matches(String output, String pattern) {
        Check.that(Pattern.compile(pattern).matcher(output).find(), "no /" + pattern + "/ in: " + Check.brief(output));
    }
}
