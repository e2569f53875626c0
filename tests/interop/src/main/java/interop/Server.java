package interop;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/** The server under test, mqd's or the original, with an admin client and the built tools. */
final class Server {
    final String namesrv;
    final String broker;
    final Path programs;
    final Path temp;
    final String client; // the version of the official client
    final DefaultMQAdminExt admin = new DefaultMQAdminExt();
    private final Control control;
    private final String kind;

    /** `control` is null, or starts and ends this server, whose `kind` is mqd or rocketmq. */
    Server(String namesrv, String broker, String programs, String temp, String client, Control control, String kind) throws Exception {
        this.namesrv = namesrv;
        this.broker = broker;
        this.programs = Path.of(programs);
        this.temp = Path.of(temp);
        this.client = client;
        this.control = control;
        this.kind = kind;
        admin.setNamesrvAddr(namesrv);
        admin.setInstanceName("interop-admin");
        admin.start();
    }

    /** Before the first case. */
    void startIfOwn() throws Exception {
        if (control != null) {
            control.run("start", kind);
        }
    }

    void stopIfOwn() throws Exception {
        if (control != null) {
            control.run("stop", kind);
        }
    }

    void killAndStart() throws Exception {
        control.run("kill", kind);
        control.run("start", kind);
    }

    void stopAndStart() throws Exception {
        control.run("stop", kind);
        control.run("start", kind);
    }

    boolean hasTools() {
        return Files.isExecutable(program("mqsend"))
                && Files.isExecutable(program("mqpull"))
                && Files.isExecutable(program("mqadmin"));
    }

    Path program(String name) {
        return programs.resolve(name).resolve(name);
    }

    void awaitReady() throws Exception {
        Check.until("a broker is registered at " + namesrv, 20, () -> !cluster().isEmpty());
    }

    /** The name of the cluster; "" while there is none. */
    String cluster() throws Exception {
        // `var` throughout: the 4.x and 5.x clients keep these classes in different packages.
        var table = admin.examineBrokerClusterInfo().getClusterAddrTable();
        return table == null || table.isEmpty() ? "" : table.keySet().iterator().next();
    }

    /** The name of the one broker. */
    String brokerName() throws Exception {
        return admin.examineBrokerClusterInfo().getBrokerAddrTable().keySet().iterator().next();
    }

    void createTopic(String topic, int queues) throws Exception {
        admin.createAndUpdateTopicConfig(broker, new TopicConfig(topic, queues, queues, 6));
        Check.until("a route to " + topic, 10, () -> readQueues(topic) == queues);
    }

    int readQueues(String topic) throws Exception {
        int queues = 0;
        for (var data : admin.examineTopicRouteInfo(topic).getQueueDatas()) {
            queues += data.getReadQueueNums();
        }
        return queues;
    }

    /** Messages ever put into the topic, over all its queues. */
    long stored(String topic) throws Exception {
        long messages = 0;
        var table = admin.examineTopicStats(topic).getOffsetTable();
        for (var offsets : table.values()) {
            messages += offsets.getMaxOffset();
        }
        return messages;
    }

    int members(String group) throws Exception {
        Collection<?> connections = admin.examineConsumerConnectionInfo(group).getConnectionSet();
        return connections.size();
    }

    int producers(String group, String topic) throws Exception {
        return admin.examineProducerConnectionInfo(group, topic).getConnectionSet().size();
    }

    /** Whether the group has committed the end of every queue of the topic. */
    boolean consumedAll(String group, String topic) throws Exception {
        int queues = 0;
        // computeTotalDiff() would not do: it is also 0 while nothing has been committed.
        for (var entry : admin.examineConsumeStats(group).getOffsetTable().entrySet()) {
            if (entry.getKey().getTopic().equals(topic)) {
                queues++;
                if (entry.getValue().getConsumerOffset() != entry.getValue().getBrokerOffset()) {
                    return false;
                }
            }
        }
        return queues == readQueues(topic);
    }
}
