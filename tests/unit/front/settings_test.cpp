// The daemon's whole table of keys: the broker's and the front end's.

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "broker/settings.h"
#include "config/config.h"
#include "front/rocketmq/settings.h"

using namespace mqd;

namespace {

struct Described {
    broker::Settings settings;
    front::rocketmq::Settings rocketmq;
    config::Config config;

    /// As if the lines stood in a file.
    explicit Described(const std::vector<config::Entry>& entries) {
        broker::describe(config, settings);
        rocketmq.describe(config);
        config.load(entries, "b.conf");
    }
};

}  // namespace

TEST_CASE("RocketMQ's keys are honoured where the table says so, and no others") {
    const std::set<std::string_view> of_name_servers = {
        "kvConfigPath",        "configStorePath",
        "configBlackList",     "scanNotActiveBrokerInterval",
        "orderMessageEnable",  "returnOrderTopicConfigToBroker",
        "supportActingMaster", "enableAllTopicList",
        "enableTopicList",     "deleteTopicWithBrokerRegistration",
        "needWaitForService",  "waitSecondsForService"};
    const Described is({});
    for (const auto& key : config::rocketmq_keys()) {
        CAPTURE(key.name);
        const bool is_honoured = key.meaning == config::RocketmqKey::Meaning::honoured;
        const bool is_ours = is.config.find(key.name) != nullptr;
        CHECK(is_honoured == (is_ours || of_name_servers.contains(key.name)));
    }
}

TEST_CASE("each number is taken at its bounds and refused beyond them, by its name") {
    const Described is({});
    int numbers = 0;
    for (const auto& key : is.config.keys()) {
        if (!key.is_number() || key.type == config::Type::boolean) continue;
        CAPTURE(key.name);
        ++numbers;
        REQUIRE(key.min <= key.max);
        for (const auto bound : {key.min, key.max}) {
            REQUIRE(key.set(std::to_string(bound)));
            CHECK(key.get() == std::to_string(bound));
        }
        for (const auto beyond : {key.min - 1, key.max + 1}) {
            const auto text = std::to_string(beyond);
            CHECK_FALSE(key.set(text));
            CHECK(key.get() == std::to_string(key.max));
            const Described file({{std::string(key.name), text, 7}});
            REQUIRE(file.config.problems().size() == 1);
            CHECK(file.config.problems()[0].starts_with("b.conf:7: " + std::string(key.name)));
        }
        CHECK_FALSE(key.set(""));
        CHECK_FALSE(key.set("x"));
    }
    CHECK(numbers > 40);
}

TEST_CASE("each choice takes its own values and no other") {
    const Described is({});
    for (const auto& key : is.config.keys()) {
        CAPTURE(key.name);
        if (key.type == config::Type::choice) {
            REQUIRE(key.values.size() > 1);
            for (const auto value : key.values) {
                REQUIRE(key.set(value));
                CHECK(key.get() == value);
            }
        }
        if (key.type == config::Type::boolean) {
            for (const std::string_view value : {"true", "false"}) {
                REQUIRE(key.set(value));
                CHECK(key.get() == value);
            }
        }
        if (key.type == config::Type::choice || key.type == config::Type::boolean)
            for (const std::string_view value : {"", "maybe"}) CHECK_FALSE(key.set(value));
    }
}
