package interop;

import java.lang.reflect.Method;
import java.util.HashMap;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.TopicConfig;

/** How topics come to be. */
final class Topics {
    private Topics() {}

    static void add(Suite suite) {
        suite.java("a Java send to an unknown topic creates it with 4 queues", context -> {
            context.send(Samples.text());
            Check.equal(4, context.server.readQueues(context.topic), "the number of queues");
            Inbox.push(context.pushConsumer(), context.topic, "*").expect(Samples.text());
        });
        suite.tools("mqadmin topicRoute sees a topic that the Java admin client created", context -> {
            TopicConfig config = new TopicConfig(context.topic, 6, 5, 6);
            context.server.admin.createAndUpdateTopicConfig(context.server.broker, config);
            expectRoute(context, 6, 5);
        });
        suite.tools("mqadmin topicRoute sees a topic that a Java producer created", context -> {
            createBy(context.producer(), context.topic, 3);
            expectRoute(context, 3, 3);
        });
        suite.java("Java's createTopic of producer and admin client gives a route", context -> {
            createBy(context.producer(), context.topic, 3);
            Check.until("a route", 5, () -> context.server.readQueues(context.topic) == 3);
            context.createTopic(6);
        });
    }

    private static void expectRoute(Context context, int readQueues, int writeQueues) throws Exception {
        String[] route = {""};
        Check.until("mqadmin topicRoute finds it", 5, () -> {
            Program mqadmin = context.start("", "mqadmin", "topicRoute", "-t", context.topic, "--out", "jsonl");
            route[0] = mqadmin.output();
            return true;
        });
        Check.contains(route[0], "\"readQueueNums\":" + readQueues);
        Check.contains(route[0], "\"writeQueueNums\":" + writeQueues);
        Check.contains(route[0], context.server.broker);
    }

    /** By reflection, because 5.x added a parameter: createTopic(key, topic, queues[, attributes]). */
    private static void createBy(DefaultMQProducer producer, String topic, int queues) throws Exception {
        for (Method method : DefaultMQProducer.class.getMethods()) {
            Class<?>[] types = method.getParameterTypes();
            if (!method.getName().equals("createTopic")) {
                continue;
            }
            if (types.length == 3) {
                method.invoke(producer, "TBW102", topic, queues);
                return;
            }
            if (types.length == 4 && types[3] == java.util.Map.class) {
                method.invoke(producer, "TBW102", topic, queues, new HashMap<String, String>());
                return;
            }
        }
        throw new Check.Failure("this client's producer has no createTopic");
    }
}
