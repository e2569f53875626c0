#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "config/file.h"
#include "namesrv/kv_config.h"
#include "namesrv/settings.h"

using namespace mqd;
using namespace mqd::namesrv;

namespace {

struct Folder {
    Folder() { REQUIRE(mkdtemp(path) != nullptr); }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string file(std::string_view name) const { return std::string(path) + "/" + name.data(); }
    char path[32] = "/tmp/mqd-namesrv-XXXXXX";
};

std::string text_of(const std::string& path) {
    const auto text = config::read_file(path);
    return text ? *text : text.error().what;
}

}  // namespace

TEST_CASE("the KV configuration is kept in RocketMQ's file") {
    Folder folder;
    const auto path = folder.file("kvConfig.json");
    {
        auto kv = KvConfig::open(path);
        REQUIRE(kv);
        CHECK(!(*kv)->list("NS"));
        REQUIRE((*kv)->put("NS", "k", "v"));
        REQUIRE((*kv)->put("NS", "k", "v2"));
        REQUIRE((*kv)->put("NS", "gone", "x"));
        REQUIRE((*kv)->put("ORDER_TOPIC_CONFIG", "T", "a:4;b:4"));
        REQUIRE((*kv)->remove("NS", "gone"));
        REQUIRE((*kv)->remove("NS", "never"));
        CHECK((*kv)->get("NS", "k") == "v2");
        CHECK(!(*kv)->get("NS", "gone"));
        CHECK(!(*kv)->get("other", "k"));
    }
    CHECK(text_of(path) ==
          R"({"configTable":{"NS":{"k":"v2"},"ORDER_TOPIC_CONFIG":{"T":"a:4;b:4"}}})");
    auto again = KvConfig::open(path);
    REQUIRE(again);
    CHECK((*again)->list("NS") == KvConfig::Table{{"k", "v2"}});
}

TEST_CASE("puts from many threads are all in the file") {
    Folder folder;
    const auto path = folder.file("kvConfig.json");
    auto kv = KvConfig::open(path);
    REQUIRE(kv);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 10; ++i)
                REQUIRE((*kv)->put("NS", std::to_string(t) + "." + std::to_string(i), "v"));
        });
    for (auto& thread : threads) thread.join();
    auto again = KvConfig::open(path);
    REQUIRE(again);
    REQUIRE((*again)->list("NS"));
    CHECK((*again)->list("NS")->size() == 40);
}

TEST_CASE("a KV file with something else in it is not overwritten but refused") {
    Folder folder;
    const auto path = folder.file("kvConfig.json");
    REQUIRE(config::replace_file(path, "not json"));
    const auto kv = KvConfig::open(path);
    REQUIRE(!kv);
    CHECK(kv.error().code == Errc::corrupt);
}

TEST_CASE("a put that cannot be saved says so, and the next one tries again") {
    Folder folder;
    REQUIRE(config::replace_file(folder.file("dir"), "a file where a folder is needed"));
    auto kv = KvConfig::open(folder.file("dir") + "/kvConfig.json");
    REQUIRE(kv);
    CHECK(!(*kv)->put("NS", "k", "v"));
    std::filesystem::remove(folder.file("dir"));
    CHECK((*kv)->put("NS", "k2", "v"));
    CHECK(text_of(folder.file("dir") + "/kvConfig.json") ==
          R"({"configTable":{"NS":{"k":"v","k2":"v"}}})");
}

TEST_CASE("an update takes effect and is kept beside what the file had") {
    Folder folder;
    Options options;
    options.config_store_path = folder.file("namesrv.conf");
    REQUIRE(config::replace_file(options.config_store_path,
                                 "# ours\norderMessageEnable=false\nlistenPort=1\n"));
    Settings settings(options);
    REQUIRE(settings.update("orderMessageEnable=true\nenableTopicList=false\n"));
    CHECK(settings.get()->order_message_enable);
    CHECK(!settings.get()->enable_topic_list);
    CHECK(text_of(options.config_store_path) ==
          "# ours\norderMessageEnable=true\nlistenPort=1\nenableTopicList=false\n");
    CHECK(settings.properties().find("orderMessageEnable=true\n") != std::string::npos);
}

TEST_CASE("an update is taken whole or not at all") {
    Folder folder;
    Options options;
    options.config_store_path = folder.file("namesrv.properties");
    Settings settings(options);
    const auto black = settings.update("orderMessageEnable=true\nkvConfigPath=/x\n");
    REQUIRE(!black);
    CHECK(black.error().code == Errc::refused);
    const auto bad = settings.update("orderMessageEnable=true\nenableTopicList=perhaps\n");
    REQUIRE(!bad);
    CHECK(bad.error().code == Errc::invalid);
    CHECK(!settings.update("noSuchKey=1\n"));
    CHECK(!settings.get()->order_message_enable);
    CHECK(!std::filesystem::exists(options.config_store_path));
    CHECK(settings.update("useEpollNativeSelector=true\n"));
}

TEST_CASE("an update that asks for what is not done is refused, and one that turns it off is not") {
    Folder folder;
    Options options;
    options.config_store_path = folder.file("namesrv.properties");
    Settings settings(options);
    const auto asked = settings.update("orderMessageEnable=true\nenableControllerInNamesrv=true\n");
    REQUIRE(!asked);
    CHECK(asked.error().code == Errc::invalid);
    CHECK(asked.error().what.find("enableControllerInNamesrv: ") == 0);
    CHECK(!settings.get()->order_message_enable);
    CHECK(settings.update("enableControllerInNamesrv=false\ncontrollerDLegerPeers=n0-a:1\n"));
    CHECK(!std::filesystem::exists(options.config_store_path));
}

TEST_CASE("what has no home to lie in is complained of") {
    Options options;
    options.kv_config_path.clear();
    config::Config config;
    describe(config, options);
    settle(config, options);
    REQUIRE(config.problems().size() == 1);
    CHECK(config.problems()[0].find("kvConfigPath") != std::string::npos);
}

TEST_CASE("an update that cannot be kept is not made") {
    Folder folder;
    REQUIRE(config::replace_file(folder.file("dir"), "x"));
    Options options;
    options.config_store_path = folder.file("dir") + "/namesrv.properties";
    Settings settings(options);
    CHECK(!settings.update("orderMessageEnable=true\n"));
    CHECK(!settings.get()->order_message_enable);
}

TEST_CASE("a reload takes the keys that can change and leaves the others") {
    Settings settings{Options()};
    Options next;
    next.order_message_enable = true;
    next.listen_port = 1;
    settings.reload(next);
    CHECK(settings.get()->order_message_enable);
    CHECK(settings.get()->listen_port == 9876);
}
