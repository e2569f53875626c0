package interop;

import java.util.List;

/** The few cases for a JVM whose clients write the binary header, -Drocketmq.serialize.type=ROCKETMQ. */
final class BinaryHeader {
    private BinaryHeader() {}

    static void add(Suite suite) {
        suite.java("a Java client with the binary header sends and receives", context -> {
            context.createTopic(4);
            Inbox inbox = Inbox.push(context.pushConsumer(), context.topic, "*");
            context.send(Samples.all());
            inbox.expect(Samples.all());
        });
        suite.java("a Java lite pull consumer with the binary header receives and commits", context -> {
            context.createTopic(4);
            context.send(Samples.all());
            Inbox.litePull(context.litePullConsumer(), context.topic, Samples.all().size()).expect(Samples.all());
        });
        suite.tools("what a Java client with the binary header sends reaches mqpull", context -> {
            context.createTopic(4);
            context.send(Samples.all());
            Check.same(Samples.all(), context.mqpull());
        });
        suite.tools("what mqsend sends reaches a Java client with the binary header", context -> {
            context.createTopic(4);
            Inbox inbox = Inbox.push(context.pushConsumer(), context.topic, "*");
            StringBuilder input = new StringBuilder();
            List<Record> records = Samples.text();
            records.forEach(record -> input.append(record.json(false)).append('\n'));
            context.mqsend(input.toString(), "-t", context.topic, "--in", "json");
            inbox.expect(records);
        });
    }
}
