package interop;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;

/** What one case uses: names of its own, and clients and programs that end with it. */
final class Context {
    private static final AtomicInteger COUNTER = new AtomicInteger();
    // Four JVMs run against one server, one after the other.
    private static final String RUN = Long.toString(System.currentTimeMillis() % 100_000_000, 36);

    final Server server;
    final String topic;
    final String group;
    private final Deque<AutoCloseable> open = new ConcurrentLinkedDeque<>();

    Context(Server server) {
        this.server = server;
        String name = RUN + "_" + COUNTER.incrementAndGet();
        topic = "T_" + name;
        group = "G_" + name;
    }

    void createTopic(int queues) throws Exception {
        server.createTopic(topic, queues);
    }

    DefaultMQProducer producer() throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer("P_" + group);
        producer.setNamesrvAddr(server.namesrv);
        producer.setInstanceName(instance());
        // The first send of a 5.3.3 client may wait 3 s for a lock of its own.
        producer.setSendMsgTimeout(10_000);
        onClose(producer::shutdown);
        producer.start();
        return producer;
    }

    void send(List<Record> records) throws Exception {
        DefaultMQProducer producer = producer();
        for (Record record : records) {
            sent(producer.send(record.message(topic)));
        }
    }

    static SendResult sent(SendResult result) {
        Check.equal(SendStatus.SEND_OK, result.getSendStatus(), "the send status");
        return result;
    }

    /** Not started: the case subscribes and sets its listener first. */
    DefaultMQPushConsumer pushConsumer() {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group);
        consumer.setNamesrvAddr(server.namesrv);
        consumer.setInstanceName(instance());
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        onClose(consumer::shutdown);
        return consumer;
    }

    DefaultLitePullConsumer litePullConsumer() {
        DefaultLitePullConsumer consumer = new DefaultLitePullConsumer(group);
        consumer.setNamesrvAddr(server.namesrv);
        consumer.setInstanceName(instance());
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        onClose(consumer::shutdown);
        return consumer;
    }

    @SuppressWarnings("deprecation") // deprecated for years, and still what many programs use
    DefaultMQPullConsumer pullConsumer() throws Exception {
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer(group);
        consumer.setNamesrvAddr(server.namesrv);
        consumer.setInstanceName(instance());
        onClose(consumer::shutdown);
        consumer.start();
        return consumer;
    }

    /** Until the group has committed the end of the topic. The members commit by themselves only 10 s
     * after their start, so they are told to. */
    void awaitCommitted(Collection<DefaultMQPushConsumer> members) throws Exception {
        Check.until("the group's offsets reach the end of the topic", 15, () -> {
            members.forEach(member -> member.getDefaultMQPushConsumerImpl().persistConsumerOffset());
            return server.consumedAll(group, topic);
        });
    }

    /** Starts mqsend, mqpull or mqadmin on this server. */
    Program start(String input, String name, String... args) throws Exception {
        List<String> command = new ArrayList<>(List.of(server.program(name).toString(), "-n", server.namesrv));
        if (name.equals("mqadmin")) { // as with the original, its options follow the command
            command = new ArrayList<>(List.of(server.program(name).toString(), args[0], "-n", server.namesrv));
            args = Arrays.copyOfRange(args, 1, args.length);
        }
        command.addAll(List.of(args));
        Program program = new Program(server.temp, command, input);
        onClose(program);
        return program;
    }

    String mqsend(String input, String... args) throws Exception {
        return start(input, "mqsend", args).output();
    }

    /** All that is in the topic, by mqpull. */
    List<Record> mqpull() throws Exception {
        return Record.ofJsonLines(
                start("", "mqpull", "-e", "--from", "beginning", "--out", "json", "-t", topic).output());
    }

    String mqadmin(String... args) throws Exception {
        return start("", "mqadmin", args).output();
    }

    void onClose(AutoCloseable closeable) {
        open.push(closeable);
    }

    /** The newest first; one that fails to close does not keep the others open. */
    void close() {
        for (AutoCloseable closeable : open) {
            try {
                closeable.close();
            } catch (Exception e) {
                System.err.println("# " + e);
            }
        }
    }

    // A client id of its own for each client: two members of a group in one JVM must differ.
    private static String instance() {
        return "interop-" + RUN + "-" + COUNTER.incrementAndGet();
    }
}
