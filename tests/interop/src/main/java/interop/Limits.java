package interop;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** What a broker refuses, and what a topic's configuration makes clients do. */
final class Limits {
    private static final int NO_PERMISSION = 16;
    private static final int MESSAGE_ILLEGAL = 13;

    private Limits() {}

    static void add(Suite suite) {
        suite.java("a body of more than 4 MiB is refused", context -> {
            context.createTopic(1);
            DefaultMQProducer producer = context.producer();
            producer.setMaxMessageSize(16 << 20); // its own limit
            producer.setCompressMsgBodyOverHowmuch(32 << 20);
            producer.setRetryTimesWhenSendFailed(0);
            refused(MESSAGE_ILLEGAL, () -> producer.send(new Message(context.topic, new byte[(4 << 20) + 65536]), 10_000));
            Context.sent(producer.send(new Message(context.topic, new byte[(4 << 20) - 65536]), 10_000));
        });
        suite.java("properties of more than 32 KiB are refused", context -> {
            context.createTopic(1);
            DefaultMQProducer producer = context.producer();
            producer.setRetryTimesWhenSendFailed(0);
            Message message = new Message(context.topic, Samples.utf8("x"));
            message.putUserProperty("long", "y".repeat(33_000));
            refused(MESSAGE_ILLEGAL, () -> producer.send(message, 10_000));
        });
        suite.java("a topic that is not writable refuses, one that is not readable gives nothing", context -> {
            context.createTopic(1);
            context.send(List.of(Record.of("before")));
            DefaultMQProducer producer = context.producer();
            List<MessageQueue> queues = producer.fetchPublishMessageQueues(context.topic);
            DefaultMQPullConsumer consumer = context.pullConsumer();
            // Only the route keeps a producer away.
            configure(context, 1, 1, 4);
            refusedByClient(() -> context.producer().send(new Message(context.topic, Samples.utf8("x"))));
            Check.equal(1, consumer.pull(queues.get(0), "*", 0, 32).getMsgFoundList().size(), "the number of messages");
            configure(context, 1, 1, 2);
            Context.sent(producer.send(new Message(context.topic, Samples.utf8("x")), queues.get(0)));
            refused(NO_PERMISSION, () -> consumer.pull(queues.get(0), "*", 0, 32));
        });
        suite.java("a topic that grows is read in all its queues", context -> {
            context.createTopic(2);
            DefaultMQPushConsumer consumer = context.pushConsumer();
            Inbox inbox = Inbox.push(consumer, context.topic, "*");
            configure(context, 6, 6, 6);
            Check.until("the consumer has six queues", 15, () -> {
                var client = consumer.getDefaultMQPushConsumerImpl().getmQClientFactory();
                client.updateTopicRouteInfoFromNameServer(context.topic);
                client.rebalanceImmediately();
                return Inbox.queues(consumer, context.topic) == 6;
            });
            context.send(Samples.numbered(30));
            inbox.expect(Samples.numbered(30));
            Set<Integer> ids = new HashSet<>();
            inbox.messages().forEach(message -> ids.add(message.getQueueId()));
            Check.equal(6, ids.size(), "the number of queues with messages");
        });
        suite.java("a topic whose write queues shrink is still read to its end", context -> {
            context.createTopic(4);
            context.send(Samples.numbered(20));
            configure(context, 4, 1, 6);
            Check.equal(1, context.producer().fetchPublishMessageQueues(context.topic).size(), "the queues to send to");
            List<Record> later = List.of(Record.of("later-1"), Record.of("later-2"));
            context.send(later);
            Inbox inbox = Inbox.push(context.pushConsumer(), context.topic, "*");
            inbox.await(22);
            for (MessageExt message : inbox.messages()) {
                if (Record.of(message).text().startsWith("later")) {
                    Check.equal(0, message.getQueueId(), "the queue of a later one");
                }
            }
        });
        suite.java("the order configuration of a topic is kept by the name server, broker by broker", context -> {
            context.server.admin.createOrUpdateOrderConf(context.topic, "broker-x:2;broker-y:3", true);
            context.server.admin.createOrUpdateOrderConf(context.topic, "broker-y:5", false);
            String kept = context.server.admin.getKVConfig("ORDER_TOPIC_CONFIG", context.topic);
            Check.equal(Set.of("broker-x:2", "broker-y:5"), Set.of(kept.split(";")), "what is kept");
        });
        suite.java("clients of a namespace see their topic, which the broker has under its long name", context -> {
            String space = "NS" + context.topic;
            context.server.createTopic(space + "%" + context.topic, 2);
            DefaultMQProducer producer = new DefaultMQProducer("P_" + context.group);
            producer.setNamespace(space);
            producer.setNamesrvAddr(context.server.namesrv);
            producer.setInstanceName("namespace-" + context.group);
            context.onClose(producer::shutdown);
            producer.start();
            DefaultMQPushConsumer consumer = context.pushConsumer();
            consumer.setNamespace(space);
            Inbox inbox = new Inbox();
            consumer.subscribe(context.topic, "*");
            consumer.registerMessageListener((org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently)
                    (messages, state) -> {
                        inbox.add(messages);
                        return org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
                    });
            Inbox.start(consumer, space + "%" + context.topic);
            Context.sent(producer.send(Record.of("inside").message(context.topic)));
            inbox.await(1);
            Check.equal(context.topic, inbox.messages().get(0).getTopic(), "the topic as the consumer sees it");
            Check.equal(1L, context.server.stored(space + "%" + context.topic), "the messages under the long name");
            Check.until("the group's long name", 10, () -> context.server.members(space + "%" + context.group) == 1);
        });
    }

    private static void configure(Context context, int readQueues, int writeQueues, int perm)
            throws Exception {
        TopicConfig config = new TopicConfig(context.topic, readQueues, writeQueues, perm);
        context.server.admin.createAndUpdateTopicConfig(context.server.broker, config);
        Check.until("the route follows", 10, () -> {
            var data = context.server.admin.examineTopicRouteInfo(context.topic).getQueueDatas().get(0);
            return data.getReadQueueNums() == readQueues && data.getWriteQueueNums() == writeQueues && data.getPerm() == perm;
        });
    }

    private static void refusedByClient(Callable<?> call) throws Exception {
        try {
            call.call();
        } catch (MQClientException e) {
            return;
        }
        throw new Check.Failure("it was not refused");
    }

    private static void refused(int code, Callable<?> call) throws Exception {
        try {
            call.call();
        } catch (MQBrokerException e) {
            Check.equal(code, e.getResponseCode(), "the code of the refusal");
            return;
        } catch (MQClientException e) {
            Check.equal(code, e.getResponseCode(), "the code of the refusal");
            return;
        }
        throw new Check.Failure("it was not refused");
    }
}
