#include "../store/held_files.h"
#include "support.h"

#include "wire/bodies/heartbeat.h"
#include "wire/headers/clients.h"
#include "wire/headers/messages.h"
#include "wire/headers/offsets.h"

using namespace mqd;
using namespace mqd::test;

namespace {

struct Waiting {
    Mutex mutex;
    Condition changed;
    std::optional<remoting::Answer> answer GUARDED_BY(mutex);

    std::function<void(Result<remoting::Answer>)> done() {
        return [this](Result<remoting::Answer> result) {
            REQUIRE(result);
            const Lock lock(mutex);
            answer = std::move(*result);
            changed.notify_all();
        };
    }
    bool has_answer() {
        const Lock lock(mutex);
        return answer.has_value();
    }
    remoting::Answer wait() {
        const Lock lock(mutex);
        while (!answer) REQUIRE(changed.wait_for(mutex, std::chrono::seconds(10)));
        return *answer;
    }
};

struct PullFixture : Fixture {
    std::unique_ptr<Client> user, other;

    void start_with(int messages, std::string_view tag = {}) {
        start();
        user = client();
        other = client();
        for (int i = 0; i < messages; ++i) send(tag);
        if (messages > 0) wait_readable(messages);
    }
    void send(std::string_view tag = {}) {
        const auto of = tag.empty() ? std::string() : properties({{"TAGS", tag}});
        REQUIRE(other->call(code::send_message_v2, send_header(of), "m").code == rc::success);
    }
    /// The broker stops and starts; what was stored before is not taken for warm any more.
    void restart() {
        user.reset();
        other.reset();
        server.reset();
        REQUIRE(broker->close());
        service.reset();
        broker.reset();
        REQUIRE(store->close());
        store.reset();
        start_with(0);
    }
    void wait_held(std::size_t count) const {
        const auto give_up = monotonic_ms() + 10'000;
        while (broker->arrivals().waiting() != count) {
            REQUIRE(monotonic_ms() < give_up);
            std::this_thread::yield();
        }
    }
    void hold(Waiting& waiting, std::int64_t offset, std::int64_t ms, std::string_view tags = "*") {
        auto header = pull_header(offset, 2 + 4);
        header.suspend_timeout_ms = ms;
        header.subscription = tags;
        user->channel->call(code::pull_message, header, {}, 30'000, waiting.done());
        wait_held(1);
    }
    std::string sql_beat(std::string expression) const {
        wire::ConsumerData consumer;
        consumer.group_name = "G";
        consumer.subscriptions.push_back({"T", std::move(expression), "SQL92", 1, {}, false});
        wire::HeartbeatData data;
        data.client_id = "me";
        data.consumers.push_back(consumer);
        return wire::to_body(data);
    }
    void send_with(std::string_view name, std::string_view value) {
        const auto of = properties({{name, value}});
        REQUIRE(other->call(code::send_message_v2, send_header(of), "m").code == rc::success);
    }
    std::string beat(std::string id, std::string tags = "*",
                     wire::MessageModel model = wire::MessageModel::clustering,
                     std::int64_t version = 1) const {
        wire::ConsumerData consumer;
        consumer.group_name = "G";
        consumer.message_model = model;
        consumer.subscriptions.push_back({"T", std::move(tags), "TAG", version, {}, false});
        wire::HeartbeatData data;
        data.client_id = std::move(id);
        data.consumers.push_back(consumer);
        return wire::to_body(data);
    }
};

}  // namespace

TEST_CASE_FIXTURE(PullFixture, "who asks for a queue that is made whole waits, and keeps nobody") {
    start_with(3);
    store::test::HeldFiles held;
    files = &held;
    settings.store.consume_queue_file_bytes = 4000;
    restart();
    wire::QueueHeader queue;
    queue.topic = "T";
    Waiting max, min, committed, pulled;
    user->channel->call(code::get_max_offset, queue, {}, 30'000, max.done());
    user->channel->call(code::get_min_offset, queue, {}, 30'000, min.done());
    wire::QueryConsumerOffset offset;
    offset.consumer_group = "G";
    offset.topic = "T";
    user->channel->call(code::query_consumer_offset, offset, {}, 30'000, committed.done());
    user->channel->call(code::pull_message, pull_header(0), {}, 30'000, pulled.done());

    CHECK(user->call(code::send_message_v2, send_header({}, 1), "m").code == rc::success);
    queue.queue_id = 2;
    CHECK(user->call(code::get_max_offset, queue).find("offset") == "0");
    CHECK(user->call(code::send_message_v2, send_header(), "m").code == rc::service_not_available);
    for (auto* const waiting : {&max, &min, &committed, &pulled})
        CHECK_FALSE(waiting->has_answer());

    held.let();
    CHECK(max.wait().find("offset") == "3");
    CHECK(min.wait().find("offset") == "0");
    CHECK(committed.wait().find("offset") == "0");
    CHECK(records(pulled.wait().body).size() == 3);
    CHECK(user->call(code::send_message_v2, send_header(), "m").find("queueOffset") == "3");
    files = &store::posix_files();
    restart();
    CHECK(user->call(code::get_max_offset, queue).find("offset") == "0");
    queue.queue_id = 0;
    CHECK(user->call(code::get_max_offset, queue).find("offset") == "4");
}

TEST_CASE_FIXTURE(PullFixture, "a pull says where the queue begins, ends and goes on") {
    start_with(3);
    const auto pull = [&](std::int64_t offset) {
        return user->call(code::pull_message, pull_header(offset));
    };
    const auto found = pull(1);
    CHECK(found.code == rc::success);
    CHECK(found.find("nextBeginOffset") == "3");
    CHECK(found.find("minOffset") == "0");
    CHECK(found.find("maxOffset") == "3");
    CHECK(found.find("suggestWhichBrokerId") == "0");
    CHECK(records(found.body).size() == 2);
    CHECK(pull(3).code == rc::pull_not_found);
    CHECK(pull(3).find("nextBeginOffset") == "3");
    CHECK(pull(4).code == rc::pull_offset_moved);
    CHECK(pull(4).find("nextBeginOffset") == "3");
    auto header = pull_header(0);
    header.queue_id = 1;
    CHECK(user->call(code::pull_message, header).code == rc::pull_not_found);
    header.queue_offset = 5;
    const auto moved = user->call(code::pull_message, header);
    CHECK(moved.code == rc::pull_offset_moved);
    CHECK(moved.find("nextBeginOffset") == "0");
}

TEST_CASE_FIXTURE(PullFixture, "tags are filtered, and an offset moves over what does not match") {
    start_with(2, "TagA");
    send("TagB");
    wait_readable(3);
    auto header = pull_header(0);
    header.subscription = "TagB";
    const auto found = user->call(code::pull_message, header);
    CHECK(found.find("nextBeginOffset") == "3");
    CHECK(records(found.body).size() == 1);
    header.subscription = "TagC || TagD";
    const auto none = user->call(code::lite_pull_message, header);
    CHECK(none.code == rc::pull_retry_immediately);
    CHECK(none.find("nextBeginOffset") == "3");
    header.subscription = "||";
    CHECK(user->call(code::pull_message, header).code == rc::subscription_parse_failed);
    header.expression_type = "SQL92";
    CHECK(user->call(code::pull_message, header).code == rc::system_error);
}

TEST_CASE_FIXTURE(PullFixture, "SQL92 filters by properties, from the request or the heartbeat") {
    settings.rocketmq.property_filter = true;
    start_with(1);
    for (const char* price : {"5", "15", "x", "25"}) send_with("price", price);
    wait_readable(5);
    auto header = pull_header(0);
    header.expression_type = "SQL92";
    header.subscription = "price > 10";
    for (int twice = 0; twice < 2; ++twice) {
        const auto found = user->call(code::pull_message, header);
        REQUIRE(found.code == rc::success);
        CHECK(found.find("nextBeginOffset") == "5");
        const auto messages = records(found.body);
        REQUIRE(messages.size() == 2);
        CHECK(messages[0].queue_offset.value == 2);
        CHECK(messages[1].queue_offset.value == 4);
    }
    header.subscription = "price > 100";
    const auto none = user->call(code::pull_message, header);
    CHECK(none.code == rc::pull_retry_immediately);
    CHECK(none.find("nextBeginOffset") == "5");
    header.subscription = "price >";
    const auto broken = user->call(code::pull_message, header);
    CHECK(broken.code == rc::subscription_parse_failed);
    CHECK(broken.remark == "character 8: a property, a value or ( is missing");

    header = pull_header(0, 0);
    header.sub_version = 1;
    REQUIRE(user->call(code::heart_beat, sql_beat("price = 15")).code == rc::success);
    CHECK(records(user->call(code::pull_message, header).body).size() == 1);
}

TEST_CASE_FIXTURE(PullFixture, "a heartbeat's SQL92 that cannot be parsed gives no filter") {
    settings.rocketmq.property_filter = true;
    start_with(1);
    REQUIRE(user->call(code::heart_beat, sql_beat("price >")).code == rc::success);
    auto header = pull_header(0, 0);
    CHECK(user->call(code::pull_message, header).code == rc::filter_data_not_exist);
}

TEST_CASE_FIXTURE(PullFixture, "an SQL92 filter serves pulls that come before the heartbeat") {
    settings.rocketmq.property_filter = true;
    start_with(1);
    REQUIRE(other->call(code::heart_beat, sql_beat("price < 10")).code == rc::success);
    other.reset();
    const auto give_up = monotonic_ms() + 10'000;
    while (broker->clients().standing("G", "T").online) REQUIRE(monotonic_ms() < give_up);
    auto header = pull_header(0, 0);
    header.sub_version = 1;
    CHECK(user->call(code::pull_message, header).code == rc::pull_retry_immediately);
    header.sub_version = 2;
    CHECK(user->call(code::pull_message, header).code == rc::filter_data_not_latest);
}

TEST_CASE_FIXTURE(PullFixture, "without enablePropertyFilter there is no SQL92") {
    start_with(1);
    auto header = pull_header(0);
    header.expression_type = "SQL92";
    header.subscription = "price > 10";
    CHECK(user->call(code::pull_message, header).code == rc::system_error);
    REQUIRE(user->call(code::heart_beat, sql_beat("price > 10")).code == rc::success);
    CHECK(user->call(code::pull_message, pull_header(0, 0)).code == rc::system_error);
}

TEST_CASE_FIXTURE(PullFixture, "a held SQL92 pull is woken by a message that it lets through") {
    settings.rocketmq.property_filter = true;
    start_with(1);
    Waiting waiting;
    auto header = pull_header(1, 2 + 4);
    header.suspend_timeout_ms = 20'000;
    header.expression_type = "SQL92";
    header.subscription = "price > 10";
    user->channel->call(code::pull_message, header, {}, 30'000, waiting.done());
    wait_held(1);
    send_with("price", "5");
    wait_readable(2);
    CHECK_FALSE(waiting.has_answer());
    send_with("price", "15");
    const auto answer = waiting.wait();
    CHECK(answer.code == rc::success);
    const auto messages = records(answer.body);
    REQUIRE(messages.size() == 1);
    CHECK(messages[0].queue_offset.value == 2);
}

TEST_CASE_FIXTURE(PullFixture, "as many messages as asked for, within count and bytes") {
    settings.rocketmq.pull_messages_max = 50;
    start_with(60);
    auto header = pull_header(0);
    header.max_msg_nums = 40;
    CHECK(records(user->call(code::pull_message, header).body).size() == 40);
    header.max_msg_nums = 1000;
    CHECK(records(user->call(code::pull_message, header).body).size() == 50);
    header.max_msg_nums = 0;
    CHECK(records(user->call(code::pull_message, header).body).size() == 1);
}

TEST_CASE_FIXTURE(PullFixture, "a pull gets more bytes when it asks for them, up to the maximum") {
    settings.rocketmq.pull_bytes = 10'000;
    settings.rocketmq.pull_bytes_max = 40'000;
    start_with(1);
    const std::string body(1000, 'x');
    for (int i = 0; i < 100; ++i)
        REQUIRE(other->call(code::send_message_v2, send_header(), body).code == rc::success);
    wait_readable(101);
    const auto got = [&](std::optional<std::int32_t> bytes) {
        auto header = pull_header(1);
        header.max_msg_nums = 1000;
        header.max_msg_bytes = bytes;
        return static_cast<std::int64_t>(user->call(code::pull_message, header).body.size());
    };
    const auto usual = got({});
    CHECK(usual > 8'000);
    CHECK(usual <= 10'000);
    CHECK(got(1) == usual);
    CHECK(got(20'000) > usual);
    CHECK(got(20'000) <= 20'000);
    const auto most = got(40'000);
    CHECK(most > 35'000);
    CHECK(most <= 40'000);
    CHECK(got(1'000'000) == most);
}

TEST_CASE_FIXTURE(PullFixture, "a held pull is answered by the first message") {
    start_with(1);
    Waiting waiting;
    hold(waiting, 1, 30'000);
    send();
    const auto answer = waiting.wait();
    CHECK(answer.code == rc::success);
    CHECK(records(answer.body).size() == 1);
}

TEST_CASE_FIXTURE(PullFixture,
                  "a held pull is not answered by another tag, and ends when its time is over") {
    start_with(1);
    Waiting waiting;
    const auto begin = monotonic_ms();
    hold(waiting, 1, 400, "TagA");
    send("TagB");
    wait_readable(2);
    CHECK_FALSE(waiting.has_answer());
    const auto answer = waiting.wait();
    const auto took = monotonic_ms() - begin;
    CHECK(took >= 400);
    CHECK(took < 4000);
    // What had come meanwhile moves the offset on.
    CHECK(answer.code == rc::pull_retry_immediately);
    CHECK(answer.find("nextBeginOffset") == "2");
}

TEST_CASE_FIXTURE(PullFixture, "a held pull goes with its connection") {
    start_with(1);
    {
        const auto third = client();
        auto header = pull_header(1, 2 + 4);
        header.suspend_timeout_ms = 30'000;
        third->channel->call(code::pull_message, header, {}, 30'000, [](const auto&) {});
        wait_held(1);
    }
    wait_held(0);
}

TEST_CASE_FIXTURE(PullFixture,
                  "what may have to be fetched from the disk is answered all the same") {
    start_with(3);
    restart();
    const auto at = store->position(*store->queue("T", 0), QueueOffset{1});
    REQUIRE(at);
    CHECK_FALSE(store->is_warm(*at));
    Waiting held;
    hold(held, 3, 10'000);  // the end of a queue that nobody has looked at
    const auto pulled = user->call(code::pull_message, pull_header(0));
    CHECK(pulled.code == rc::success);
    CHECK(pulled.find("nextBeginOffset") == "3");
    CHECK(records(pulled.body).size() == 3);
    wire::ViewMessage view;
    view.offset = at->value;
    CHECK(records(user->call(code::view_message_by_id, view).body)[0].queue_offset.value == 1);
    wait_held(1);
    send();
    CHECK(held.wait().code == rc::success);
}

TEST_CASE_FIXTURE(PullFixture, "many pulls far behind are answered, each once") {
    start_with(40);
    restart();
    std::vector<Waiting> waiting(200);
    for (std::size_t i = 0; i < waiting.size(); ++i)
        user->channel->call(code::pull_message, pull_header(static_cast<std::int64_t>(i % 40)), {},
                            10'000, waiting[i].done());
    for (std::size_t i = 0; i < waiting.size(); ++i) {
        const auto answer = waiting[i].wait();
        CHECK(answer.code == rc::success);
        CHECK(records(answer.body)[0].queue_offset.value == static_cast<std::int64_t>(i % 40));
    }
}

TEST_CASE_FIXTURE(PullFixture,
                  "a connection that closes takes nothing down with what is read for it") {
    start_with(40);
    restart();
    for (int i = 0; i < 50; ++i)
        user->channel->call(code::pull_message, pull_header(0), {}, 10'000,
                            [](const Result<remoting::Answer>&) {});
    user.reset();
    CHECK(other->call(code::pull_message, pull_header(0)).code == rc::success);
}

TEST_CASE_FIXTURE(PullFixture, "pulls are refused with the codes that clients know") {
    start_with(1);
    auto header = pull_header(0);
    header.topic = "U";
    CHECK(user->call(code::pull_message, header).code == rc::topic_not_exist);
    header = pull_header(0);
    header.queue_id = 4;
    CHECK(user->call(code::pull_message, header).code == rc::invalid_parameter);
    header = pull_header(0, 0);
    CHECK(user->call(code::pull_message, header).code == rc::subscription_not_exist);
    REQUIRE(user->call(code::heart_beat, beat("me")).code == rc::success);
    header.sub_version = 2;
    CHECK(user->call(code::pull_message, header).code == rc::subscription_not_latest);
    header.sub_version = 1;
    CHECK(user->call(code::pull_message, header).code == rc::success);
    header.topic = "TBW102";
    CHECK(user->call(code::pull_message, header).code == rc::subscription_not_exist);
    CHECK(user->call(code::update_and_create_subscriptiongroup,
                     R"({"groupName":"G","consumeEnable":false})")
              .code == rc::success);
    const auto forbidden = user->call(code::pull_message, pull_header(0));
    CHECK(forbidden.code == rc::no_permission);
    CHECK(forbidden.find("forbiddenType") == "2");
}

TEST_CASE_FIXTURE(PullFixture, "a commit on a pull counts once, and 14 tells it") {
    start_with(2);
    wire::QueryConsumerOffset query;
    query.consumer_group = "G";
    query.topic = "T";
    CHECK(user->call(code::query_consumer_offset, query).find("offset") == "0");
    auto header = pull_header(0, 1 + 4);
    header.commit_offset = 2;
    CHECK(user->call(code::pull_message, header).code == rc::success);
    CHECK(user->call(code::query_consumer_offset, query).find("offset") == "2");
    query.consumer_group = "new";
    query.set_zero_if_not_found = false;
    CHECK(user->call(code::query_consumer_offset, query).code == rc::query_not_found);
}

TEST_CASE_FIXTURE(PullFixture,
                  "a queue whose beginning lies far back is for the client to decide on") {
    settings.rocketmq.in_memory_percent = 0;
    start_with(2);
    wire::QueryConsumerOffset query;
    query.consumer_group = "G";
    query.topic = "T";
    CHECK(user->call(code::query_consumer_offset, query).code == rc::query_not_found);
    query.queue_id = 1;  // empty
    CHECK(user->call(code::query_consumer_offset, query).find("offset") == "0");
}

TEST_CASE_FIXTURE(PullFixture, "members hear of one another before the heartbeat is answered") {
    start_with(1);
    CHECK(user->call(code::heart_beat, beat("a")).code == rc::success);
    CHECK(user->pushes() == 1);
    user->call(code::heart_beat, beat("a"));
    CHECK(user->pushes() == 1);
    CHECK(other->call(code::heart_beat, beat("b")).code == rc::success);
    CHECK(other->pushes() == 1);
    user->wait_pushes(2);
    const auto list = user->call(code::get_consumer_list_by_group, wire::ConsumerGroupHeader{"G"});
    CHECK(list.body == R"({"consumerIdList":["a","b"]})");
    other.reset();
    user->wait_pushes(3);
    wire::UnregisterClient leave;
    leave.consumer_group = "G";
    {
        const auto third = client();
        CHECK(third->call(code::heart_beat, beat("c")).code == rc::success);
        user->wait_pushes(4);
        CHECK(third->call(code::unregister_client, leave).code == rc::success);
        user->wait_pushes(5);
        CHECK(user->call(code::get_consumer_list_by_group, wire::ConsumerGroupHeader{"G"}).body ==
              R"({"consumerIdList":["a"]})");
    }
    CHECK(user->call(code::unregister_client, leave).code == rc::success);
    CHECK(user->call(code::get_consumer_list_by_group, wire::ConsumerGroupHeader{"G"}).code ==
          rc::system_error);
    CHECK(broker->topics().find("%RETRY%G") != nullptr);
}

TEST_CASE_FIXTURE(PullFixture, "broadcasting groups are not told of their members") {
    start_with(1);
    const auto body = beat("a", "*", wire::MessageModel::broadcasting);
    CHECK(user->call(code::heart_beat, body).code == rc::success);
    CHECK(other->call(code::heart_beat, body).code == rc::success);
    CHECK(user->call(code::get_max_offset, wire::QueueHeader{"T", 0}).find("offset") == "1");
    CHECK(user->pushes() == 0);
    CHECK(other->pushes() == 0);
}
