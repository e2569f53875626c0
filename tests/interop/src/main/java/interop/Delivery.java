package interop;

import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.selector.SelectMessageQueueByHash;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageAccessor;
import org.apache.rocketmq.common.message.MessageExt;

/** Delivery that is more than "once, soon, to one": retries, delays, order. */
final class Delivery {
    private Delivery() {}

    static void add(Suite suite) {
        suite.java("a message that a Java consumer fails comes again", Delivery::retry);
        suite.java("a Java message with delay level 1 comes after a second", context -> {
            delayed(context, 500, message -> message.setDelayTimeLevel(1));
        });
        suite.java("a Java message with a delivery time comes at that time", context -> {
            // 4.x has no method for it, 5.x sets this property. RocketMQ goes by whole seconds.
            delayed(context, 1000, message -> MessageAccessor.putProperty(
                    message, "TIMER_DELIVER_MS", Long.toString(System.currentTimeMillis() + 2500)));
        });
        suite.java("a Java orderly consumer gets each shard in order", Delivery::orderly);
        suite.java("a message that a Java consumer fails for good becomes a dead letter", context -> deadLetter(context, 1));
        suite.java("a message that a Java consumer gives up at once becomes a dead letter", context -> deadLetter(context, -1));
        suite.java("a Java orderly consumer that suspends a queue gets its messages again, in order", Delivery::suspended);
        suite.java("every Java broadcast consumer gets everything", Delivery::broadcast);
    }

    /**
     * A consumer asks for its retry topic's route at its start and then every 30 s, and its first
     * heartbeat makes that topic: so one makes it for the next.
     */
    private static void makeRetryTopic(Context context) throws Exception {
        DefaultMQPushConsumer first = context.pushConsumer();
        Inbox.push(first, context.topic, "*");
        Check.until("the retry topic", 10, () -> context.server.readQueues("%RETRY%" + context.group) == 1);
        first.shutdown();
    }

    /** `level`: of the one repetition; below 0 there is none. */
    private static void deadLetter(Context context, int level) throws Exception {
        context.createTopic(1);
        makeRetryTopic(context);
        List<Integer> deliveries = Collections.synchronizedList(new ArrayList<>());
        DefaultMQPushConsumer consumer = context.pushConsumer();
        consumer.setMaxReconsumeTimes(1);
        consumer.subscribe(context.topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, state) -> {
            deliveries.add(messages.get(0).getReconsumeTimes());
            state.setDelayLevelWhenNextConsume(level);
            return ConsumeConcurrentlyStatus.RECONSUME_LATER;
        });
        Inbox.start(consumer, context.topic);
        String id = Context.sent(context.producer().send(Record.of("dies").message(context.topic))).getOffsetMsgId();
        String dead = "%DLQ%" + context.group;
        Check.until("the dead letter", 20, () -> context.server.stored(dead) == 1);
        Check.equal(level < 0 ? List.of(0) : List.of(0, 1), List.copyOf(deliveries), "the deliveries");
        var puller = context.pullConsumer();
        var queue = puller.fetchSubscribeMessageQueues(dead).iterator().next();
        MessageExt letter = puller.pull(queue, "*", 0, 1).getMsgFoundList().get(0);
        Check.equal("dies", Record.of(letter).text(), "the dead letter");
        Check.equal(context.topic, String.valueOf(letter.getProperty("RETRY_TOPIC")), "where it came from");
        Check.equal(id, String.valueOf(letter.getProperty("ORIGIN_MESSAGE_ID")), "which it was");
    }

    private static void suspended(Context context) throws Exception {
        context.createTopic(1);
        List<String> got = Collections.synchronizedList(new ArrayList<>());
        DefaultMQPushConsumer consumer = context.pushConsumer();
        consumer.setConsumeMessageBatchMaxSize(1);
        consumer.setSuspendCurrentQueueTimeMillis(200);
        consumer.subscribe(context.topic, "*");
        consumer.registerMessageListener((MessageListenerOrderly) (messages, state) -> {
            MessageExt message = messages.get(0);
            got.add(Record.of(message).text() + "/" + message.getReconsumeTimes());
            return Record.of(message).text().equals("m-1") && message.getReconsumeTimes() < 2
                    ? ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT
                    : ConsumeOrderlyStatus.SUCCESS;
        });
        Inbox.start(consumer, context.topic);
        context.send(Samples.numbered(4));
        Check.until("the last message", 20, () -> got.contains("m-3/0"));
        Check.equal(List.of("m-0/0", "m-1/0", "m-1/1", "m-1/2", "m-2/0", "m-3/0"), List.copyOf(got), "the deliveries");
    }

    private static void retry(Context context) throws Exception {
        context.createTopic(1);
        Map<String, Integer> seen = new ConcurrentHashMap<>();
        makeRetryTopic(context);
        DefaultMQPushConsumer consumer = context.pushConsumer();
        consumer.setConsumeMessageBatchMaxSize(1);
        consumer.subscribe(context.topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, state) -> {
            MessageExt message = messages.get(0);
            seen.put(Record.of(message) + " " + message.getTopic() + " again=" + message.getReconsumeTimes(), 1);
            state.setDelayLevelWhenNextConsume(1);
            return message.getReconsumeTimes() == 0
                    ? ConsumeConcurrentlyStatus.RECONSUME_LATER
                    : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        Inbox.start(consumer, context.topic);
        Record record = new Record(Samples.allBytes(), List.of("k"), "Tag", Map.of("a", "b"));
        context.send(List.of(record));
        Check.until("the second delivery", 15, () -> seen.size() >= 2);
        for (int again = 0; again < 2; again++) {
            String times = "again=" + again;
            Check.that(seen.keySet().stream().anyMatch(s -> s.endsWith(context.topic + " " + times)), times + " is missing");
        }
    }

    private static void delayed(Context context, int leastMs, Consumer<Message> delay) throws Exception {
        context.createTopic(1);
        Inbox inbox = Inbox.push(context.pushConsumer(), context.topic, "*");
        DefaultMQProducer producer = context.producer();
        Message message = Record.of("late").message(context.topic);
        long from = System.currentTimeMillis();
        delay.accept(message);
        Context.sent(producer.send(message));
        inbox.await(1);
        long took = System.currentTimeMillis() - from;
        // The upper limit is wide because the first send of the 5.3.3 client may itself take 3 s.
        Check.that(took >= leastMs && took <= 10_000, "it came after " + took + " ms");
        // The bodies only: 4.x does not know the reserved names of the 5.x timer.
        Check.equal(Record.of(message).text(), Record.of(inbox.messages().get(0)).text(), "the message");
    }

    private static void orderly(Context context) throws Exception {
        context.createTopic(4);
        Map<String, List<Integer>> got = new ConcurrentHashMap<>();
        DefaultMQPushConsumer consumer = context.pushConsumer();
        consumer.subscribe(context.topic, "*");
        consumer.registerMessageListener((MessageListenerOrderly) (messages, state) -> {
            for (MessageExt message : messages) {
                String[] parts = Record.of(message).text().split("-");
                got.computeIfAbsent(parts[0], shard -> Collections.synchronizedList(new ArrayList<>()))
                        .add(Integer.valueOf(parts[1]));
            }
            return ConsumeOrderlyStatus.SUCCESS;
        });
        Inbox.start(consumer, context.topic);
        DefaultMQProducer producer = context.producer();
        List<Integer> expected = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            expected.add(i);
            for (String shard : List.of("a", "b", "c")) {
                Context.sent(producer.send(
                        Record.of(shard + "-" + i).message(context.topic), new SelectMessageQueueByHash(), shard));
            }
        }
        Check.until("all 60 messages", 30, () -> got.values().stream().mapToInt(List::size).sum() >= 60);
        for (String shard : List.of("a", "b", "c")) {
            Check.equal(expected, got.get(shard), "shard " + shard);
        }
    }

    private static void broadcast(Context context) throws Exception {
        context.createTopic(4);
        List<Inbox> inboxes = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            DefaultMQPushConsumer consumer = context.pushConsumer();
            for (Method method : DefaultMQPushConsumer.class.getMethods()) {
                if (method.getName().equals("setMessageModel")) { // its type changed package in 5.x
                    Object[] models = method.getParameterTypes()[0].getEnumConstants();
                    method.invoke(consumer, models[0].toString().equals("BROADCASTING") ? models[0] : models[1]);
                }
            }
            inboxes.add(Inbox.push(consumer, context.topic, "*"));
        }
        // A broadcast consumer without an offset file starts at the end unless told otherwise.
        context.send(Samples.numbered(20));
        for (Inbox inbox : inboxes) {
            inbox.expect(Samples.numbered(20));
        }
    }
}
