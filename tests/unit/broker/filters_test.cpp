// consumerFilter.json: what is kept of SQL92 filters, and for how long.

#include "broker/filters.h"

#include "broker/bloom.h"
#include "store/table/config_file.h"
#include "support.h"

using namespace mqd;
using namespace mqd::test;
using namespace mqd::broker;

namespace {

struct Filtering {
    Folder folder;
    ManualClock clock;
    Settings settings = settings_in(folder);
    std::unique_ptr<Filters> filters;

    Filtering() {
        std::filesystem::create_directories(settings.store.config_dir());
        open();
    }
    void open() {
        auto opened = Filters::open(store::posix_files(), clock, settings);
        REQUIRE(opened);
        filters = std::move(*opened);
    }
    std::filesystem::path path() const {
        return settings.store.config_dir() / "consumerFilter.json";
    }
    void write(std::string_view text) const {
        REQUIRE(store::save_config(store::posix_files(), path(), text));
    }
    json::Value saved() const {
        REQUIRE(filters->save());
        json::Value out;
        REQUIRE(store::load_config(store::posix_files(), path(),
                                   [&](std::string_view text) -> Result<> {
                                       TRY(out, json::parse(text));
                                       return {};
                                   }));
        return out;
    }
    bool heard(std::string text, std::int64_t version, std::string topic = "T",
               std::string type = "SQL92") const {
        auto is = Subscription::make(topic, text, type, version);
        const std::vector<SubscriptionRef> list{
            is ? *is : Subscription::unusable(topic, text, type, version)};
        return filters->heard("G", list);
    }
};

/// As RocketMQ 5.3.3 wrote it.
constexpr std::string_view from_rocketmq = R"json({
	"filterDataByTopic":{
		"OrdersTopic":{
			"groupFilterData":{
				"sql-consumer":{
					"bloomFilterData":{
						"bitNum":112,
						"bitPos":[78,103,16]
					},
					"bornTime":900000,
					"clientVersion":1795220218333,
					"consumerGroup":"sql-consumer",
					"dead":true,
					"deadTime":950000,
					"expression":"price > 50 AND color IS NOT NULL AND color IN ('red','blue')",
                           "expressionType" : "SQL92", "topic" : "OrdersTopic"
}
}
, "topic" : "OrdersTopic"
}
}
})json";

}  // namespace

TEST_CASE("the bits of a filter are RocketMQ's") {
    using Bits = std::array<std::int32_t, 3>;
    CHECK(bloom_positions("sql-consumer#OrdersTopic") == Bits{78, 103, 16});
    CHECK(bloom_positions("sqlB#FilterTopic") == Bits{52, 96, 10});
    CHECK(bloom_positions("sqlA#FilterTopic") == Bits{108, 49, 95});
}

TEST_CASE_FIXTURE(Filtering, "a filter outlives its group's connections and the broker") {
    CHECK(heard("price > 5", 7));
    CHECK_FALSE(heard("price > 5", 7));  // each heartbeat repeats it
    filters->left("G");
    saved();
    open();
    const auto kept = filters->find("G", "T");
    REQUIRE(kept);
    CHECK(kept->expression == "price > 5");
    CHECK(kept->version == 7);
    CHECK(kept->sql);
    CHECK(filters->find("G", "U") == nullptr);
    CHECK(filters->find("H", "T") == nullptr);
}

TEST_CASE_FIXTURE(Filtering, "the file is as RocketMQ writes it") {
    heard("price > 5", 7);
    const auto entry = saved()["filterDataByTopic"]["T"]["groupFilterData"]["G"];
    CHECK(entry["bornTime"].as_int() == clock.now_ms);
    CHECK(entry["clientVersion"].as_int() == 7);
    CHECK(entry["consumerGroup"].as_text() == "G");
    CHECK_FALSE(entry["dead"].as_bool(true));
    CHECK(entry["deadTime"].as_int(-1) == 0);
    CHECK(entry["expression"].as_text() == "price > 5");
    CHECK(entry["expressionType"].as_text() == "SQL92");
    CHECK(entry["topic"].as_text() == "T");
    CHECK(entry["bloomFilterData"]["bitNum"].as_int() == 112);
    CHECK(entry["bloomFilterData"]["bitPos"].items().size() == 3);
    CHECK(saved()["filterDataByTopic"]["T"]["topic"].as_text() == "T");
}

TEST_CASE_FIXTURE(Filtering, "a file that RocketMQ wrote is read, and its bits are kept") {
    write(from_rocketmq);
    open();
    REQUIRE(filters->find("sql-consumer", "OrdersTopic"));
    heard("price > 5", 7);  // so that it is written
    const auto topics = saved()["filterDataByTopic"];
    const auto entry = topics["OrdersTopic"]["groupFilterData"]["sql-consumer"];
    CHECK(entry["bloomFilterData"]["bitPos"].items().size() == 3);
    CHECK(entry["bloomFilterData"]["bitPos"].items()[1].as_int() == 103);
    CHECK(entry["dead"].as_bool(false));
    CHECK(entry["deadTime"].as_int() == 950'000);
    CHECK(topics.has("T"));
}

TEST_CASE_FIXTURE(Filtering, "a file that cannot be read is no reason not to start") {
    for (const std::string_view text : {"", "no JSON", "[]", R"({"filterDataByTopic":5})"}) {
        std::filesystem::remove(path());
        std::filesystem::remove(path().string() + ".bak");
        write(text);
        open();
        CHECK(filters->find("G", "T") == nullptr);
    }
    // What is not understood is passed over alone.
    write(R"({"filterDataByTopic":{"T":{"groupFilterData":{)"
          R"("G":{"expression":"price >","expressionType":"SQL92"},"H":5,)"
          R"("I":{"expression":"x","expressionType":"OTHER"},)"
          R"("J":{"expression":"a = 1","expressionType":"SQL92"}}},"U":7}})");
    open();
    CHECK(filters->find("G", "T") == nullptr);
    CHECK(filters->find("H", "T") == nullptr);
    CHECK(filters->find("I", "T") == nullptr);
    CHECK(filters->find("J", "T") != nullptr);
}

TEST_CASE_FIXTURE(Filtering, "the newest text of a connected group is what is kept") {
    heard("price > 5", 7);
    CHECK(heard("price > 6", 8));
    CHECK(filters->find("G", "T")->expression == "price > 6");
    // It is told anew what it already was.
    CHECK(heard("price > 6", 9));
    CHECK(filters->find("G", "T")->version == 9);
    // One that cannot be parsed is none.
    CHECK(heard("price >", 10));
    CHECK(filters->find("G", "T") == nullptr);
    // Tags are nobody's business here.
    CHECK_FALSE(heard("A || B", 11, "T", "TAG"));
    CHECK(filters->find("G", "T") == nullptr);
}

TEST_CASE_FIXTURE(Filtering, "what nobody has used for a day goes with the next save") {
    heard("price > 5", 7);
    heard("price > 5", 7, "U");  // T is not named any more
    clock.now_ms += 25LL * 3'600'000;
    heard("price > 6", 8, "U");
    const auto topics = saved()["filterDataByTopic"];
    CHECK_FALSE(topics.has("T"));
    CHECK(topics.has("U"));
    CHECK(filters->find("G", "T") == nullptr);

    filters->remove_topic("U");
    CHECK(filters->find("G", "U") == nullptr);
    heard("price > 6", 8, "U");
    filters->remove_group("G");
    CHECK(filters->find("G", "U") == nullptr);
    CHECK(saved()["filterDataByTopic"].members().empty());
}

TEST_CASE_FIXTURE(Filtering,
                  "a broker that was killed takes its groups for gone half a minute before") {
    heard("price > 5", 7);
    saved();
    clock.now_ms += 100'000;
    open();
    heard("a = 1", 1, "U");  // so that it is written
    const auto entry = saved()["filterDataByTopic"]["T"]["groupFilterData"]["G"];
    CHECK(entry["deadTime"].as_int() >= clock.now_ms - 30'000);
}
