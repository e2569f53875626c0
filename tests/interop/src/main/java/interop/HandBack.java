package interop;

import com.google.gson.JsonObject;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * One store, handed back and forth between mqd-broker and RocketMQ's own broker: what the one left
 * behind the other serves, goes on with, and hands back.
 */
@SuppressWarnings("deprecation") // DefaultMQPullConsumer
final class HandBack {
    private static final String BROKER_NAME = "broker-a"; // as in the configuration of both
    private static final String SCHEDULE = "SCHEDULE_TOPIC_XXXX";
    private static final String GROUP = "Readers";
    private static final int START_S = 90;

    private final String namesrv;
    private final String broker;
    private final String programs;
    private final Control server;
    private final KeptFilters filters;
    private final String dir;
    private final TreeMap<String, Integer> topics = new TreeMap<>();

    private DefaultMQAdminExt admin;
    private DefaultMQPullConsumer consumer;
    private DefaultMQProducer producer;
    private int clients;

    private HandBack(String[] args) {
        namesrv = args[0];
        broker = args[1];
        programs = args[2];
        dir = args[4];
        server = new Control(args[3], dir, namesrv, broker);
        filters = new KeptFilters(namesrv, dir);
    }

    public static void main(String[] args) throws Exception {
        if (args.length != 5) {
            System.err.println("usage: HandBack NAMESRV BROKER PROGRAMS CONTROL DIR");
            System.exit(2);
        }
        boolean passed = false;
        try {
            passed = new HandBack(args).run();
        } finally {
            System.exit(passed ? 0 : 1);
        }
    }

    private Snapshot last;
    private JsonObject pickers; // the filters of two groups as a broker left them
    private JsonObject choosers;

    private boolean run() {
        return step("mqd-broker writes a store of every shape", () -> {
                    start("mqd");
                    makeTopics();
                    write("mqd");
                    writeOnce();
                    last = snapshot();
                    checkShapes(last);
                    filters.use("Pickers", "Plain");
                    control("mqd", "stop");
                    pickers = filters.of("Pickers", "Plain");
                    return true;
                })
                && step("RocketMQ serves every message, offset, key and group of a store that mqd-broker wrote", () -> {
                    start("rocketmq");
                    compare();
                    return true;
                })
                && step("RocketMQ goes on with it and its SQL92 filters, and mqd-broker has all of it back", () -> {
                    goOn("java");
                    filters.use("Choosers", "Plain");
                    control("rocketmq", "stop");
                    Check.equal(pickers, filters.of("Pickers", "Plain"), "the filter that RocketMQ had from mqd-broker");
                    choosers = filters.of("Choosers", "Plain");
                    start("mqd");
                    compare();
                    return true;
                })
                && step("mqd-broker answers by the SQL92 filters that groups of either had", () -> {
                    KeptFilters.checkServed(admin, broker, pickers);
                    KeptFilters.checkServed(admin, broker, choosers);
                    return true;
                })
                && step("RocketMQ serves what mqd-broker left when it was killed", () -> {
                    goOn("killed-mqd");
                    control("mqd", "kill");
                    Check.equal(choosers, filters.of("Choosers", "Plain"), "the filter that mqd-broker had from RocketMQ");
                    start("rocketmq");
                    compare();
                    return true;
                })
                && step("mqd-broker serves what RocketMQ left when it was killed", () -> {
                    goOn("killed-java");
                    control("rocketmq", "kill");
                    start("mqd");
                    compare();
                    goOn("last");
                    control("mqd", "stop");
                    start("mqd");
                    compare();
                    control("mqd", "stop");
                    return true;
                });
    }

    private static boolean step(String name, Callable<Boolean> body) {
        long from = System.nanoTime();
        String reason = null;
        try {
            body.call();
        } catch (Check.Failure e) {
            reason = e.getMessage();
        } catch (Exception e) {
            if (System.getenv("TRACE") != null) {
                e.printStackTrace();
            }
            reason = Check.brief(e.toString());
        }
        System.out.println(reason == null ? "ok - " + name : "not ok - " + name + ": " + Check.brief(reason));
        if (System.getenv("TIMES") != null) {
            System.err.printf("%6d ms  %s%n", (System.nanoTime() - from) / 1_000_000, name);
        }
        return reason == null;
    }

    // ---- the servers

    private void control(String kind, String what) throws Exception {
        closeClients();
        server.run(what, kind);
    }

    private void start(String server) throws Exception {
        control(server, "start");
        String instance = "handback-" + ++clients;
        admin = new DefaultMQAdminExt();
        admin.setNamesrvAddr(namesrv);
        admin.setInstanceName(instance);
        admin.start();
        Check.until("the broker is registered", START_S, () -> !admin.examineBrokerClusterInfo().getBrokerAddrTable().isEmpty());
        consumer = new DefaultMQPullConsumer(GROUP);
        consumer.setNamesrvAddr(namesrv);
        consumer.setInstanceName(instance);
        consumer.start();
        producer = new DefaultMQProducer("Writers");
        producer.setNamesrvAddr(namesrv);
        producer.setInstanceName(instance);
        producer.start();
        if (!topics.isEmpty()) {
            Check.until("a route to every topic", START_S, () -> {
                for (String topic : topics.keySet()) {
                    admin.examineTopicRouteInfo(topic);
                }
                return true;
            });
        }
    }

    private void closeClients() {
        if (producer != null) {
            producer.shutdown();
            consumer.shutdown();
            admin.shutdown();
            producer = null;
        }
    }

    // ---- what is written

    private void makeTopics() throws Exception {
        mqadmin("updateTopic", "-b", broker, "-t", "Plain", "-r", "4", "-w", "4");
        mqadmin("updateTopic", "-b", broker, "-t", "Batches", "-r", "2", "-w", "2");
        mqadmin("updateTopic", "-b", broker, "-t", "Packed", "-r", "1", "-w", "1", "-a", "+queue.type=BatchCQ");
        mqadmin("updateTopic", "-b", broker, "-t", "Later", "-r", "1", "-w", "1");
        mqadmin("updateTopic", "-b", broker, "-t", "Gone", "-r", "1", "-w", "1");
        topics.putAll(Map.of("Plain", 4, "Batches", 2, "Packed", 1, "Later", 1, SCHEDULE, 18));
    }

    /** By every broker: all shapes that go on in queues that are there. Several log files and index files. */
    private void write(String by) throws Exception {
        List<Message> all = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            Message message = new Message("Plain", "Tag" + i % 3, by + "-" + i + " all-" + by, text(by, i, 900 + 10 * i));
            message.setFlag(i);
            message.putUserProperty("größe", "9½ " + by);
            send(message, i % 4);
        }
        send(new Message("Plain", "", "big-" + by, text(by, 1, 20_000)), 1); // compressed
        byte[] noise = new byte[20_000];
        new java.util.Random(by.hashCode()).nextBytes(noise);
        send(new Message("Plain", "", "noise-" + by, noise), 2);
        for (int batch = 0; batch < 6; batch++) {
            sendBatch("Batches", batch % 2, by + "-b" + batch, 10);
            sendBatch("Packed", 0, by + "-p" + batch, 3 + batch);
            send(new Message("Packed", "T", by + "-single" + batch, text(by, batch, 200)), 0);
        }
        for (int level : new int[] {16, 18}) {
            Message late = new Message("Later", "T", by + "-late" + level, text(by, level, 300));
            late.setDelayTimeLevel(level);
            send(late, 0);
        }
    }

    /** What only a new store needs. */
    private void writeOnce() throws Exception {
        Message soon = new Message("Later", "T", "soon", text("mqd", 0, 100));
        soon.setDelayTimeLevel(1);
        send(soon, 0);
        Check.until("a delayed message is delivered", 10, () -> admin.maxOffset(new MessageQueue("Later", BROKER_NAME, 0)) == 1);

        send(new Message("Gone", "", "gone", text("mqd", 0, 100)), 0);
        admin.deleteTopicInBroker(Set.of(broker), "Gone");

        // One message fails and will come again, another has failed too often.
        MessageQueue first = new MessageQueue("Plain", BROKER_NAME, 0);
        PullResult pulled = consumer.pull(first, "*", 0, 2);
        consumer.sendMessageBack(pulled.getMsgFoundList().get(0), 18, BROKER_NAME, GROUP);
        consumer.sendMessageBack(pulled.getMsgFoundList().get(1), -1, BROKER_NAME, GROUP);
        topics.put("%RETRY%" + GROUP, 1);
        topics.put("%DLQ%" + GROUP, 1);
        Check.until("a dead letter", 10, () -> admin.maxOffset(new MessageQueue("%DLQ%" + GROUP, BROKER_NAME, 0)) == 1);

        Map<MessageQueue, Long> committed = new TreeMap<>();
        for (int queue = 0; queue < 4; queue++) {
            committed.put(new MessageQueue("Plain", BROKER_NAME, queue), 3L + queue);
        }
        Check.until("the group's offsets are known", 10, () -> {
            // One-way, and the client may write what it asks next before it: an answer from before then takes the
            // offset's place in the client, so all are set again.
            for (Map.Entry<MessageQueue, Long> of : committed.entrySet()) {
                consumer.updateConsumeOffset(of.getKey(), of.getValue());
            }
            consumer.getDefaultMQPullConsumerImpl().getOffsetStore().persistAll(committed.keySet());
            for (Map.Entry<MessageQueue, Long> of : committed.entrySet()) {
                if (consumer.fetchConsumeOffset(of.getKey(), true) != of.getValue()) {
                    return false;
                }
            }
            return true;
        });
    }

    private static byte[] text(String by, int number, int bytes) {
        return Samples.utf8((by + " " + number + " ünïcode ✓ ").repeat(bytes / 20 + 1));
    }

    private void send(Message message, int queue) throws Exception {
        Context.sent(producer.send(message, new MessageQueue(message.getTopic(), BROKER_NAME, queue)));
    }

    private void sendBatch(String topic, int queue, String key, int messages) throws Exception {
        List<Message> batch = new ArrayList<>();
        for (int i = 0; i < messages; i++) {
            batch.add(new Message(topic, "T" + i % 2, key + "-" + i, text(key, i, 100)));
        }
        MessageQueue to = new MessageQueue(topic, BROKER_NAME, queue);
        long before = admin.maxOffset(to);
        SendResult sent = Context.sent(producer.send(batch, to));
        Check.that(sent.getQueueOffset() >= before, "a batch's offset is " + sent.getQueueOffset() + ", the queue ended at " + before);
    }

    // ---- what is served

    private Snapshot snapshot() throws Exception {
        return Snapshot.of(admin, consumer, BROKER_NAME, topics);
    }

    private void compare() throws Exception {
        snapshot().same(last);
    }

    /** Everything once more; what was there stays as it is. */
    private void goOn(String by) throws Exception {
        write(by);
        Snapshot next = snapshot();
        last.messagesWithin(next);
        Check.equal(last.count("message Plain") + 42, next.count("message Plain"), "messages of Plain");
        Check.equal(last.count("message Batches") + 60, next.count("message Batches"), "messages of Batches");
        Check.equal(last.count("message Packed") + 39, next.count("message Packed"), "messages of Packed");
        Check.equal(last.count("message " + SCHEDULE) + 2, next.count("message " + SCHEDULE), "delayed messages");
        last = next;
    }

    /** That the comparisons compare something. */
    private void checkShapes(Snapshot written) {
        Check.equal(42, written.count("message Plain"), "messages of Plain");
        Check.equal(60, written.count("message Batches"), "messages of Batches");
        Check.equal(39, written.count("message Packed"), "messages of Packed");
        Check.equal(4, written.count("message " + SCHEDULE), "delayed messages"); // one was delivered already
        Check.equal(1, written.count("message Later"), "messages delivered late");
        Check.equal(1, written.count("message %DLQ%"), "dead letters");
        Check.equal("3", written.get("committed Plain 0"), "the group's offset");
        Check.that(written.get("tagged Plain 0").length() > 2, "nothing was found by its tag");
        Check.that(written.count("key ") > 200, "only " + written.count("key ") + " keys");
    }

    private void mqadmin(String command, String... args) throws Exception {
        List<String> line = new ArrayList<>(List.of(programs + "/mqadmin/mqadmin", command, "-n", namesrv));
        line.addAll(List.of(args));
        try (Program program = new Program(java.nio.file.Path.of(dir), line, "")) {
            program.output();
        }
    }
}
