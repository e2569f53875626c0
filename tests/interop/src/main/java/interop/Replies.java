package interop;

import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.RequestCallback;
import org.apache.rocketmq.client.producer.selector.SelectMessageQueueByHash;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** Requests that wait for a reply, asked and answered by Java and by the tools. */
final class Replies {
    private static final int TIMEOUT_MS = 15_000;
    private static final int QUESTIONS = 20;

    private Replies() {}

    private interface Asker {
        String ask(Context context, DefaultMQProducer producer, String text) throws Exception;
    }

    static void add(Suite suite) {
        both(suite, "asynchronous request", Replies::askAsync);
        both(suite, "asynchronous request to a chosen queue", Replies::askChosen);
        both(suite, "synchronous request", Replies::askSync);
        suite.java("a Java synchronous request that nobody answers ends when its time is over", context -> {
            oldClientOnly(context);
            context.createTopic(1);
            DefaultMQProducer producer = context.producer();
            long from = System.nanoTime();
            try {
                producer.request(Record.of("anybody?").message(context.topic), 2000);
            } catch (Exception e) {
                Check.contains(e.toString(), "wait reply message timeout");
                long took = (System.nanoTime() - from) / 1_000_000;
                Check.that(took >= 1900 && took <= 5000, "it took " + took + " ms");
                return;
            }
            throw new Check.Failure("it was answered");
        });
        suite.tools("mqsend --request gets a Java consumer's replies, in its own order", context -> {
            context.createTopic(4);
            replier(context);
            List<String> questions = Samples.numbered(QUESTIONS).stream().map(Record::text).collect(Collectors.toList());
            String answers = context.mqsend(String.join("\n", questions) + "\n", "-t", context.topic, "--request", "--timeout", "20s");
            Check.equal(lines(questions, text -> "re: " + text), answers, "the answers");
        });
    }

    private static void both(Suite suite, String kind, Asker asker) {
        boolean sync = kind.startsWith("synchronous");
        suite.java("a Java " + kind + " gets a Java consumer's reply", context -> {
            if (sync) {
                oldClientOnly(context);
            }
            context.createTopic(2);
            replier(context);
            askAll(context, asker);
        });
        suite.tools("a Java " + kind + " gets the reply of mqpull --reply", context -> {
            if (sync) {
                oldClientOnly(context);
            }
            context.createTopic(2);
            // The shell takes away the newline behind each message.
            context.start("", "mqpull", "-t", context.topic, "-g", context.group, "--reply", "--exec",
                    "printf 're: %s' \"$(cat)\"");
            Check.until("mqpull is there", 15, () -> context.server.members(context.group) == 1);
            askAll(context, asker);
        });
    }

    /**
     * The synchronous forms of 5.x give up as soon as the request is stored (apache/rocketmq issue 9319), which
     * no broker can help.
     */
    private static void oldClientOnly(Context context) {
        if (context.server.client.startsWith("5.")) {
            throw new Check.Skipped("the client gives up as soon as the request is stored");
        }
    }

    private static void askAll(Context context, Asker asker) throws Exception {
        DefaultMQProducer producer = context.producer();
        for (String text : List.of("ping", "Grüße, 世界 🚀", "x".repeat(10_000))) { // the last one compressed
            Check.equal("re: " + text, asker.ask(context, producer, text), "the reply");
        }
    }

    private static String askSync(Context context, DefaultMQProducer producer, String text) throws Exception {
        return Record.of(producer.request(Record.of(text).message(context.topic), TIMEOUT_MS)).text();
    }

    private static String askAsync(Context context, DefaultMQProducer producer, String text) throws Exception {
        Answers answers = new Answers();
        producer.request(Record.of(text).message(context.topic), answers, TIMEOUT_MS);
        return answers.first();
    }

    private static String askChosen(Context context, DefaultMQProducer producer, String text) throws Exception {
        Answers answers = new Answers();
        producer.request(Record.of(text).message(context.topic), new SelectMessageQueueByHash(), text, answers, TIMEOUT_MS);
        return answers.first();
    }

    private static String lines(List<String> of, Function<String, String> each) {
        return of.stream().map(each).map(line -> line + "\n").collect(Collectors.joining());
    }

    private static final class Answers implements RequestCallback {
        private final BlockingQueue<Object> came = new LinkedBlockingQueue<>();

        @Override
        public void onSuccess(Message reply) {
            if (reply != null) { // 5.x calls it once without a reply, when the request has been stored
                came.add(reply);
            }
        }

        @Override
        public void onException(Throwable e) {
            came.add(e);
        }

        String first() throws InterruptedException {
            Object answer = came.poll(TIMEOUT_MS + 5000, TimeUnit.MILLISECONDS);
            Check.that(answer instanceof Message, "the answer is " + answer);
            return Record.of((Message) answer).text();
        }
    }

    private static void replier(Context context) throws Exception {
        DefaultMQProducer producer = context.producer();
        DefaultMQPushConsumer consumer = context.pushConsumer();
        consumer.subscribe(context.topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, state) -> {
            try {
                for (MessageExt message : messages) {
                    producer.send(MessageUtil.createReplyMessage(message, Samples.utf8("re: " + Record.of(message).text())));
                }
            } catch (Exception e) {
                return ConsumeConcurrentlyStatus.RECONSUME_LATER;
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        Inbox.start(consumer, context.topic);
    }
}
