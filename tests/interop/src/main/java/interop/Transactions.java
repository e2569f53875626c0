package interop;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.client.producer.TransactionSendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageAccessor;
import org.apache.rocketmq.common.message.MessageExt;

/** Transactions. The server asks early and often: broker.conf. */
final class Transactions {
    private static final int CHECKS = 8;
    private static final String GIVEN_UP = "TRANS_CHECK_MAX_TIME_TOPIC";

    private Transactions() {}

    static void add(Suite suite) {
        suite.java("a Java transaction delivers what was committed and no more", Transactions::ends);
        suite.java("a Java producer that did not know is asked, and what it answers counts", Transactions::asked);
        suite.java("a Java producer answers for another one that is gone", Transactions::answeredByAnother);
        suite.java("a transaction that no Java producer knows of is given up", Transactions::givenUp);
        suite.java("a Java producer is not asked before the message's own time is over", Transactions::immune);
    }

    /** A producer that decides by the message, and keeps the questions that it was asked. */
    private static final class Producer implements TransactionListener {
        final TransactionMQProducer producer;
        final List<MessageExt> questions = Collections.synchronizedList(new ArrayList<>());
        final Function<Message, LocalTransactionState> answer;

        Producer(Context context, String name, Function<Message, LocalTransactionState> answer) throws Exception {
            this.answer = answer;
            producer = new TransactionMQProducer("P_" + context.group);
            producer.setNamesrvAddr(context.server.namesrv);
            producer.setInstanceName("transaction-" + context.group + name);
            producer.setTransactionListener(this);
            producer.setHeartbeatBrokerInterval(1000);
            context.onClose(producer::shutdown);
            producer.start();
        }

        TransactionSendResult send(Message message, LocalTransactionState state) throws Exception {
            TransactionSendResult result = producer.sendMessageInTransaction(message, state);
            Context.sent(result);
            return result;
        }

        @Override
        public LocalTransactionState executeLocalTransaction(Message message, Object argument) {
            return (LocalTransactionState) argument;
        }

        @Override
        public LocalTransactionState checkLocalTransaction(MessageExt message) {
            questions.add(message);
            return answer.apply(message);
        }
    }

    private static LocalTransactionState byText(Message message) {
        return Record.of(message).text().startsWith("yes")
                ? LocalTransactionState.COMMIT_MESSAGE
                : LocalTransactionState.ROLLBACK_MESSAGE;
    }

    private static void ends(Context context) throws Exception {
        context.createTopic(1);
        Producer producer = new Producer(context, "", Transactions::byText);
        Inbox inbox = Inbox.push(context.pushConsumer(), context.topic, "*");
        List<Record> committed = new ArrayList<>();
        for (Record record : Samples.all()) {
            producer.send(Record.of("rolled back").message(context.topic), LocalTransactionState.ROLLBACK_MESSAGE);
            producer.send(record.message(context.topic), LocalTransactionState.COMMIT_MESSAGE);
            committed.add(record);
        }
        inbox.expect(committed);
        Check.equal((long) committed.size(), context.server.stored(context.topic), "the number of stored messages");
        Check.that(producer.questions.isEmpty(), "the producer was asked about what it had ended");
    }

    private static void asked(Context context) throws Exception {
        context.createTopic(1);
        Producer producer = new Producer(context, "", Transactions::byText);
        Inbox inbox = Inbox.push(context.pushConsumer(), context.topic, "*");
        List<Record> committed = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            Record yes = new Record(Samples.utf8("yes-" + i), List.of("key"), "Tag", Map.of("a", "b"));
            producer.send(yes.message(context.topic), LocalTransactionState.UNKNOW);
            producer.send(Record.of("no-" + i).message(context.topic), LocalTransactionState.UNKNOW);
            committed.add(yes);
        }
        inbox.await(5);
        // Not the properties: what was asked about says how often, and 5.3.3 shows that to consumers.
        Check.equal(texts(committed), inbox.texts(), "what was delivered");
        Check.until("all ten questions", 20, () -> producer.questions.size() >= 10);
        Check.equal(context.topic, producer.questions.get(0).getTopic(), "the topic in a question");
        Check.equal(5L, context.server.stored(context.topic), "the number of stored messages");
    }

    private static void answeredByAnother(Context context) throws Exception {
        context.createTopic(1);
        Producer first = new Producer(context, "-1", message -> LocalTransactionState.UNKNOW);
        Producer second = new Producer(context, "-2", Transactions::byText);
        Inbox inbox = Inbox.push(context.pushConsumer(), context.topic, "*");
        // 5.3.3 knows no broker, so has nobody to tell that it is there, before it has sent.
        for (Producer producer : List.of(first, second))
            producer.send(Record.of("hello").message(context.topic), LocalTransactionState.ROLLBACK_MESSAGE);
        Check.until("both producers are connected", 10, () ->
                context.server.producers("P_" + context.group, context.topic) == 2);
        Record record = Record.of("yes, by another");
        first.send(record.message(context.topic), LocalTransactionState.UNKNOW);
        first.producer.shutdown();
        inbox.await(1);
        Check.equal(texts(List.of(record)), inbox.texts(), "what was delivered");
        Check.that(first.questions.isEmpty(), "the one that is gone was asked");
        Check.that(!second.questions.isEmpty(), "the other one was not asked");
    }

    private static Set<String> texts(List<Record> records) {
        return records.stream().map(Record::text).collect(Collectors.toSet());
    }

    private static void givenUp(Context context) throws Exception {
        context.createTopic(1);
        Producer producer = new Producer(context, "", message -> LocalTransactionState.UNKNOW);
        TransactionSendResult sent =
                producer.send(Record.of("nobody knows").message(context.topic), LocalTransactionState.UNKNOW);
        Check.until("the last question", 40, () -> producer.questions.size() >= CHECKS);
        Check.until(GIVEN_UP, 20, () -> context.server.readQueues(GIVEN_UP) == 1);
        Inbox inbox = Inbox.push(context.pushConsumer(), GIVEN_UP, "*");
        Check.until("the message in " + GIVEN_UP, 20, () -> inbox.messages().stream()
                .anyMatch(message -> message.getMsgId().equals(sent.getMsgId())));
        Check.equal(CHECKS, producer.questions.size(), "the number of questions");
        Check.equal(0L, context.server.stored(context.topic), "the number of stored messages");
    }

    private static void immune(Context context) throws Exception {
        context.createTopic(1);
        Producer producer = new Producer(context, "", Transactions::byText);
        Inbox inbox = Inbox.push(context.pushConsumer(), context.topic, "*");
        Message message = Record.of("yes, later").message(context.topic);
        MessageAccessor.putProperty(message, "CHECK_IMMUNITY_TIME_IN_SECONDS", "5");
        producer.send(message, LocalTransactionState.UNKNOW);
        long from = System.currentTimeMillis();
        inbox.await(1);
        long took = System.currentTimeMillis() - from;
        Check.that(took >= 4500, "it was asked about after " + took + " ms");
        Check.equal("yes, later", Record.of(inbox.messages().get(0)).text(), "the message");
    }
}
