package interop;

import java.util.List;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;

/** What administrators ask of a group's members, by way of the broker. */
final class Members {
    private Members() {}

    static void add(Suite suite) {
        suite.java("a Java group that is reset to a time while nobody is there begins at that time", context -> {
            context.createTopic(2);
            context.send(Samples.numbered(10));
            DefaultMQPushConsumer first = context.pushConsumer();
            Inbox.push(first, context.topic, "*").await(10);
            context.awaitCommitted(List.of(first));
            first.shutdown();
            var stats = context.server.admin.resetOffsetByTimestampOld(context.group, context.topic, 0, true);
            Check.equal(2, stats.size(), "the number of queues that were reset");
            Inbox.push(context.pushConsumer(), context.topic, "*").expect(Samples.numbered(10));
        });
        suite.java("a Java consumer's running information comes to who asks for it", context -> {
            context.createTopic(2);
            DefaultMQPushConsumer consumer = context.pushConsumer();
            Inbox.push(consumer, context.topic, "*");
            String id = consumer.getDefaultMQPushConsumerImpl().getmQClientFactory().getClientId();
            Check.until("the broker knows it", 10, () -> context.server.members(context.group) == 1);
            var info = context.server.admin.getConsumerRunningInfo(context.group, id, false);
            Check.that(info.getSubscriptionSet().stream().anyMatch(one -> one.getTopic().equals(context.topic)),
                    "the topic is not among its subscriptions");
            Check.equal(2L, info.getMqTable().keySet().stream()
                    .filter(queue -> queue.getTopic().equals(context.topic)).count(), "the number of its queues");
        });
    }

    /** Not of 4.9.8: with RocketMQ 5.3.3 its members do not follow within 40 s. */
    static void resetWhileRunning(Context context) throws Exception {
        context.createTopic(2);
        context.send(Samples.numbered(10));
        DefaultMQPushConsumer consumer = context.pushConsumer();
        Inbox inbox = Inbox.push(consumer, context.topic, "*");
        inbox.await(10);
        context.awaitCommitted(List.of(consumer));
        var offsets = context.server.admin.resetOffsetByTimestamp(context.topic, context.group, 0, true);
        Check.equal(2, offsets.size(), "the number of queues that were reset");
        // The client itself waits for ten seconds in between.
        Check.until("all ten again", 40, () -> inbox.size() >= 20);
        Check.equal(10, inbox.texts().size(), "the number of different messages");
    }
}
