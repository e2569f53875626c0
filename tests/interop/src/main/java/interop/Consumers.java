package interop;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.MessageQueue;

/** What Java consumers ask a broker for beside messages: filters, offsets, times, long polls. */
final class Consumers {
    private Consumers() {}

    static void add(Suite suite) {
        suite.java("a Java subscription to \"A || B\" gets these tags and no other", context -> {
            context.createTopic(4);
            Inbox inbox = Inbox.push(context.pushConsumer(), context.topic, "A || B");
            List<Record> expected = new ArrayList<>();
            List<Record> records = new ArrayList<>();
            for (int i = 0; i < 40; i++) {
                for (String tag : List.of("A", "B", "C", "AB")) {
                    Record record = new Record(Samples.utf8(tag + i), List.of(), tag, Map.of());
                    records.add(record);
                    if (tag.length() == 1 && !tag.equals("C")) {
                        expected.add(record);
                    }
                }
                records.add(Record.of("untagged" + i));
            }
            context.send(records);
            inbox.expect(expected);
        });
        suite.java("a Java pull consumer finds min, max and time offsets", Consumers::offsets);
        suite.java("a Java pull consumer's committed offset is kept", Consumers::committed);
        suite.java("a Java lite pull consumer seeks and commits", Consumers::litePull);
        suite.java("a Java consumer's long poll gets a Java message within 1 s", context -> {
            context.createTopic(1);
            Inbox inbox = Inbox.push(context.pushConsumer(), context.topic, "*");
            DefaultMQProducer producer = context.producer();
            Context.sent(producer.send(Record.of("first").message(context.topic)));
            inbox.await(1);
            awaitIdlePull();
            long from = System.nanoTime();
            Context.sent(producer.send(Record.of("second").message(context.topic)));
            inbox.await(2);
            within(1000, from);
        });
    }

    /** Nothing shows a pull that waits in the broker; after this it has long been sent. */
    static void awaitIdlePull() throws InterruptedException {
        Thread.sleep(300);
    }

    static void within(int limitMs, long fromNanos) {
        long took = (System.nanoTime() - fromNanos) / 1_000_000;
        Check.that(took <= limitMs, "it took " + took + " ms");
    }

    private static void offsets(Context context) throws Exception {
        context.createTopic(1);
        DefaultMQProducer producer = context.producer();
        DefaultMQPullConsumer consumer = context.pullConsumer();
        MessageQueue queue = queue(consumer, context.topic);
        Check.equal(0L, consumer.minOffset(queue), "the least offset of an empty queue");
        Check.equal(0L, consumer.maxOffset(queue), "the greatest offset of an empty queue");

        for (int i = 0; i < 10; i++) {
            Check.equal((long) i, Context.sent(producer.send(Record.of("m" + i).message(context.topic))).getQueueOffset(),
                    "a queue offset");
            Thread.sleep(5); // store times that differ
        }
        Check.equal(0L, consumer.minOffset(queue), "the least offset");
        Check.equal(10L, consumer.maxOffset(queue), "the greatest offset");

        PullResult pulled = consumer.pull(queue, "*", 4, 32);
        Check.equal(PullStatus.FOUND, pulled.getPullStatus(), "the pull's status");
        Check.equal("m4", Record.of(pulled.getMsgFoundList().get(0)).text(), "the message at offset 4");
        long time = pulled.getMsgFoundList().get(0).getStoreTimestamp();
        Check.equal(4L, consumer.searchOffset(queue, time), "the offset at the store time of 4");
        Check.equal(4L, consumer.searchOffset(queue, time - 1), "the offset just before the store time of 4");
        Check.equal(0L, consumer.searchOffset(queue, time - 3_600_000), "the offset before all messages");
        Check.equal(10L, consumer.searchOffset(queue, time + 3_600_000), "the offset after all messages");
        Check.that(consumer.earliestMsgStoreTime(queue) <= time, "the earliest store time is later than a message");

        Check.equal(PullStatus.NO_NEW_MSG, consumer.pull(queue, "*", 10, 32).getPullStatus(), "a pull at the end");
        PullResult beyond = consumer.pull(queue, "*", 1000, 32);
        Check.equal(PullStatus.OFFSET_ILLEGAL, beyond.getPullStatus(), "a pull beyond the end");
        Check.equal(10L, beyond.getNextBeginOffset(), "where to go on from there");
    }

    private static void committed(Context context) throws Exception {
        context.createTopic(1);
        context.send(Samples.numbered(10));
        DefaultMQPullConsumer consumer = context.pullConsumer();
        MessageQueue queue = queue(consumer, context.topic);
        var store = consumer.getDefaultMQPullConsumerImpl().getOffsetStore();
        consumer.pull(queue, "*", 0, 1); // a group is made by its first use, and a commit is not that
        // Synchronously: the usual way commits one-way, some time later.
        store.updateConsumeOffsetToBroker(queue, 7, false);
        Check.equal(7L, consumer.fetchConsumeOffset(queue, true), "the committed offset");

        DefaultMQPullConsumer other = context.pullConsumer();
        Check.equal(7L, other.fetchConsumeOffset(queue, true), "the committed offset as another member sees it");
    }

    private static void litePull(Context context) throws Exception {
        context.createTopic(1);
        context.send(Samples.numbered(10));
        DefaultLitePullConsumer consumer = context.litePullConsumer();
        consumer.setAutoCommit(false);
        consumer.start();
        MessageQueue queue = consumer.fetchMessageQueues(context.topic).iterator().next();
        consumer.assign(List.of(queue));
        // First to the end: what a pull brings that was under way before a seek may still come out.
        poll(consumer, 10).expect(Samples.numbered(10));
        consumer.seek(queue, 6);
        poll(consumer, 4).expect(Samples.numbered(10).subList(6, 10));
        consumer.commitSync();
        Check.until("the commit of 10", 10, () -> Long.valueOf(10).equals(consumer.committed(queue)));
    }

    static Inbox poll(DefaultLitePullConsumer consumer, int count) throws Exception {
        Inbox inbox = new Inbox();
        Check.until("a lite pull consumer has " + count + " messages", 20, () -> {
            inbox.add(consumer.poll(200));
            return inbox.size() >= count;
        });
        return inbox;
    }

    private static MessageQueue queue(DefaultMQPullConsumer consumer, String topic) throws Exception {
        Set<MessageQueue> queues = consumer.fetchSubscribeMessageQueues(topic);
        Check.equal(1, queues.size(), "the number of queues");
        return queues.iterator().next();
    }
}
