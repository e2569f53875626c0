package interop;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.MessageSelector;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.impl.CommunicationMode;
import org.apache.rocketmq.client.impl.consumer.PullResultExt;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.protocol.header.PullMessageRequestHeader;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/** Groups with a SQL92 selector, and what brokers keep of it in config/consumerFilter.json. */
final class KeptFilters {
    private static final String WANTED = "TAGS = 'Tag1'";

    private final String namesrv;
    private final Path file;

    KeptFilters(String namesrv, String dir) {
        this.namesrv = namesrv;
        file = Path.of(dir, "store", "config", "consumerFilter.json");
    }

    /** A member of the group comes, gets something that it wants and nothing else, and goes. */
    void use(String group, String topic) throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group);
        consumer.setNamesrvAddr(namesrv);
        consumer.setInstanceName(group + System.nanoTime());
        consumer.subscribe(topic, MessageSelector.bySql(WANTED));
        Inbox inbox = new Inbox();
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, state) -> {
            inbox.add(messages);
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        try {
            Inbox.start(consumer, topic);
            inbox.await(1);
        } finally {
            consumer.shutdown();
        }
        inbox.messages().forEach(KeptFilters::checkWanted);
    }

    /** What the file says of the group, but for whether and since when nobody uses it; while no broker runs. */
    JsonObject of(String group, String topic) throws Exception {
        JsonObject topics = JsonParser.parseString(Files.readString(file)).getAsJsonObject().getAsJsonObject("filterDataByTopic");
        Check.that(topics.has(topic), "no filter is kept for " + topic);
        JsonObject groups = topics.getAsJsonObject(topic).getAsJsonObject("groupFilterData");
        Check.that(groups.has(group), "no filter is kept for " + group);
        JsonObject kept = groups.getAsJsonObject(group);
        Check.equal(WANTED, kept.get("expression").getAsString(), "the kept expression");
        kept.remove("dead");
        kept.remove("deadTime");
        return kept;
    }

    /** As a push consumer's pull that is faster than its heartbeat; mqd answers such by what it has kept. */
    static void checkServed(DefaultMQAdminExt admin, String broker, JsonObject kept) throws Exception {
        PullMessageRequestHeader header = new PullMessageRequestHeader();
        header.setConsumerGroup(kept.get("consumerGroup").getAsString());
        header.setTopic(kept.get("topic").getAsString());
        header.setQueueId(1);
        header.setQueueOffset(0L);
        header.setMaxMsgNums(32);
        header.setSysFlag(0); // no wait, and no expression of its own
        header.setCommitOffset(0L);
        header.setSuspendTimeoutMillis(0L);
        header.setSubVersion(kept.get("clientVersion").getAsLong());
        header.setExpressionType("SQL92");
        PullResult pulled = admin.getDefaultMQAdminExtImpl()
                .getMqClientInstance()
                .getMQClientAPIImpl()
                .pullMessage(broker, header, 10_000, CommunicationMode.SYNC, null);
        Check.equal(PullStatus.FOUND, pulled.getPullStatus(), "the answer to a pull by the kept filter");
        ByteBuffer records = ByteBuffer.wrap(((PullResultExt) pulled).getMessageBinary());
        MessageDecoder.decodes(records).forEach(KeptFilters::checkWanted);
    }

    private static void checkWanted(MessageExt message) {
        Check.equal("Tag1", String.valueOf(message.getTags()), "the tag of what a filter let through");
    }
}
