package interop;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListSet;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.MessageSelector;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/**
 * Clients over the death of their server, which is killed with -9 and started again at the same port
 * with the same store. Nobody tells the clients, and nothing is done for them.
 */
final class Restarts {
    private static final int QUEUES = 4;
    private static final int PART = 400; // messages before the kill, and behind the start
    // The client may have lost a heartbeat to a lock of its own (see Inbox.start), and tries again after 30 s.
    private static final int RECOVERY_S = 90;

    private Restarts() {}

    static void add(Suite suite) {
        suite.restarts("a Java consumer gets all that was acknowledged over a restart after kill -9",
                context -> concurrent(context, context.server::killAndStart));
        // The keys are set so that clients are sent away (GO_AWAY) before.
        suite.restarts("a Java consumer gets all that was acknowledged over a stop in order and a restart",
                context -> concurrent(context, context.server::stopAndStart));
        suite.restarts("a Java orderly consumer keeps the order of each queue over a restart after kill -9", context -> {
            Tape tape = new Tape();
            DefaultMQPushConsumer consumer = context.pushConsumer();
            consumer.registerMessageListener((MessageListenerOrderly) (messages, state) -> {
                tape.add(messages);
                return ConsumeOrderlyStatus.SUCCESS;
            });
            stream(context, consumer, tape, context.server::killAndStart);
            tape.checkOrder();
        });
        suite.restarts("a Java consumer with a SQL92 selector gets what it wants over a restart after kill -9", context -> {
            context.createTopic(1);
            Set<String> got = new ConcurrentSkipListSet<>();
            selecting(context, got);
            DefaultMQProducer producer = context.producer();
            sendWantedAndOther(context, producer, "before");
            Check.until("what came before", RECOVERY_S, () -> got.contains("before-wanted"));
            context.server.killAndStart();
            sendWantedAndOther(context, producer, "behind");
            Check.until("what came behind", RECOVERY_S, () -> got.contains("behind-wanted"));
            Check.equal(Set.of("before-wanted", "behind-wanted"), got, "what came");
        });
        suite.restarts("a Java group with a SQL92 selector gets what was sent while it and the broker were away", context -> {
            context.createTopic(1);
            Set<String> first = new ConcurrentSkipListSet<>();
            DefaultMQPushConsumer consumer = selecting(context, first);
            DefaultMQProducer producer = context.producer();
            sendWantedAndOther(context, producer, "before");
            Check.until("what came before", RECOVERY_S, () -> first.contains("before-wanted"));
            context.awaitCommitted(List.of(consumer));
            consumer.shutdown();
            sendWantedAndOther(context, producer, "away");
            context.server.stopAndStart();
            sendWantedAndOther(context, producer, "behind");
            Set<String> second = new ConcurrentSkipListSet<>();
            selecting(context, second);
            Check.until("what came meanwhile", RECOVERY_S, () -> second.contains("behind-wanted"));
            Check.equal(Set.of("away-wanted", "behind-wanted"), second, "what came");
        });
    }

    private static DefaultMQPushConsumer selecting(Context context, Set<String> into) throws Exception {
        DefaultMQPushConsumer consumer = context.pushConsumer();
        consumer.subscribe(context.topic, MessageSelector.bySql("wanted = 'yes'"));
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, state) -> {
            messages.forEach(message -> into.add(Record.of(message).text()));
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        Inbox.start(consumer, context.topic);
        return consumer;
    }

    /** The wanted one last: behind it nothing more will come. */
    private static void sendWantedAndOther(Context context, DefaultMQProducer producer, String when) throws Exception {
        for (String wanted : List.of("no", "yes")) {
            String text = when + (wanted.equals("yes") ? "-wanted" : "-other");
            Record record = new Record(Samples.utf8(text), List.of(), null, Map.of("wanted", wanted));
            sendAtLast(producer, record.message(context.topic), null);
        }
    }

    /** Until it is acknowledged, in the given queue or any. */
    private static void sendAtLast(DefaultMQProducer producer, Message message, MessageQueue queue) throws Exception {
        Check.until("a send succeeds", RECOVERY_S, () -> {
            Context.sent(queue == null ? producer.send(message) : producer.send(message, queue));
            return true;
        });
    }

    private interface Restart {
        void run() throws Exception;
    }

    private static void concurrent(Context context, Restart restart) throws Exception {
        Tape tape = new Tape();
        DefaultMQPushConsumer consumer = context.pushConsumer();
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, state) -> {
            tape.add(messages);
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        stream(context, consumer, tape, restart);
    }

    private static void stream(Context context, DefaultMQPushConsumer consumer, Tape tape, Restart restart)
            throws Exception {
        context.createTopic(QUEUES);
        consumer.subscribe(context.topic, "*");
        Inbox.start(consumer, context.topic);
        DefaultMQProducer producer = context.producer();
        Sender sender = new Sender(context, producer);
        sender.start();
        context.onClose(sender);
        Check.until("the stream flows", 20, () -> tape.size() >= PART);
        restart.run();
        long acknowledged = sender.acknowledged;
        Check.until("sends succeed again", RECOVERY_S, () -> sender.acknowledged >= acknowledged + PART);
        sender.close();
        Check.until("all that was acknowledged", RECOVERY_S, () -> tape.numbers().size() >= sender.acknowledged);
        tape.checkOnce();
        context.awaitCommitted(List.of(consumer));
    }

    /** Sends 0, 1, 2 ... each until it is acknowledged, over the queues in turn. */
    private static final class Sender extends Thread implements AutoCloseable {
        private final Context context;
        private final DefaultMQProducer producer;
        private volatile boolean ends = false;
        volatile long acknowledged = 0; // all below this
        private volatile Exception failed;

        Sender(Context context, DefaultMQProducer producer) {
            this.context = context;
            this.producer = producer;
        }

        @Override
        public void run() {
            try {
                List<MessageQueue> queues = producer.fetchPublishMessageQueues(context.topic);
                while (!ends) {
                    long number = acknowledged;
                    Message message = Record.of(Long.toString(number)).message(context.topic);
                    sendAtLast(producer, message, queues.get((int) (number % QUEUES)));
                    acknowledged = number + 1;
                    Thread.sleep(1); // a stream, not a flood
                }
            } catch (Exception e) {
                failed = e;
            }
        }

        @Override
        public void close() throws Exception {
            ends = true;
            join();
            if (failed != null) {
                throw failed;
            }
        }
    }

    /** What a consumer got, in the order in which it came. */
    private static final class Tape {
        private final List<MessageExt> messages = Collections.synchronizedList(new ArrayList<>());

        void add(List<MessageExt> more) {
            messages.addAll(more);
        }

        int size() {
            return messages.size();
        }

        TreeSet<Long> numbers() {
            TreeSet<Long> numbers = new TreeSet<>();
            copy().forEach(message -> numbers.add(number(message)));
            return numbers;
        }

        /** The consumer lived on, so that no place of a queue came twice. */
        void checkOnce() {
            Set<String> places = new TreeSet<>();
            for (MessageExt message : copy()) {
                String place = message.getQueueId() + "/" + message.getQueueOffset();
                Check.that(places.add(place), "queue/offset " + place + " came twice");
            }
        }

        /** A number may come twice: who got no answer sends again. */
        void checkOrder() {
            Map<Integer, MessageExt> last = new TreeMap<>();
            for (MessageExt message : copy()) {
                MessageExt before = last.put(message.getQueueId(), message);
                Check.that(before == null
                                || (before.getQueueOffset() < message.getQueueOffset() && number(before) <= number(message)),
                        "queue " + message.getQueueId() + ": " + number(message) + " came behind "
                                + (before == null ? "" : number(before)));
            }
        }

        private List<MessageExt> copy() {
            synchronized (messages) {
                return new ArrayList<>(messages);
            }
        }

        private static long number(MessageExt message) {
            return Long.parseLong(Record.of(message).text());
        }
    }
}
