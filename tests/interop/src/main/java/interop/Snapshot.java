package interop;

import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.rocketmq.client.QueryResult;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.common.message.MessageClientExt;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/** All that a broker serves of some topics and a group, a line for each fact, to compare brokers by. */
@SuppressWarnings("deprecation") // the only consumer that reads any queue at any offset
final class Snapshot {
    private final TreeMap<String, String> facts = new TreeMap<>();
    private final TreeMap<String, TreeSet<Long>> keys = new TreeMap<>();

    private Snapshot() {}

    /** `queues`: topics and how many queues each has. The group is the consumer's. */
    static Snapshot of(
            DefaultMQAdminExt admin, DefaultMQPullConsumer consumer, String brokerName, Map<String, Integer> queues) throws Exception {
        Snapshot snapshot = new Snapshot();
        for (Map.Entry<String, Integer> topic : queues.entrySet()) {
            for (int id = 0; id < topic.getValue(); id++) {
                snapshot.addQueue(admin, consumer, new MessageQueue(topic.getKey(), brokerName, id));
            }
        }
        for (Map.Entry<String, TreeSet<Long>> key : snapshot.keys.entrySet()) {
            snapshot.facts.put("key " + key.getKey(), found(admin, key.getKey(), key.getValue()));
        }
        return snapshot;
    }

    String get(String fact) {
        return facts.get(fact);
    }

    int count(String prefix) {
        int count = 0;
        for (String fact : facts.keySet()) {
            count += fact.startsWith(prefix) ? 1 : 0;
        }
        return count;
    }

    /** This broker serves what that one did, and nothing else. */
    void same(Snapshot before) {
        before.isWithin(this, "lost or changed");
        this.isWithin(before, "not there before");
    }

    /** Every message of this is served by that one too, at the same place. */
    void messagesWithin(Snapshot after) {
        for (Map.Entry<String, String> fact : facts.entrySet()) {
            if (fact.getKey().startsWith("message ")) {
                Check.equal(fact.getValue(), String.valueOf(after.get(fact.getKey())), fact.getKey());
            }
        }
    }

    private void isWithin(Snapshot other, String what) {
        List<String> wrong = new ArrayList<>();
        for (Map.Entry<String, String> fact : facts.entrySet()) {
            if (!fact.getValue().equals(other.get(fact.getKey()))) {
                wrong.add(fact.getKey() + ": " + fact.getValue() + " / " + other.get(fact.getKey()));
            }
        }
        Check.that(wrong.isEmpty(), wrong.size() + " of " + facts.size() + " facts " + what + ": " + wrong);
    }

    private void addQueue(DefaultMQAdminExt admin, DefaultMQPullConsumer consumer, MessageQueue queue) throws Exception {
        long min = admin.minOffset(queue);
        long max = admin.maxOffset(queue);
        String name = queue.getTopic() + " " + queue.getQueueId();
        facts.put("queue " + name, min + " to " + max);
        long committed = consumer.fetchConsumeOffset(queue, true);
        if (committed > 0) { // for a group that has committed nothing brokers may say 0 or that there is none
            facts.put("committed " + name, Long.toString(committed));
        }
        addTagged(consumer, queue, name, min, max);
        long middle = (min + max) / 2;
        for (long next = min; next < max; ) {
            PullResult pulled = consumer.pull(queue, "*", next, 32);
            Check.that(pulled.getNextBeginOffset() > next, name + " stands still at " + next + ": " + pulled.getPullStatus());
            next = pulled.getNextBeginOffset();
            if (pulled.getMsgFoundList() == null) {
                continue;
            }
            for (MessageExt message : pulled.getMsgFoundList()) {
                facts.put("message " + name + " " + message.getQueueOffset(), text(message));
                addKeys(message);
                if (message.getQueueOffset() == middle) {
                    facts.put("time " + name, Long.toString(admin.searchOffset(queue, message.getStoreTimestamp())));
                    addView(admin, name, (MessageClientExt) message);
                }
            }
        }
    }

    /** What the server lets through for a tag, whose hash lies in the queue or in its extension. */
    private void addTagged(DefaultMQPullConsumer consumer, MessageQueue queue, String name, long min, long max) throws Exception {
        List<Long> offsets = new ArrayList<>();
        for (long next = min; next < max; ) {
            PullResult pulled = consumer.pull(queue, "Tag1", next, 32);
            Check.that(pulled.getNextBeginOffset() > next, name + " by tag stands still at " + next + ": " + pulled.getPullStatus());
            next = pulled.getNextBeginOffset();
            if (pulled.getMsgFoundList() != null) {
                pulled.getMsgFoundList().forEach(message -> offsets.add(message.getQueueOffset()));
            }
        }
        facts.put("tagged " + name, offsets.toString());
    }

    private void addView(DefaultMQAdminExt admin, String name, MessageClientExt message) throws Exception {
        if (message.getOffsetMsgId() != null) { // a message out of a batch's record has none
            MessageExt viewed = admin.viewMessage(message.getTopic(), message.getOffsetMsgId());
            facts.put("view " + name, viewed.getQueueOffset() + " " + viewed.getStoreTimestamp() + " " + viewed.getBodyCRC());
        }
    }

    /** A batch's own keys are not in what its messages say, so theirs are not looked for. */
    private void addKeys(MessageExt message) {
        if ((message.getSysFlag() & 0x80) != 0) {
            return;
        }
        addKey(message, "id", message.getProperty(MessageConst.PROPERTY_UNIQ_CLIENT_MESSAGE_ID_KEYIDX));
        if (message.getKeys() != null) {
            for (String word : message.getKeys().split(" ")) {
                addKey(message, "word", word);
            }
        }
    }

    private void addKey(MessageExt message, String kind, String key) {
        keys.computeIfAbsent(message.getTopic() + " " + kind + " " + key, any -> new TreeSet<>())
                .add(message.getCommitLogOffset());
    }

    /** Where the messages with that key lie; at least those that are known, which the index may take a moment for. */
    private static String found(DefaultMQAdminExt admin, String topicAndKey, TreeSet<Long> known) throws Exception {
        String[] words = topicAndKey.split(" ");
        TreeSet<Long> found = new TreeSet<>();
        try {
            Check.until("", 10, () -> {
                found.clear();
                try {
                    if (words[1].equals("id")) { // the client shows one message of those
                        found.add(admin.getDefaultMQAdminExtImpl()
                                .getMqClientInstance()
                                .getMQAdminImpl()
                                .queryMessageByUniqKey(words[0], words[2])
                                .getCommitLogOffset());
                        return known.containsAll(found);
                    }
                    QueryResult result = admin.queryMessage(words[0], words[2], 64, 0, Long.MAX_VALUE);
                    result.getMessageList().forEach(message -> found.add(message.getCommitLogOffset()));
                } catch (MQClientException e) { // nothing at all
                    return false;
                }
                return found.containsAll(known);
            });
        } catch (Check.Failure e) {
            throw new Check.Failure("key " + topicAndKey + " leads to " + found + ", not to all of " + known);
        }
        return found.toString();
    }

    private static String text(MessageExt message) throws Exception {
        TreeMap<String, String> properties = new TreeMap<>(message.getProperties());
        properties.remove(MessageConst.PROPERTY_MIN_OFFSET); // the client's, of the pull
        properties.remove(MessageConst.PROPERTY_MAX_OFFSET);
        byte[] hash = MessageDigest.getInstance("SHA-256").digest(message.getBody());
        return message.getCommitLogOffset() + " " + message.getStoreSize() + " " + message.getSysFlag() + " " + message.getFlag()
                + " " + message.getStoreTimestamp() + " " + message.getBornTimestamp() + " " + message.getReconsumeTimes()
                + " " + message.getStoreHost() + " " + message.getBornHost() + " " + message.getBodyCRC() + " " + properties
                + " " + Base64.getEncoder().encodeToString(hash);
    }
}
