package interop;

import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** Messages found again by id, key and time, and what clients tell the trace topic of them. */
final class Lookups {
    private static final long HOUR_MS = 3_600_000;

    private Lookups() {}

    static void add(Suite suite) {
        suite.java("a message is found by the offset id that its Java send got", context -> {
            context.createTopic(1);
            SendResult sent = send(context, "by id", "k");
            MessageExt found = context.server.admin.viewMessage(context.topic, sent.getOffsetMsgId());
            Check.equal("by id", Record.of(found).text(), "the message");
            Check.equal(sent.getQueueOffset(), found.getQueueOffset(), "its queue offset");
        });
        suite.java("a message is found by the unique key that its Java send got", context -> {
            context.createTopic(1);
            SendResult sent = send(context, "by unique key", "k");
            Check.until("the index has it", 10, () -> Record.of(
                            context.server.admin.viewMessage(context.topic, sent.getMsgId()))
                    .text()
                    .equals("by unique key"));
        });
        suite.java("messages are found by key, those of their time and no more than were asked for", context -> {
            context.createTopic(2);
            long before = System.currentTimeMillis() - 1000; // RocketMQ's index knows whole seconds
            for (int i = 0; i < 5; i++) {
                send(context, "m" + i, "one two");
            }
            send(context, "other", "three");
            long after = System.currentTimeMillis();
            Check.until("all five by either key", 10, () -> count(context, "one", 32, before, after + 1000) == 5
                    && count(context, "two", 32, before, after + 1000) == 5);
            Check.equal(2, count(context, "one", 2, before, after + 1000), "the number of those, two of which are asked for,");
            Check.equal(0, count(context, "one", 32, before - 2 * HOUR_MS, before - HOUR_MS), "the number of an hour before");
            Check.equal(0, count(context, "none", 32, before, after + 1000), "the number of those with no such key");
        });
        suite.java("a Java producer's trace says what was sent", context -> {
            context.createTopic(1);
            String traces = context.topic + "_trace";
            context.server.createTopic(traces, 1);
            DefaultMQProducer producer = new DefaultMQProducer("P_" + context.group, null, true, traces);
            producer.setNamesrvAddr(context.server.namesrv);
            producer.setInstanceName("trace-" + context.group);
            context.onClose(producer::shutdown);
            producer.start();
            SendResult sent = Context.sent(producer.send(new Message(context.topic, "Tag", "the-key", Samples.utf8("x"))));
            Inbox inbox = Inbox.push(context.pushConsumer(), traces, "*");
            inbox.await(1);
            Record trace = Record.of(inbox.messages().get(0));
            Check.contains(trace.text(), "Pub\u0001");
            Check.contains(trace.text(), context.topic + "\u0001" + sent.getMsgId() + "\u0001Tag\u0001the-key");
        });
    }

    private static SendResult send(Context context, String text, String keys) throws Exception {
        return Context.sent(context.producer().send(
                new Record(Samples.utf8(text), List.of(keys.split(" ")), null, Map.of()).message(context.topic)));
    }

    /** None is an error to the client. */
    private static int count(Context context, String key, int most, long begin, long end) throws Exception {
        try {
            return context.server.admin.queryMessage(context.topic, key, most, begin, end).getMessageList().size();
        } catch (MQClientException e) {
            Check.contains(e.toString(), "no message");
            return 0;
        }
    }
}
