// The tables' files as RocketMQ writes them, whole and damaged (mqd-store(5), TABLES).

#include <fstream>
#include <functional>
#include <map>

#include "broker/delay_offsets.h"
#include "broker/groups.h"
#include "broker/offsets.h"
#include "broker/table_file.h"
#include "broker/topics.h"
#include "json/value.h"
#include "support.h"

using namespace mqd;
using namespace mqd::test;
using namespace mqd::broker;

namespace {

namespace fs = std::filesystem;

struct Place {
    Folder folder;
    Settings settings = settings_in(folder);
    ManualClock clock;
    OpenStore store{settings};
    store::Files& files = store::posix_files();
    Place() { REQUIRE(files.make_directories(settings.store.config_dir())); }

    fs::path path(const std::string& name) const { return settings.store.config_dir() / name; }
    void write(const std::string& name, std::string_view text) const {
        std::ofstream(path(name)) << text;
    }
    std::string read(const std::string& name) const {
        std::ifstream in(path(name));
        return {std::istreambuf_iterator<char>(in), {}};
    }
};

/// A file, and what a broker does with it.
struct Kind {
    std::string file;
    std::string java;     ///< as the reference writes it, with members that nobody knows
    std::string strange;  ///< JSON that is no such table
    /// Loads, sees that `java`'s content is there, makes a change and saves.
    std::function<Result<>(Place&, bool expect_java)> use;
    /// Members of `java` that must be in what is saved: path and text.
    std::vector<std::pair<std::vector<std::string>, std::string>> kept;
};

const std::vector<Kind>& kinds() {
    static const std::vector<Kind> all{
        {"topics.json",
         "{\n\t\"dataVersion\":{\"counter\":7,\"stateVersion\":2,\"timestamp\":5},\n"
         "\t\"later\":{\"x\":1},\n\t\"topicConfigTable\":{\n\t\t\"T\":{\n"
         "\t\t\t\"attributes\":{\"message.type\":\"FIFO\"},\n\t\t\t\"future\":\"kept\",\n"
         "\t\t\t\"order\":true,\n\t\t\t\"perm\":4,\n\t\t\t\"readQueueNums\":3,\n"
         "\t\t\t\"topicName\":\"T\",\n\t\t\t\"writeQueueNums\":5\n\t\t}\n\t}\n}",
         R"({"topicConfigTable":{"T":{"topicName":"T","perm":77}}})",
         [](Place& is, bool expect_java) -> Result<> {
             TRY(const auto table, Topics::open(is.files, is.clock, *is.store.is, is.settings));
             CHECK((table->find("T") != nullptr) == expect_java);
             TopicConfig config;
             config.name = "New";
             TRY_OK(table->put(config));
             return table->save();
         },
         {{{"later", "x"}, "1"},
          {{"topicConfigTable", "T", "future"}, "kept"},
          {{"topicConfigTable", "T", "attributes", "message.type"}, "FIFO"},
          {{"topicConfigTable", "T", "writeQueueNums"}, "5"},
          {{"dataVersion", "stateVersion"}, "2"}}},
        {"subscriptionGroup.json",
         "{\n\t\"dataVersion\":{\"counter\":7,\"stateVersion\":2,\"timestamp\":5},\n"
         "\t\"forbiddenTable\":{\"G\":{\"T\":3}},\n\t\"later\":{\"x\":1},\n"
         "\t\"subscriptionGroupTable\":{\"G\":{\"consumeEnable\":false,\"future\":\"kept\","
         "\"groupName\":\"G\",\"retryMaxTimes\":3}}\n}",
         R"({"subscriptionGroupTable":{"G":{"retryMaxTimes":3}}})",
         [](Place& is, bool expect_java) -> Result<> {
             TRY(const auto table, Groups::open(is.files, is.clock, is.settings));
             CHECK((table->find("G") != nullptr) == expect_java);
             table->put(Group::of_name("New"));
             return table->save();
         },
         {{{"later", "x"}, "1"},
          {{"forbiddenTable", "G", "T"}, "3"},
          {{"subscriptionGroupTable", "G", "future"}, "kept"},
          {{"subscriptionGroupTable", "G", "consumeEnable"}, "false"},
          {{"dataVersion", "stateVersion"}, "2"}}},
        {"consumerOffset.json",
         "{\n\t\"dataVersion\":{\"counter\":7,\"stateVersion\":2,\"timestamp\":5},\n"
         "\t\"groupTopicMap\":{\"G\":[\"T\"]},\n\t\"later\":{\"x\":1},\n"
         "\t\"offsetTable\":{\"T@G\":{0:50,1:53,2:-1\n\t\t},\"nameless\":{0:7}},\n"
         "\t\"pullOffsetTable\":{\"T@G\":{0:60}}\n}",
         R"({"offsetTable":{"T@G":{"zero":50}}})",
         [](Place& is, bool expect_java) -> Result<> {
             TRY(const auto table, Offsets::open(is.files, is.clock, is.settings));
             CHECK(table->find("G", "T", 1).value_or(-1) == (expect_java ? 53 : -1));
             CHECK_FALSE(table->find("G", "T", 2));
             table->commit("G", "New", 0, is.clock.now_ms++);
             return table->save();
         },
         {{{"later", "x"}, "1"},
          {{"offsetTable", "T@G", "0"}, "50"},
          {{"offsetTable", "nameless", "0"}, "7"},
          {{"pullOffsetTable", "T@G", "0"}, "60"},
          {{"dataVersion", "stateVersion"}, "2"}}},
        {"delayOffset.json",
         "{\n\t\"dataVersion\":{\"counter\":7,\"stateVersion\":2,\"timestamp\":5},\n"
         "\t\"later\":{\"x\":1},\n\t\"offsetTable\":{1:3,16:0\n\t}\n}",
         R"({"offsetTable":{"1":-3}})",
         [](Place& is, bool expect_java) -> Result<> {
             DelayOffsets table(is.files, is.clock, *is.store.is, is.settings);
             TRY_OK(table.load());
             CHECK(table.find(1).value_or(-1) == (expect_java ? 3 : -1));
             table.set(2, is.clock.now_ms++);
             return table.save();
         },
         {{{"later", "x"}, "1"},
          {{"offsetTable", "1"}, "3"},
          {{"offsetTable", "16"}, "0"},
          {{"dataVersion", "stateVersion"}, "2"}}},
    };
    return all;
}

void check_kept(const Kind& kind, const std::string& text) {
    const auto saved = json::parse(text);
    REQUIRE(saved);
    for (const auto& [path, expected] : kind.kept) {
        const json::Value* value = &*saved;
        for (const auto& name : path) value = &(*value)[name];
        CHECK_MESSAGE(value->as_text() == expected, path.back());
    }
}

}  // namespace

TEST_CASE("a table is read as RocketMQ writes it, and what nobody knows is kept") {
    for (const auto& kind : kinds()) {
        CAPTURE(kind.file);
        Place is;
        is.write(kind.file, kind.java);
        is.write("stranger.json", "not ours");
        for (int round = 0; round < 2; ++round) {
            REQUIRE(kind.use(is, true));
            check_kept(kind, is.read(kind.file));
        }
        check_kept(kind, is.read(kind.file + ".bak"));
        CHECK(is.read("stranger.json") == "not ours");
    }
}

TEST_CASE("a damaged table gives way to the copy before it, and is set aside") {
    for (const auto& kind : kinds()) {
        CAPTURE(kind.file);
        const std::string half = kind.java.substr(0, kind.java.size() / 2);
        for (const std::string& damaged : {half, kind.strange, std::string("[]")}) {
            CAPTURE(damaged);
            Place is;
            is.write(kind.file, damaged);
            is.write(kind.file + ".bak", kind.java);
            REQUIRE(kind.use(is, true));
            CHECK(is.read(kind.file + ".damaged") == damaged);
            check_kept(kind, is.read(kind.file));
            check_kept(kind, is.read(kind.file + ".bak"));
        }
        Place empty;
        empty.write(kind.file, "");
        empty.write(kind.file + ".bak", kind.java);
        REQUIRE(kind.use(empty, true));
        check_kept(kind, empty.read(kind.file));
    }
}

TEST_CASE("a table with both copies damaged stops the start, and both stay as they are") {
    for (const auto& kind : kinds()) {
        CAPTURE(kind.file);
        const std::string half = kind.java.substr(0, kind.java.size() / 2);
        Place is;
        is.write(kind.file, half);
        for (const std::string& copy : {kind.strange, std::string()}) {
            is.write(kind.file + ".bak", copy);
            const auto used = kind.use(is, true);
            REQUIRE_FALSE(used);
            CHECK(used.error().code == Errc::corrupt);
            CHECK(used.error().what.find(is.path(kind.file).string() + ": ") != std::string::npos);
            CHECK(used.error().what.find(kind.file + ".bak") != std::string::npos);
            CHECK(used.error().what.find("byte ") != std::string::npos);
            CHECK(is.read(kind.file) == half);
            CHECK(is.read(kind.file + ".bak") == copy);
        }
    }
}

TEST_CASE("without any file a table begins empty") {
    for (const auto& kind : kinds()) {
        CAPTURE(kind.file);
        Place is;
        REQUIRE(kind.use(is, false));
        CHECK_FALSE(is.read(kind.file).empty());
    }
}

TEST_CASE("a table whose save has failed is saved the next time") {
    const Folder folder;
    const fs::path blocked = folder.path / "config";
    std::ofstream(blocked) << "a file where the folder should be";
    const fs::path path = blocked / "table.json";
    std::atomic<bool> is_dirty = true;
    const auto save = [&] {
        return save_if_dirty(is_dirty, store::posix_files(), path, [] {
            return json::Value::object({{"k", "v"}});
        });
    };
    for (int round = 0; round < 2; ++round) {
        CHECK_FALSE(save());
        CHECK(is_dirty);
    }
    fs::remove(blocked);
    CHECK(save());
    CHECK_FALSE(is_dirty);
    CHECK(fs::exists(path));
    // What has not changed is not written.
    fs::remove(path);
    CHECK(save());
    CHECK_FALSE(fs::exists(path));
}
