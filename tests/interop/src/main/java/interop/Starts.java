package interop;

import java.text.SimpleDateFormat;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Set;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageQueue;

/** Where consumers begin, how they share when members come and go, and where they place themselves. */
final class Starts {
    private static final int QUEUES = 8;

    private Starts() {}

    static void add(Suite suite) {
        suite.java("a new group that starts at the end still gets a young topic from its front", context -> {
            context.createTopic(2);
            context.send(Samples.numbered(10));
            DefaultMQPushConsumer consumer = context.pushConsumer();
            consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET);
            Inbox.push(consumer, context.topic, "*").expect(Samples.numbered(10));
        });
        suite.java("a group goes on where it stopped, wherever it says it starts", context -> {
            context.createTopic(2);
            context.send(Samples.numbered(10));
            DefaultMQPushConsumer first = context.pushConsumer();
            Inbox.push(first, context.topic, "*").await(10);
            context.awaitCommitted(List.of(first));
            first.shutdown();
            List<Record> later = List.of(Record.of("later-1"), Record.of("later-2"));
            context.send(later);
            DefaultMQPushConsumer second = context.pushConsumer();
            second.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET);
            Inbox.push(second, context.topic, "*").expect(later);
        });
        suite.java("a Java member that joins gets its share of the queues", context -> {
            context.createTopic(QUEUES);
            List<DefaultMQPushConsumer> members = new ArrayList<>();
            List<Inbox> inboxes = new ArrayList<>();
            for (int count = 1; count <= 3; count++) {
                members.add(context.pushConsumer());
                inboxes.add(Inbox.push(members.get(count - 1), context.topic, "*"));
                awaitShares(context, members);
            }
            context.send(Samples.numbered(200));
            awaitAll(inboxes, 200);
            for (Inbox inbox : inboxes) {
                Check.that(inbox.size() > 0, "a member got nothing");
            }
        });
        suite.java("a Java member that leaves gives its queues to those who stay", context -> {
            context.createTopic(QUEUES);
            List<DefaultMQPushConsumer> members = new ArrayList<>();
            List<Inbox> inboxes = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                members.add(context.pushConsumer());
                inboxes.add(Inbox.push(members.get(i), context.topic, "*"));
            }
            awaitShares(context, members);
            context.send(Samples.numbered(100));
            awaitAll(inboxes, 100);
            members.remove(2).shutdown();
            awaitShares(context, members);
            int before = inboxes.get(2).size();
            context.send(Samples.numbered(200));
            Check.until("those who stay get the rest", 20, () -> all(inboxes.subList(0, 2)) + before >= 300);
        });
        suite.java("a Java lite pull consumer pauses and resumes a queue", context -> {
            context.createTopic(1);
            DefaultLitePullConsumer consumer = assigned(context);
            MessageQueue queue = consumer.fetchMessageQueues(context.topic).iterator().next();
            context.send(Samples.numbered(5));
            Consumers.poll(consumer, 5).expect(Samples.numbered(5));
            consumer.pause(List.of(queue));
            // The pull that is under way still brings what comes next.
            context.send(List.of(Record.of("at the gate")));
            Inbox inbox = new Inbox();
            inbox.add(consumer.poll(1000));
            context.send(List.of(Record.of("while paused")));
            inbox.add(consumer.poll(500));
            Check.that(!inbox.texts().contains("while paused"), "a paused queue gave a message");
            consumer.resume(List.of(queue));
            Check.until("both messages", 15, () -> {
                inbox.add(consumer.poll(200));
                return inbox.texts().equals(Set.of("at the gate", "while paused"));
            });
        });
        suite.java("a Java lite pull consumer goes to the front, the end and a time", context -> {
            context.createTopic(1);
            context.send(Samples.numbered(4));
            Thread.sleep(20); // store times that differ
            long between = System.currentTimeMillis();
            Thread.sleep(20);
            context.send(List.of(Record.of("m-4"), Record.of("m-5")));
            DefaultLitePullConsumer consumer = assigned(context);
            MessageQueue queue = consumer.fetchMessageQueues(context.topic).iterator().next();
            Consumers.poll(consumer, 6).expect(Samples.numbered(6));
            Check.equal(4L, consumer.offsetForTimestamp(queue, between), "the offset of the time between");
            consumer.seek(queue, consumer.offsetForTimestamp(queue, between));
            Consumers.poll(consumer, 2).expect(Samples.numbered(6).subList(4, 6));
            consumer.seekToBegin(queue);
            Consumers.poll(consumer, 6).expect(Samples.numbered(6));
            consumer.seekToEnd(queue);
            context.send(List.of(Record.of("new")));
            Consumers.poll(consumer, 1).expect(List.of(Record.of("new")));
        });
        suite.java("a consumer that starts at a time begins there once the group has none", context -> {
            context.createTopic(1);
            context.send(Samples.numbered(3));
            DefaultMQPushConsumer consumer = context.pushConsumer();
            consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_TIMESTAMP);
            consumer.setConsumeTimestamp(new SimpleDateFormat("yyyyMMddHHmmss").format(new Date()));
            // As with the end: the broker says 0 while the topic's front is at hand.
            Inbox.push(consumer, context.topic, "*").expect(Samples.numbered(3));
        });
    }

    private static DefaultLitePullConsumer assigned(Context context) throws Exception {
        DefaultLitePullConsumer consumer = context.litePullConsumer();
        consumer.start();
        consumer.assign(consumer.fetchMessageQueues(context.topic));
        return consumer;
    }

    private static void awaitShares(Context context, List<DefaultMQPushConsumer> members) throws Exception {
        int least = QUEUES / members.size();
        int most = (QUEUES + members.size() - 1) / members.size();
        Check.until("the queues are shared by " + members.size(), 20, () -> {
            int total = 0;
            for (DefaultMQPushConsumer member : members) {
                int queues = Inbox.queues(member, context.topic);
                if (queues < least || queues > most) {
                    return false;
                }
                total += queues;
            }
            return total == QUEUES;
        });
    }

    private static int all(List<Inbox> inboxes) {
        return inboxes.stream().mapToInt(Inbox::size).sum();
    }

    private static void awaitAll(List<Inbox> inboxes, int count) throws Exception {
        Check.until("all " + count + " messages", 20, () -> all(inboxes) >= count);
    }
}
