package interop;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.common.message.MessageExt;

/** What a Java consumer has received. */
final class Inbox {
    private static final int WAIT_S = 20;

    private final List<MessageExt> received = Collections.synchronizedList(new ArrayList<>());

    /** Starts a push consumer that puts all it gets into a new inbox. */
    static Inbox push(DefaultMQPushConsumer consumer, String topic, String expression) throws Exception {
        Inbox inbox = new Inbox();
        consumer.subscribe(topic, expression);
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            inbox.received.addAll(messages);
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        start(consumer, topic);
        return inbox;
    }

    /**
     * Starts a consumer and sees to it that it has queues. The 5.3.3 client at times loses its first
     * heartbeat or request for a route to a lock of its own, and then tries again only after 20 to 30 s.
     */
    static void start(DefaultMQPushConsumer consumer, String topic) throws Exception {
        consumer.start();
        var client = consumer.getDefaultMQPushConsumerImpl().getmQClientFactory();
        Check.until("a consumer has queues of " + topic, 15, () -> {
            if (queues(consumer, topic) > 0) {
                return true;
            }
            Thread.sleep(200);
            client.updateTopicRouteInfoFromNameServer(topic);
            client.sendHeartbeatToAllBrokerWithLock();
            client.rebalanceImmediately();
            return false;
        });
    }

    /** How many queues of the topic the consumer reads. */
    static int queues(DefaultMQPushConsumer consumer, String topic) {
        int queues = 0;
        for (var queue : consumer.getDefaultMQPushConsumerImpl().getRebalanceImpl().getProcessQueueTable().keySet()) {
            if (queue.getTopic().equals(topic)) { // the retry topic has a queue too
                queues++;
            }
        }
        return queues;
    }

    /** A lite pull consumer's inbox, polled until `count` messages are in. */
    static Inbox litePull(DefaultLitePullConsumer consumer, String topic, int count) throws Exception {
        Inbox inbox = new Inbox();
        consumer.subscribe(topic, "*");
        consumer.start();
        Check.until("a lite pull consumer has " + count + " messages", WAIT_S, () -> {
            inbox.received.addAll(consumer.poll(200));
            return inbox.size() >= count;
        });
        return inbox;
    }

    void add(Collection<MessageExt> messages) {
        received.addAll(messages);
    }

    int size() {
        return received.size();
    }

    List<MessageExt> messages() {
        synchronized (received) {
            return new ArrayList<>(received);
        }
    }

    Set<String> texts() {
        Set<String> texts = new HashSet<>();
        messages().forEach(message -> texts.add(Record.of(message).text()));
        return texts;
    }

    void await(int count) throws InterruptedException {
        try {
            Check.until("", WAIT_S, () -> size() >= count);
        } catch (Check.Failure e) {
            throw new Check.Failure("a consumer got " + size() + " of " + count + " messages in " + WAIT_S + " s");
        }
    }

    /** Waits for as many as expected, and then wants exactly these. */
    void expect(List<Record> expected) throws InterruptedException {
        await(expected.size());
        Check.same(expected, Record.of(messages()));
    }
}
