package interop;

import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.compression.CompressionType;
import org.apache.rocketmq.common.message.Message;

/** What 5.x clients can do and 4.x ones cannot; not compiled with those. */
final class Five {
    private Five() {}

    static void add(Suite suite) {
        Mqadmin.addFive(suite);
        for (CompressionType type : CompressionType.values()) {
            suite.java("a Java body compressed by " + type + " reaches a Java consumer", context -> {
                context.createTopic(1);
                DefaultMQProducer producer = context.producer();
                producer.setCompressType(type);
                Record large = new Record(Samples.large(), List.of("large"), null, Map.of());
                Context.sent(producer.send(large.message(context.topic)));
                Inbox.push(context.pushConsumer(), context.topic, "*").expect(List.of(large));
            });
        }
        delayed(suite, "setDelayTimeMs", message -> message.setDelayTimeMs(2500));
        delayed(suite, "setDelayTimeSec", message -> message.setDelayTimeSec(2));
        delayed(suite, "setDeliverTimeMs", message -> message.setDeliverTimeMs(System.currentTimeMillis() + 2500));
        suite.java("a Java timer message is recalled, and another one comes", context -> {
            context.createTopic(1);
            Inbox inbox = Inbox.push(context.pushConsumer(), context.topic, "*");
            DefaultMQProducer producer = context.producer();
            Message recalled = Record.of("recalled").message(context.topic);
            recalled.setDelayTimeMs(5000);
            Message kept = Record.of("kept").message(context.topic);
            kept.setDelayTimeMs(6500);
            SendResult sent = Context.sent(producer.send(recalled));
            Context.sent(producer.send(kept));
            Check.equal(sent.getMsgId(), producer.recallMessage(context.topic, sent.getRecallHandle()), "what was recalled");
            inbox.await(1);
            Check.equal("kept", Record.of(inbox.messages().get(0)).text(), "the first message");
        });
        suite.java("a Java group that is reset to a time while it runs gets what came since again", Members::resetWhileRunning);
        suite.java("a recall without a handle of the broker's is refused", context -> {
            context.createTopic(1);
            try {
                context.producer().recallMessage(context.topic, "nonsense");
            } catch (Exception e) {
                return; // the client sees by itself that it is none
            }
            throw new Check.Failure("it was not refused");
        });
        suite.java("the attributes of a topic are kept, and a wrong one is refused", context -> {
            TopicConfig config = new TopicConfig(context.topic, 2, 2, 6);
            config.setAttributes(Map.of("+message.type", "FIFO"));
            context.server.admin.createAndUpdateTopicConfig(context.server.broker, config);
            TopicConfig kept = context.server.admin.examineTopicConfig(context.server.broker, context.topic);
            Check.equal("FIFO", String.valueOf(kept.getAttributes().get("message.type")), "the message type");
            config.setAttributes(Map.of("+no.such", "attribute"));
            try {
                context.server.admin.createAndUpdateTopicConfig(context.server.broker, config);
            } catch (MQClientException e) {
                Check.contains(e.toString(), "no.such");
                return;
            }
            throw new Check.Failure("a wrong attribute was not refused");
        });
        suite.java("clients of a second-generation namespace send and receive", context -> {
            context.createTopic(1);
            DefaultMQProducer producer = new DefaultMQProducer("P_" + context.group);
            producer.setNamespaceV2("space");
            producer.setNamesrvAddr(context.server.namesrv);
            producer.setInstanceName("namespace2-" + context.group);
            context.onClose(producer::shutdown);
            producer.start();
            var consumer = context.pushConsumer();
            consumer.setNamespaceV2("space");
            Inbox inbox = Inbox.push(consumer, context.topic, "*");
            Context.sent(producer.send(Record.of("inside").message(context.topic)));
            inbox.expect(List.of(Record.of("inside")));
        });
    }

    private interface Delay {
        void set(Message message);
    }

    private static void delayed(Suite suite, String name, Delay delay) {
        suite.java("a Java message with " + name + " comes at its time", context -> {
            context.createTopic(1);
            Inbox inbox = Inbox.push(context.pushConsumer(), context.topic, "*");
            Message message = Record.of("late").message(context.topic);
            long from = System.currentTimeMillis();
            delay.set(message);
            Context.sent(context.producer().send(message));
            inbox.await(1);
            long took = inbox.messages().get(0).getStoreTimestamp() - from;
            // RocketMQ goes by whole seconds.
            Check.that(took >= 1000 && took <= 10_000, "it was stored after " + took + " ms");
        });
    }
}
