package interop;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.MessageSelector;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.common.message.MessageExt;

/** SQL92 selectors, and what they make of properties that are not there. */
final class Filters {
    private Filters() {}

    static void add(Suite suite) {
        // What has no property is NULL, and NULL is neither true nor false.
        sql(suite, "compares numbers, and passes over what has none", "a > 5", "a7");
        sql(suite, "passes over what has none under NOT, too", "NOT (a > 5)", "a3");
        sql(suite, "finds what has none by IS NULL", "a IS NULL", "b-red", "plain");
        sql(suite, "finds what has one by IS NOT NULL", "a IS NOT NULL", "a3", "a7", "a-text");
        sql(suite, "lets OR go past a NULL", "a > 5 OR b = 'red'", "a7", "b-red");
        sql(suite, "stops AND at a NULL", "a > 1 AND b IS NULL", "a3", "a7");
        sql(suite, "knows BETWEEN and IN", "a BETWEEN 1 AND 4 OR b IN ('red', 'green')", "a3", "b-red");
        sql(suite, "sees the tag as TAGS", "TAGS = 'special'", "plain");
        suite.java("a broken SQL92 selector fails the start of a Java consumer", context -> {
            context.createTopic(1);
            DefaultMQPushConsumer consumer = context.pushConsumer();
            consumer.subscribe(context.topic, MessageSelector.bySql("a >"));
            consumer.registerMessageListener((MessageListenerConcurrently)
                    (messages, state) -> ConsumeConcurrentlyStatus.CONSUME_SUCCESS);
            try {
                consumer.start();
            } catch (MQClientException e) {
                Check.equal(23, e.getResponseCode(), "the code of the refusal");
                return;
            }
            throw new Check.Failure("it started");
        });
    }

    private static void sql(Suite suite, String name, String expression, String... expected) {
        suite.java("SQL92 " + name + ": " + expression, context -> {
            context.createTopic(1);
            Set<String> got = new java.util.concurrent.ConcurrentSkipListSet<>();
            DefaultMQPushConsumer consumer = context.pushConsumer();
            consumer.subscribe(context.topic, MessageSelector.bySql("(" + expression + ") OR last = 'yes'"));
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, state) -> {
                for (MessageExt message : messages) {
                    got.add(Record.of(message).text());
                }
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
            Inbox.start(consumer, context.topic);
            context.send(List.of(
                    new Record(Samples.utf8("a3"), List.of(), null, Map.of("a", "3")),
                    new Record(Samples.utf8("a7"), List.of(), null, Map.of("a", "7")),
                    new Record(Samples.utf8("a-text"), List.of(), null, Map.of("a", "text")),
                    new Record(Samples.utf8("b-red"), List.of(), null, Map.of("b", "red")),
                    new Record(Samples.utf8("plain"), List.of(), "special", Map.of()),
                    // Every selector lets this one through: behind it nothing more will come.
                    new Record(Samples.utf8("last"), List.of(), null, Map.of("last", "yes"))));
            Set<String> wanted = new TreeSet<>(List.of(expected));
            wanted.add("last");
            Check.until("the last message", 15, () -> got.contains("last") && got.size() >= wanted.size());
            Check.equal(wanted, new TreeSet<>(got), "what came");
        });
    }
}
