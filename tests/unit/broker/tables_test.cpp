// Topics, groups and offsets: their rules and their files.

#include <fstream>

#include "broker/groups.h"
#include "broker/names.h"
#include "broker/offsets.h"
#include "broker/topics.h"
#include "json/value.h"
#include "message/sys_flag.h"
#include "support.h"

using namespace mqd;
using namespace mqd::test;
using namespace mqd::broker;

namespace {

struct Fixture {
    Folder folder;
    Settings settings = settings_in(folder);
    ManualClock clock;
    OpenStore store{settings};
    store::Files& files = store::posix_files();

    Fixture() { REQUIRE(files.make_directories(settings.store.config_dir())); }
    std::unique_ptr<Topics> topics() {
        auto opened = Topics::open(files, clock, *store.is, settings);
        REQUIRE(opened);
        return std::move(*opened);
    }
    std::unique_ptr<Offsets> offsets() {
        auto opened = Offsets::open(files, clock, settings);
        REQUIRE(opened);
        return std::move(*opened);
    }
    std::unique_ptr<Groups> groups() {
        auto opened = Groups::open(files, clock, settings);
        REQUIRE(opened);
        return std::move(*opened);
    }
    void write(const char* name, std::string_view text) const {
        std::ofstream(settings.store.config_dir() / name) << text;
    }
    json::Value content(const char* name) const {
        std::ifstream in(settings.store.config_dir() / name);
        const std::string text((std::istreambuf_iterator<char>(in)), {});
        auto value = json::parse(text);
        REQUIRE(value);
        return std::move(*value);
    }
};

TopicConfig config_of(std::string name, std::int32_t queues) {
    TopicConfig config;
    config.name = std::move(name);
    config.read_queues = config.write_queues = queues;
    return config;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "a send makes its topic from the template, with no more queues than it has") {
    const auto table = topics();
    const auto four = table->find_or_create("T", {template_topic, 4});
    REQUIRE(four);
    CHECK((*four)->config().read_queues == 4);
    CHECK((*four)->config().perm == 6);
    CHECK((*table->find_or_create("U", {template_topic, 100}))->queues() == 8);
    CHECK((*table->find_or_create("V", {template_topic, -1}))->queues() == 1);
    const auto unknown = table->find_or_create("W", {"nothing", 4});
    REQUIRE_FALSE(unknown);
    CHECK(unknown.error().code == Errc::not_found);
    // A topic without the inherit bit is no template.
    CHECK_FALSE(table->find_or_create("W", {"T", 4}));
}

TEST_CASE_FIXTURE(Fixture, "a retry topic is made with one queue whatever the template") {
    const auto table = topics();
    const auto retry = table->find_or_create("%RETRY%G", {"nothing", 4});
    REQUIRE(retry);
    CHECK((*retry)->queues() == 1);
    CHECK((*retry)->config().perm == 6);
}

TEST_CASE_FIXTURE(Fixture, "without automatic creation there is no template") {
    CHECK(topics()->save());
    settings.topics.auto_create = false;
    const auto table = topics();
    CHECK(table->find(template_topic) == nullptr);
    CHECK_FALSE(table->find_or_create("T", {template_topic, 4}));
}

TEST_CASE_FIXTURE(Fixture, "the table comes back from its file, with members nobody knows") {
    write("topics.json",
          R"({"dataVersion":{"counter":7,"stateVersion":0,"timestamp":5},"later":{"x":1},)"
          R"("topicConfigTable":{"T":{"attributes":{"message.type":"FIFO"},"order":true,"perm":4,)"
          R"("readQueueNums":3,"writeQueueNums":5,"topicName":"T","future":"kept"}}})");
    {
        const auto table = topics();
        const auto topic = table->find("T");
        REQUIRE(topic);
        CHECK(topic->config().order);
        CHECK(topic->config().perm == 4);
        CHECK(topic->config().read_queues == 3);
        CHECK(topic->queues() == 5);
        CHECK(table->data_version().counter > 7);
        CHECK(table->put(config_of("New", 2)));
        CHECK(table->save());
    }
    const auto saved = content("topics.json");
    CHECK(saved["later"]["x"].as_int() == 1);
    CHECK(saved["topicConfigTable"]["T"]["future"].as_text() == "kept");
    CHECK(saved["topicConfigTable"]["T"]["attributes"]["message.type"].as_text() == "FIFO");
    CHECK(saved["topicConfigTable"]["New"]["readQueueNums"].as_int() == 2);
    CHECK(topics()->find("New") != nullptr);
}

TEST_CASE_FIXTURE(Fixture, "a topic that was made outlives a process that never saved the table") {
    std::int64_t counter = 0;
    {
        const auto table = topics();
        REQUIRE(table->save());
        REQUIRE(table->find_or_create("Sent", {template_topic, 4}));
        auto batch = config_of("Batch", 2);
        batch.attributes.emplace_back("queue.type", "BatchCQ");
        REQUIRE(table->put_all({config_of("Listed", 1), batch, config_of("Gone", 3)}));
        REQUIRE(table->put(config_of("Listed", 5)));
        REQUIRE(*table->remove("Gone"));
        REQUIRE(table->set_ordered({"Sent"}));
        counter = table->data_version().counter;
    }
    CHECK(content("topics.json")["topicConfigTable"]["Sent"].is_null());
    CHECK(*Topics::batch_topics(files, settings) == std::vector<std::string>{"Batch"});
    const auto table = topics();
    CHECK(table->data_version().counter == counter);
    REQUIRE(table->find("Sent"));
    CHECK(table->find("Sent")->config().order);
    CHECK(table->find("Sent")->queues() == 4);
    CHECK(table->find("Batch")->config().is_batch());
    CHECK(table->find("Listed")->queues() == 5);
    CHECK_FALSE(table->find("Gone"));

    // What the changes said is in the table now, and a stop leaves nothing but the table.
    REQUIRE(table->save());
    CHECK(content("topics.json")["topicConfigTable"]["Listed"]["readQueueNums"].as_int() == 5);
    CHECK(std::filesystem::file_size(settings.store.config_dir() / "topics.json.changes") == 0);
    REQUIRE(table->put(config_of("Late", 1)));
    REQUIRE(table->close());
    CHECK_FALSE(std::filesystem::exists(settings.store.config_dir() / "topics.json.changes"));
    CHECK(topics()->find("Late"));

    // And should that rot, the copy beside it has what no change says any more.
    std::filesystem::resize_file(settings.store.config_dir() / "topics.json", 100);
    const auto again = topics();
    CHECK(again->find("Late"));
    CHECK(again->find("Listed"));
}

TEST_CASE_FIXTURE(Fixture, "of a list of topics all are made or none") {
    const auto table = topics();
    REQUIRE(table->put(config_of("T", 1)));
    auto batch = config_of("T", 1);
    batch.attributes.emplace_back("queue.type", "BatchCQ");
    const auto made = table->put_all({config_of("U", 1), batch});
    REQUIRE_FALSE(made);
    CHECK(made.error().code == Errc::invalid);
    CHECK_FALSE(table->find("U"));
}

TEST_CASE_FIXTURE(Fixture, "a topic that cannot be written down is not made") {
    const auto table = topics();
    // A directory where the changes belong: even root cannot write there.
    std::filesystem::create_directory(settings.store.config_dir() / "topics.json.changes");
    CHECK_FALSE(table->find_or_create("T", {template_topic, 4}));
    CHECK_FALSE(table->put(config_of("T", 1)));
    CHECK_FALSE(table->find("T"));
    std::filesystem::remove(settings.store.config_dir() / "topics.json.changes");
    CHECK(table->find_or_create("T", {template_topic, 4}));
}

TEST_CASE_FIXTURE(Fixture, "a deleted topic begins anew, and a cache sees both") {
    const auto table = topics();
    TopicCache cache(*table);
    REQUIRE(table->put(config_of("T", 1)));
    const Topic* first = cache.find("T");
    REQUIRE(first != nullptr);
    CHECK(cache.find("T") == first);
    CHECK(*table->remove("T"));
    CHECK_FALSE(*table->remove("T"));
    CHECK(cache.find("T") == nullptr);
    REQUIRE(table->put(config_of("T", 2)));
    REQUIRE(cache.find("T") != nullptr);
    CHECK(cache.find("T")->queues() == 2);
}

TEST_CASE_FIXTURE(Fixture, "each change is told, and every one moves the data version") {
    const auto table = topics();
    std::vector<std::string> told;
    table->on_change([&](const std::string& name, const TopicRef& topic) {
        told.push_back((topic == nullptr ? "-" : "+") + name);
    });
    const auto before = table->data_version();
    REQUIRE(table->put(config_of("T", 1)));
    REQUIRE(table->ensure(config_of("T", 1)));
    REQUIRE(table->ensure(config_of("T", 2)));
    REQUIRE(table->remove("T"));
    CHECK(told == std::vector<std::string>{"+T", "+T", "-T"});
    CHECK(table->data_version().counter == before.counter + 3);
}

TEST_CASE("topics cannot have counts or permissions that no broker has") {
    CHECK_FALSE(config_of("T", -1).check());
    CHECK_FALSE(config_of("T", 1'000'000'000).check());
    auto config = config_of("T", 1);
    config.perm = 16;
    CHECK_FALSE(config.check());
}

TEST_CASE("names have RocketMQ's characters and lengths") {
    CHECK(check_topic_name("%RETRY%g|a-Z_9"));
    CHECK_FALSE(check_topic_name(""));
    CHECK_FALSE(check_topic_name("a b"));
    CHECK_FALSE(check_topic_name("t@g"));
    CHECK(check_topic_name(std::string(127, 'a')));
    CHECK_FALSE(check_topic_name(std::string(128, 'a')));
    CHECK(check_topic_name("%RETRY%" + std::string(120, 'a')));
    CHECK_FALSE(check_group_name(std::string(121, 'a')));
    CHECK(is_system_topic("c_REPLY_TOPIC", "c", "b"));
    CHECK(is_system_topic("rmq_sys_anything", "c", "b"));
    CHECK_FALSE(is_system_topic("T", "c", "b"));
    CHECK_FALSE(is_send_forbidden("TBW102"));
    CHECK(is_send_forbidden("SCHEDULE_TOPIC_XXXX"));
}

TEST_CASE_FIXTURE(Fixture, "committed offsets come back from the file, pulled ones do not") {
    {
        const auto table = offsets();
        table->commit("G", "T", 1, 53);
        table->commit("G", "T", 0, 50);
        table->commit("G", "T", 0, 7);  // backwards is fine
        table->pulled("G", "U", 0, 9);
        CHECK(table->save());
    }
    const auto table = offsets();
    CHECK(table->find("G", "T", 0) == 7);
    CHECK(table->find("G", "T", 1) == 53);
    CHECK_FALSE(table->find("G", "U", 0));
    CHECK_FALSE(table->find("H", "T", 0));
    CHECK(table->topics_of("G") == std::vector<std::string>{"T"});
    CHECK(table->groups_of("T") == std::vector<std::string>{"G"});
    CHECK(content("consumerOffset.json")["groupTopicMap"]["G"].items().size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "offsets beyond the ends of their queues go back to the ends") {
    write("consumerOffset.json",
          R"({"offsetTable":{"T@G":{"0":50,"1":53,"2":7},"T@H":{"0":90,"1":5},"U@G":{"0":4}}})");
    int asked = 0;
    const auto ranges = [&](std::string_view topic,
                            std::int32_t queue) -> std::optional<QueueRange> {
        ++asked;
        if (topic == "U") return QueueRange{};  // it is no more
        if (queue == 2) return std::nullopt;    // its disk does not answer
        return QueueRange{10, 60 - 8 * queue};
    };
    {
        const auto table = offsets();
        table->hold_against(ranges);
        CHECK(asked == 0);
        SUBCASE("each when it is asked for") {
            CHECK(table->find("G", "T", 0) == 50);
            CHECK(table->find("G", "T", 0) == 50);
            CHECK(asked == 1);
            CHECK(table->places("G", "T").at(1).committed == 52);
            CHECK(table->find("H", "T", 0) == 60);
            CHECK(table->find("G", "U", 0) == 0);
        }
        SUBCASE("all of them, bit by bit") {
            while (table->hold_some(2)) continue;
            CHECK(asked == 6);
        }
        SUBCASE("but not those that have been committed since") {
            CHECK(table->commit("H", "T", 0, 70));
            CHECK(table->commit("G", "T", 1, 53));
            while (table->hold_some(100)) continue;
            CHECK(table->find("H", "T", 0) == 70);
            CHECK(table->find("G", "T", 1) == 53);
            table->queue_changed("T", 0, {10, 60});
            table->queue_changed("T", 1, {10, 52});
        }
        while (table->hold_some(2)) continue;
        CHECK(table->find("G", "T", 2) == 7);
        CHECK(table->save());
    }
    const auto table = offsets();
    CHECK(table->find("G", "T", 0) == 50);
    CHECK(table->find("G", "T", 1) == 52);
    CHECK(table->find("H", "T", 0) == 60);
    CHECK(table->find("H", "T", 1) == 5);  // below the begin: its next pull is told
    CHECK(table->find("G", "U", 0) == 0);
}

TEST_CASE_FIXTURE(Fixture, "a queue that becomes shorter takes pending resets and pulls along") {
    const auto table = offsets();
    table->reset("G", "T", 0, 50);
    table->pulled("G", "T", 0, 55);
    CHECK(table->commit("H", "T", 0, 51));
    table->queue_changed("T", 0, {0, 50});
    CHECK(table->places("G", "T").at(0).pulled == 50);
    CHECK(table->find("H", "T", 0) == 50);
    table->queue_changed("T", 0, {0, 20});
    CHECK(table->take_reset("G", "T", 0) == 20);
    CHECK(table->find("G", "T", 0) == 20);
    CHECK(table->find("H", "T", 0) == 20);
}

TEST_CASE_FIXTURE(Fixture, "RocketMQ's own offset file is read, with its bare keys") {
    write("consumerOffset.json",
          "{\n\t\"dataVersion\":{\"counter\":3,\"stateVersion\":0,\"timestamp\":9},\n"
          "\t\"offsetTable\":{\"%RETRY%G@G\":{0:4\n\t\t},\"T@G\":{0:50,1:53\n\t\t}\n\t},"
          "\"pullOffsetTable\":{\"T@G\":{0:60}}}");
    const auto table = offsets();
    CHECK(table->find("G", "T", 1) == 53);
    CHECK(table->find("G", "%RETRY%G", 0) == 4);
    table->commit("G", "T", 0, 51);
    CHECK(table->save());
    CHECK(content("consumerOffset.json")["pullOffsetTable"]["T@G"]["0"].as_int() == 60);
}

TEST_CASE_FIXTURE(Fixture, "a removed group or topic takes its offsets along") {
    const auto table = offsets();
    table->commit("G", "T", 0, 1);
    table->commit("H", "T", 0, 1);
    table->remove_group("G");
    CHECK_FALSE(table->find("G", "T", 0));
    CHECK(table->find("H", "T", 0));
    table->remove_topic("T");
    CHECK_FALSE(table->find("H", "T", 0));
}

TEST_CASE_FIXTURE(Fixture,
                  "a group has defaults, keeps what nobody knows, and is made only if it may be") {
    {
        const auto table = groups();
        auto group = Group::from_json(*json::parse(
            R"({"groupName":"G","consumeEnable":false,"retryMaxTimes":3,"novelty":[1],"brokerId":null})"));
        REQUIRE(group);
        table->put(std::move(*group));
        CHECK(table->find_or_create("H") != nullptr);
        CHECK(table->find_or_create("not a name") == nullptr);
        CHECK(table->save());
    }
    settings.groups.auto_create = false;
    const auto table = groups();
    const auto group = table->find("G");
    REQUIRE(group);
    CHECK_FALSE(group->consume_enabled());
    CHECK(group->retry_max() == 3);
    CHECK(group->retry_queues() == 1);
    CHECK(group->json()["novelty"].items().size() == 1);
    CHECK(group->json()["brokerId"].as_int(-1) == 0);
    CHECK(table->find("H") != nullptr);
    CHECK(table->find_or_create("I") == nullptr);
    CHECK(table->find("TOOLS_CONSUMER") != nullptr);
}
