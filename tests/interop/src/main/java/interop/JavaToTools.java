package interop;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;

/** What a Java producer sends, mqpull prints. */
final class JavaToTools {
    private JavaToTools() {}

    static void add(Suite suite) {
        suite.tools("a Java sync send reaches mqpull", context -> {
            context.createTopic(4);
            context.send(Samples.all());
            Check.same(Samples.all(), context.mqpull());
        });
        suite.tools("a Java async send reaches mqpull", context -> {
            context.createTopic(4);
            List<Record> records = new ArrayList<>(Samples.all());
            records.addAll(Samples.numbered(200));
            async(context, records);
            Check.same(records, context.mqpull());
        });
        suite.tools("a Java one-way send reaches mqpull", context -> {
            context.createTopic(4);
            oneway(context, Samples.all());
            Check.same(Samples.all(), context.mqpull());
        });
        suite.tools("a Java batch send reaches mqpull", context -> {
            context.createTopic(4);
            batch(context, Samples.all());
            Check.same(Samples.all(), context.mqpull());
        });
        suite.tools("mqpull gives the id that a Java send got", context -> {
            context.createTopic(1);
            SendResult sent = Context.sent(context.producer().send(Record.of("with an id").message(context.topic)));
            String line = context.start("", "mqpull", "-e", "--from", "beginning", "--out", "json", "-t", context.topic)
                    .output();
            Check.contains(line, "\"id\":\"" + sent.getMsgId() + "\"");
            Check.contains(line, "\"offset_id\":\"" + sent.getOffsetMsgId() + "\"");
        });
        suite.java("a Java sync send reaches a Java push consumer", context -> {
            context.createTopic(4);
            Inbox inbox = Inbox.push(context.pushConsumer(), context.topic, "*");
            context.send(Samples.all());
            inbox.expect(Samples.all());
        });
        suite.java("Java async, one-way and batch sends reach a Java push consumer", context -> {
            context.createTopic(4);
            Inbox inbox = Inbox.push(context.pushConsumer(), context.topic, "*");
            async(context, Samples.all());
            batch(context, Samples.all());
            DefaultMQProducer producer = context.producer();
            List<Record> expected = new ArrayList<>(Samples.all());
            expected.addAll(Samples.all());
            for (Record record : Samples.all()) {
                producer.sendOneway(record.message(context.topic));
                expected.add(record);
            }
            inbox.expect(expected);
        });
    }

    private static void async(Context context, List<Record> records) throws Exception {
        DefaultMQProducer producer = context.producer();
        CountDownLatch answered = new CountDownLatch(records.size());
        AtomicReference<Throwable> error = new AtomicReference<>();
        for (Record record : records) {
            producer.send(record.message(context.topic), new SendCallback() {
                @Override
                public void onSuccess(SendResult result) {
                    answered.countDown();
                }

                @Override
                public void onException(Throwable e) {
                    error.set(e);
                    answered.countDown();
                }
            });
        }
        Check.that(answered.await(20, TimeUnit.SECONDS), answered.getCount() + " async sends were not answered");
        Check.that(error.get() == null, "an async send failed: " + error.get());
    }

    private static void oneway(Context context, List<Record> records) throws Exception {
        DefaultMQProducer producer = context.producer();
        for (Record record : records) {
            producer.sendOneway(record.message(context.topic));
        }
        Check.until("all one-way messages are stored", 10, () -> context.server.stored(context.topic) == records.size());
    }

    private static void batch(Context context, List<Record> records) throws Exception {
        List<Message> messages = new ArrayList<>();
        for (Record record : records) {
            messages.add(record.message(context.topic));
        }
        Context.sent(context.producer().send(messages));
    }
}
