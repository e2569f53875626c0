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
        suite.alone("the original mqadmin queryCq shows the units of a queue", context -> {
            context.createTopic(1);
            context.send(Samples.numbered(3));
            String units = run(context, "queryCq", "-t", context.topic, "-q", "0", "-i", "1", "-g", context.group);
            contains(units, "max: 3, min: 0");
            contains(units, context.group + "@" + context.topic + " is not online!");
            matches(units, "(?m)^idx: 1$");
            matches(units, "ConsumeQueueData\\{physicOffset=[1-9]\\d*, physicSize=[1-9]\\d*, tagsCode=");
            Check.that(!units.contains("idx: 0") && !units.contains("idx: 3"), "other units: " + Check.brief(units));
        });
        suite.alone("the original mqadmin takes a broker out for writing and puts it back", context -> {
            context.createTopic(1);
            String name = context.server.brokerName();
            matches(run(context, "wipeWritePerm", "-b", name), Pattern.quote("[" + name + "]") + ".*OK, [1-9]");
            matches(run(context, "addWritePerm", "-b", name), Pattern.quote("[" + name + "]") + ".*OK, [1-9]");
            context.send(Samples.numbered(1));
        });
        suite.alone("the original mqadmin makes, shows and deletes a group", context -> {
            String cluster = context.server.cluster();
            contains(run(context, "updateSubGroup", "-c", cluster, "-g", context.group, "-r", "3"), "create subscription group to");
            matches(run(context, "getConsumerConfig", "-g", context.group), "retryMaxTimes *= *3\\b");
            contains(run(context, "deleteSubGroup", "-c", cluster, "-g", context.group), context.group);
        });
        suite.alone("the original mqadmin moves a group back and to the end", context -> {
            context.createTopic(1);
            context.send(Samples.numbered(5));
            DefaultMQPushConsumer consumer = context.pushConsumer();
            Inbox.push(consumer, context.topic, "*").await(5);
            context.awaitCommitted(List.of(consumer));
            matches(run(context, "resetOffsetByTime", "-g", context.group, "-t", context.topic, "-s", "1000"),
                    "(?m)^\\S+ +0 +0 *$");
            matches(run(context, "skipAccumulatedMessage", "-g", context.group, "-t", context.topic), "(?m)^\\S+ +0 +5 *$");
        });
    }

    /** Commands that 4.x does not have, or that ask what its servers do not answer. */
    static void addFive(Suite suite) {
        suite.alone("the original mqadmin haStatus shows a master without slaves", context -> {
            String status = run(context, "haStatus", "-b", context.server.broker);
            matches(status, "#MasterAddr\\s+" + Pattern.quote(context.server.broker) + "\\s");
            matches(status, "#SlaveNum\\s+0\\s");
        });
        suite.alone("the original mqadmin setConsumeMode is taken", context -> {
            context.createTopic(1);
            contains(run(context, "setConsumeMode", "-b", context.server.broker, "-t", context.topic, "-g", context.group,
                    "-m", "POP", "-q", "1"), "success");
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
