#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "broker/settings.h"

using namespace mqd;

namespace {

struct Described {
    broker::Settings settings;
    config::Config config;

    /// As if the lines stood in a file.
    explicit Described(const std::vector<config::Entry>& entries, bool to_settle = true) {
        broker::describe(config, settings);
        config.load(entries, "b.conf");
        if (to_settle) broker::settle(config, settings);
    }
    bool complains_of(std::string_view key) const {
        return std::any_of(
            config.problems().begin(), config.problems().end(),
            [&](const std::string& text) { return text.find(key) != std::string::npos; });
    }
};

}  // namespace

namespace {

/// For the length of a test.
class Environment {
public:
    Environment(const char* name, const char* value) : name_(name) {
        const char* before = std::getenv(name);
        if (before != nullptr) before_ = before;
        set(value);
    }
    ~Environment() { set(before_ ? before_->c_str() : nullptr); }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;

private:
    void set(const char* value) const {
        if (value == nullptr)
            ::unsetenv(name_);
        else
            ::setenv(name_, value, 1);
    }
    const char* name_;
    std::optional<std::string> before_;
};

}  // namespace

TEST_CASE("slaves, and a commit log in several directories, are refused with what to write") {
    for (const auto& [key, value] : {std::pair{"brokerRole", "SLAVE"},
                                     {"brokerId", "1"},
                                     {"brokerId", "-1"},
                                     {"storePathCommitLog", "/a,/b"},
                                     {"readOnlyCommitLogStorePaths", "/a"}})
        CHECK_MESSAGE(Described({{key, value, 1}}).complains_of("b.conf:1: " + std::string(key)),
                      value);
    CHECK_FALSE(Described({{"brokerRole", "SYNC_MASTER", 1}}).complains_of("brokerRole"));
}

TEST_CASE("a SYNC_MASTER that waits for nobody is told of") {
    CHECK(Described({{"brokerRole", "SYNC_MASTER", 1}}).config.warnings().size() == 1);
    CHECK(Described({{"brokerRole", "SYNC_MASTER", 1}, {"inSyncReplicas", "2", 2}})
              .config.warnings()
              .empty());
}

TEST_CASE("the parts of a store lie where the keys say") {
    const Described is({{"storePathRootDir", "/r", 1},
                        {"storePathCommitLog", "/disk1/log/", 2},
                        {"storePathConsumeQueue", "/r/consumequeue", 3},
                        {"storePathIndex", "/disk2/../disk3/index", 4}});
    CHECK(is.config.problems().empty());
    const auto places = is.settings.store.places();
    CHECK(places / "commitlog" == "/disk1/log");
    CHECK(places / "commitlog/00000000000000000000" == "/disk1/log/00000000000000000000");
    CHECK(places / "consumequeue/T/0" == "/r/consumequeue/T/0");
    CHECK(places / "index" == "/disk3/index");
    CHECK(places / "config" == "/r/config");
    CHECK(places.is_apart("index/1"));
    CHECK_FALSE(places.is_apart("consumequeue"));
    CHECK(places.name_of("/disk3/index/1") == "index/1");
    CHECK(places.name_of("/r/consumequeue/T/0/1") == "consumequeue/T/0/1");
}

TEST_CASE("two parts of a store in one directory, or a checkpoint outside of it, are refused") {
    CHECK(Described({{"storePathRootDir", "/r", 1},
                     {"storePathCommitLog", "/d", 2},
                     {"storePathIndex", "/d", 3}})
              .complains_of("storePathIndex: storePathCommitLog has the same directory"));
    CHECK(Described({{"storePathRootDir", "/r", 1}, {"storeCheckpoint", "/d/checkpoint", 2}})
              .complains_of("storeCheckpoint"));
    CHECK(Described({{"storePathRootDir", "/r", 1}, {"abortFile", "/d/abort", 2}})
              .complains_of("abortFile"));
    CHECK(Described({{"storePathRootDir", "/r", 1},
                     {"storeCheckpoint", "/r/checkpoint", 2},
                     {"abortFile", "/r/abort", 3}})
              .config.problems()
              .empty());
}

TEST_CASE("without a home and a path there is no store") {
    const Environment home("HOME", nullptr);
    CHECK(Described({}).complains_of("storePathRootDir"));
    CHECK(Described({{"storePathRootDir", "/r", 1}}).config.problems().empty());
}

TEST_CASE("the VIP port is 2 below the port, as long as nobody says another") {
    CHECK(Described({}).settings.network.vip_port == 10909);
    CHECK(Described({{"listenPort", "20000", 1}}).settings.network.vip_port == 19998);
    CHECK(Described({{"listenPort", "3", 1}}).settings.network.vip_port == 1);
    CHECK(Described({{"listenPort", "2", 1}}).settings.network.vip_port == 0);
    CHECK(Described({{"listenPort", "0", 1}}).settings.network.vip_port == 0);
    CHECK(Described({{"fastListenPort", "0", 1}}).settings.network.vip_port == 0);
    CHECK(Described({{"fastListenPort", "7", 1}}).settings.network.vip_port == 7);
    CHECK(Described({{"fastListenPort", "10911", 1}}).complains_of("fastListenPort"));
}

TEST_CASE("a standalone broker is on the loopback, and registers nowhere but at itself") {
    const auto alone = [](const std::vector<config::Entry>& entries) {
        auto is = std::make_unique<Described>(std::vector<config::Entry>{}, false);
        is->config.load(entries, "b.conf");
        is->config.load_environment();
        broker::settle(is->config, is->settings, true);
        return is;
    };
    const Environment somewhere("NAMESRV_ADDR", "10.0.0.9:9876");
    const auto is = alone({});
    CHECK(is->settings.network.bind_address == "127.0.0.1");
    CHECK(is->settings.network.ip == "127.0.0.1");
    CHECK(is->settings.network.namesrv.empty());
    CHECK(alone({{"bindAddress", "0.0.0.0", 1}})->settings.network.bind_address == "0.0.0.0");
    const auto told = alone({{"namesrvAddr", "10.0.0.8:9876", 1}});
    CHECK(told->settings.network.namesrv.empty());
    CHECK(alone({{"brokerIP1", "10.1.1.1", 1}})->config.warnings().size() == 1);
}

TEST_CASE("retention has RocketMQ's keys and defaults") {
    const Described is({});
    const auto keep = is.settings.store_options().retention;
    CHECK(keep.hours == std::vector<int>{4});
    CHECK(keep.keep_ms == 72LL * 3'600'000);
    CHECK(keep.begin_percent == 75);
    CHECK(keep.force_percent == 85);
    CHECK(keep.force);
    CHECK(keep.interval_ms == 10'000);
    CHECK(keep.files_a_round == 10);
    CHECK(keep.pause_ms == 100);
    CHECK(is.settings.store_options().disk_full_percent == 90);
}

TEST_CASE("retention is as the file says") {
    const Described is({{"deleteWhen", "04;16;", 1},
                        {"fileReservedTime", "48", 2},
                        {"diskMaxUsedSpaceRatio", "88", 3},
                        {"diskSpaceCleanForciblyRatio", "80", 4},
                        {"diskSpaceWarningLevelRatio", "95", 5},
                        {"cleanFileForciblyEnable", "false", 6},
                        {"cleanResourceInterval", "5000", 7},
                        {"deleteFileBatchMax", "3", 8},
                        {"deleteCommitLogFilesInterval", "1s", 9}});
    CHECK(is.config.problems().empty());
    const auto keep = is.settings.store_options().retention;
    CHECK(keep.hours == std::vector<int>{4, 16});
    CHECK(keep.keep_ms == 48LL * 3'600'000);
    CHECK(keep.begin_percent == 88);
    CHECK(keep.force_percent == 80);
    CHECK_FALSE(keep.force);
    CHECK(keep.interval_ms == 5000);
    CHECK(keep.files_a_round == 3);
    CHECK(keep.pause_ms == 1000);
    CHECK(is.settings.store_options().disk_full_percent == 95);
}

TEST_CASE("hours and percentages that there are not are complained of") {
    const Described is({{"deleteWhen", "24", 1},
                        {"diskMaxUsedSpaceRatio", "101", 2},
                        {"fileReservedTime", "-1", 3},
                        {"deleteFileBatchMax", "0", 4}});
    for (const auto* key :
         {"deleteWhen", "diskMaxUsedSpaceRatio", "fileReservedTime", "deleteFileBatchMax"})
        CHECK_MESSAGE(is.complains_of(key), key);
    CHECK(Described({{"deleteWhen", "four", 1}}).complains_of("deleteWhen"));
}
