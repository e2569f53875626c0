package interop;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** What mqsend sends, Java consumers get. */
final class ToolsToJava {
    private ToolsToJava() {}

    private interface Sender {
        /** Returns what must arrive. */
        List<Record> send(Context context) throws Exception;
    }

    static void add(Suite suite) {
        both(suite, "mqsend's lines reach", ToolsToJava::lines);
        both(suite, "mqsend's json records reach", ToolsToJava::json);
        both(suite, "mqsend's binary bodies reach", ToolsToJava::binary);
        for (String kind : List.of("zlib", "lz4", "zstd")) {
            suite.tools("mqsend --compress " + kind + " reaches a Java push consumer", context -> {
                context.createTopic(4);
                Record large = new Record(Samples.large(), List.of("large"), null, java.util.Map.of());
                context.mqsend(large.json(false) + "\n", "-t", context.topic, "--in", "json", "--compress", kind);
                Inbox.push(context.pushConsumer(), context.topic, "*").expect(List.of(large));
            });
        }
        suite.tools("a Java consumer's long poll gets a message of mqsend within 1 s", context -> {
            context.createTopic(1);
            Inbox inbox = Inbox.push(context.pushConsumer(), context.topic, "*");
            // The first message shows that the consumer is at work; the second one's pull waits.
            context.mqsend("first\n", "-t", context.topic);
            inbox.await(1);
            Consumers.awaitIdlePull();
            long from = System.nanoTime();
            context.mqsend("second\n", "-t", context.topic);
            inbox.await(2);
            Consumers.within(1000, from);
        });
    }

    private static void both(Suite suite, String name, Sender sender) {
        suite.tools(name + " a Java push consumer", context -> {
            context.createTopic(4);
            Inbox inbox = Inbox.push(context.pushConsumer(), context.topic, "*");
            inbox.expect(sender.send(context));
        });
        suite.tools(name + " a Java lite pull consumer", context -> {
            context.createTopic(4);
            List<Record> sent = sender.send(context);
            Inbox.litePull(context.litePullConsumer(), context.topic, sent.size()).expect(sent);
        });
    }

    private static List<Record> lines(Context context) throws Exception {
        List<Record> records = new ArrayList<>(Samples.numbered(300));
        records.add(Record.of("Grüße, 世界, 🚀 \"quoted\" \\ back\tslash"));
        records.add(Record.of("x".repeat(20_000)));
        String input = records.stream().map(Record::text).collect(Collectors.joining("\n"));
        context.mqsend(input + "\n", "-t", context.topic);
        return records;
    }

    private static List<Record> json(Context context) throws Exception {
        return json(context, Samples.text(), false);
    }

    private static List<Record> binary(Context context) throws Exception {
        return json(context, Samples.binary(), true);
    }

    private static List<Record> json(Context context, List<Record> records, boolean base64) throws Exception {
        String input = records.stream().map(record -> record.json(base64) + "\n").collect(Collectors.joining());
        context.mqsend(input, "-t", context.topic, "--in", "json");
        return records;
    }
}
