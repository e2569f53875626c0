#include <doctest/doctest.h>

#include <algorithm>

#include "broker/settings.h"

using namespace mqd;

namespace {

struct Described {
    broker::Settings settings;
    config::Config config;

    /// As if the lines stood in a file.
    explicit Described(const std::vector<config::Entry>& entries) {
        broker::describe(config, settings);
        config.load(entries, "b.conf");
        broker::settle(config, settings);
    }
    bool complains_of(std::string_view key) const {
        return std::any_of(
            config.problems().begin(), config.problems().end(),
            [&](const std::string& text) { return text.find(key) != std::string::npos; });
    }
};

}  // namespace

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
