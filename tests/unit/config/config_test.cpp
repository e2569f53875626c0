#include <doctest/doctest.h>

#include <cstdlib>

#include "config/config.h"

using namespace mqd;

namespace {

enum class Flush { async, sync };

struct Options {
    std::uint16_t port = 9876;
    std::int64_t scan_ms = 5000;
    std::int64_t file_bytes = 1 << 30;
    bool trace = false;
    Flush flush = Flush::async;
    std::string name = "broker-a";
    std::string namesrv;
};

void describe(config::Config& c, Options& o) {
    c.integer("listenPort", o.port, 0, 65535, "port");
    c.duration("scanInterval", o.scan_ms, 100, 600'000, "scan").reloadable();
    c.size("mappedFileSize", o.file_bytes, 4096, 1LL << 40, "size of a file");
    c.boolean("traceOn", o.trace, "clients may trace");
    c.choice("flushDiskType", o.flush, {{"ASYNC_FLUSH", Flush::async}, {"SYNC_FLUSH", Flush::sync}},
             "when");
    c.text("brokerName", o.name, "name");
    c.text("namesrvAddr", o.namesrv, "where").from_environment("MQD_TEST_NAMESRV");
}

struct Fixture {
    Options options;
    config::Config config;
    Fixture() { describe(config, options); }
    void properties(std::string_view text) {
        const auto entries = config::parse_properties(text, "broker.conf");
        REQUIRE(entries);
        config.load(*entries, "broker.conf");
    }
    std::string problems() const {
        std::string all;
        for (const auto& p : config.problems()) all += p + "\n";
        return all;
    }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "values of every type land in their fields") {
    properties(
        "listenPort=10911\nscanInterval=10s\nmappedFileSize=64M\ntraceOn=true\n"
        "flushDiskType=SYNC_FLUSH\nbrokerName=b\n");
    CHECK(problems() == "");
    CHECK(options.port == 10911);
    CHECK(options.scan_ms == 10'000);
    CHECK(options.file_bytes == 64 << 20);
    CHECK(options.trace);
    CHECK(options.flush == Flush::sync);
    CHECK(options.name == "b");
}

TEST_CASE_FIXTURE(Fixture, "plain numbers are milliseconds and bytes, as in RocketMQ's files") {
    properties("scanInterval=7000\nmappedFileSize=1073741824\n");
    CHECK(problems() == "");
    CHECK(options.scan_ms == 7000);
    CHECK(options.file_bytes == 1 << 30);
}

TEST_CASE_FIXTURE(Fixture, "all that is wrong is told at once, with file and line") {
    properties(
        "listenPort=70000\nscanInterval=1w\ntraceOn=yes\nflushDiskType=SYNC\n"
        "brokerNam=x\nnoSuchThing=1\nlistenPort=abc\n");
    CHECK(problems() ==
          "broker.conf:1: listenPort: 70000 is outside 0..65535\n"
          "broker.conf:2: scanInterval: '1w' is not a duration (like 500ms, 10s, 2h)\n"
          "broker.conf:3: traceOn: 'yes' is not one of true, false\n"
          "broker.conf:4: flushDiskType: 'SYNC' is not one of ASYNC_FLUSH, SYNC_FLUSH\n"
          "broker.conf:5: unknown key 'brokerNam' (did you mean brokerName?)\n"
          "broker.conf:6: unknown key 'noSuchThing'\n"
          "broker.conf:7: listenPort: line 1 has another value (RocketMQ takes the last): remove "
          "one of them\n"
          "broker.conf:7: listenPort: 'abc' is not a whole number\n");
    CHECK(options.port == 9876);
}

TEST_CASE_FIXTURE(Fixture, "a key that only RocketMQ has a use for is a warning") {
    properties("osPageCacheBusyTimeOutMills=1000\nuseEpollNativeSelector=true\n");
    CHECK(problems() == "");
    REQUIRE(config.warnings().size() == 2);
    CHECK(config.warnings()[0] ==
          "broker.conf:1: osPageCacheBusyTimeOutMills is ignored: it has no meaning here");
}

TEST_CASE_FIXTURE(Fixture, "an option beats the environment, which beats the file") {
    ::setenv("MQD_TEST_NAMESRV", "env:9876", 1);
    config.set_option("listenPort", "1234", "--listen");
    properties("listenPort=1\nnamesrvAddr=file:9876\nbrokerName=f\n");
    config.load_environment();
    ::unsetenv("MQD_TEST_NAMESRV");
    CHECK(options.port == 1234);
    CHECK(options.namesrv == "env:9876");
    CHECK(options.name == "f");
    CHECK(config.find("listenPort")->origin.text == "--listen");
    CHECK(config.find("namesrvAddr")->origin.text == "$MQD_TEST_NAMESRV");
    CHECK(config.find("brokerName")->origin.text == "broker.conf:3");
    CHECK(!config.is_set("traceOn"));
}

TEST_CASE_FIXTURE(Fixture, "a derived default gives way to any given value") {
    config.set_default("brokerName", "host", "host name");
    CHECK(options.name == "host");
    properties("namesrvAddr=given\n");
    config.set_default("namesrvAddr", "derived", "why");
    CHECK(options.namesrv == "given");
}

TEST_CASE_FIXTURE(Fixture, "what is printed says where it came from and is read back") {
    properties("listenPort=1\nbrokerName=a \"quoted\\\\\" name\nflushDiskType=SYNC_FLUSH\n");
    config.set_option("traceOn", "true", "--trace");
    const auto text = config.print();
    CHECK(text ==
          "listenPort = 1  # broker.conf:1\n"
          "scanInterval = 5000  # default\n"
          "mappedFileSize = 1073741824  # default\n"
          "traceOn = true  # --trace\n"
          "flushDiskType = \"SYNC_FLUSH\"  # broker.conf:3\n"
          "brokerName = \"a \\\"quoted\\\\\\\" name\"  # broker.conf:2\n"
          "namesrvAddr = \"\"  # default\n");
    CHECK(config::format_of("printed", text) == config::Format::toml);

    Fixture again;
    const auto entries = config::parse_toml(text, "printed");
    REQUIRE(entries);
    again.config.load(*entries, "printed");
    CHECK(again.problems() == "");
    CHECK(again.config.differences(config).empty());
}

TEST_CASE_FIXTURE(Fixture, "an update at run time is checked and beats all others") {
    config.set_option("scanInterval", "1s", "--scan");
    CHECK(config.update("scanInterval", "2s"));
    CHECK(options.scan_ms == 2000);
    CHECK(config.update("scanInterval", "1").error().what ==
          "scanInterval: 1 is outside 100..600000");
    CHECK(config.update("nope", "1").error().code == Errc::not_found);
    CHECK(options.scan_ms == 2000);
    CHECK(config.properties().find("scanInterval=2000\n") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "differences name the keys that a reload would change") {
    Fixture next;
    next.properties("scanInterval=9s\nlistenPort=1\n");
    const auto keys = next.config.differences(config);
    REQUIRE(keys.size() == 2);
    CHECK(keys[0]->name == "listenPort");
    CHECK(!keys[0]->is_reloadable);
    CHECK(keys[1]->is_reloadable);
}

TEST_CASE("a file that cannot be read is a problem that names it") {
    Fixture f;
    f.config.load("/nonexistent/broker.conf");
    CHECK(f.problems() == "cannot read /nonexistent/broker.conf: No such file or directory\n");
}

TEST_CASE("RocketMQ's keys are known by name") {
    for (const auto* name : {"brokerClusterName", "mapedFileSizeCommitLog", "tls.server.mode"})
        CHECK_MESSAGE(config::find_rocketmq_key(name) != nullptr, name);
    CHECK(config::find_rocketmq_key("brokerclustername") == nullptr);
    CHECK(config::find_rocketmq_key("") == nullptr);
    CHECK(config::find_rocketmq_key("~") == nullptr);
}

TEST_CASE("each of RocketMQ's keys is in one class, and a promise says why it is not kept") {
    using Meaning = config::RocketmqKey::Meaning;
    for (const auto& key : config::rocketmq_keys()) {
        CAPTURE(key.name);
        const bool asks = key.asks != nullptr;
        CHECK((key.meaning != Meaning::promise || asks));
        CHECK((key.meaning != Meaning::none || !asks));
        CHECK(asks == !key.why.empty());
        // What a key belongs to is a switch of its own.
        if (key.belongs_to.empty()) continue;
        const auto* owner = config::find_rocketmq_key(key.belongs_to);
        REQUIRE(owner != nullptr);
        const bool is_switch = owner->asks != nullptr;
        CHECK(is_switch);
        CHECK(owner->belongs_to.empty());
    }
}

TEST_CASE_FIXTURE(Fixture,
                  "a key that asks for what is not done is a problem, with what to write") {
    properties(
        "authenticationEnabled=true\nstoreType=defaultRocksDB\nuseEpollNativeSelector=true\n");
    CHECK(problems() ==
          "broker.conf:1: authenticationEnabled: mqd does not check accounts and permissions yet, "
          "and would run unprotected: write authenticationEnabled=false\n"
          "broker.conf:2: storeType: mqd does not use RocksDB, and would not see the data in "
          "it: write storeType=default\n");
    CHECK(config.warnings().size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "a value that turns a promise off is always fine") {
    properties(
        "aclEnable=false\nauthenticationEnabled=FALSE\nauthorizationEnabled=\n"
        "enableDLegerCommitLog=false\nstoreType=default\nmessageStorePlugIn=\n"
        "readOnlyCommitLogStorePaths=\ntotalReplicas=1\nminInSyncReplicas=1\ntls.enable=false\n"
        "tls.server.mode=permissive\nuseTLS=false\nsocksProxyConfig={}\nconfigManagerVersion=v1\n"
        "mapedFileSizeCommitLog=1073741824\nhaMasterAddress=\ninBrokerContainer=false\n");
    CHECK(problems() == "");
    CHECK(config.warnings().size() == 17);
}

TEST_CASE_FIXTURE(Fixture, "what belongs to a switch promises nothing where that is off") {
    properties("dLegerPeers=n0-a:1\nauthenticationWhitelist=10.0.0.1\n");
    CHECK(config.problems().size() == 2);
    Fixture off;
    off.properties(
        "dLegerPeers=n0-a:1\nauthenticationWhitelist=10.0.0.1\nenableDLegerCommitLog=false\n"
        "authenticationEnabled=false\n");
    CHECK(off.problems() == "");
    Fixture on;
    on.properties("dLegerPeers=n0-a:1\nenableDLegerCommitLog=true\n");
    CHECK(on.config.problems().size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "a typing mistake opens nothing") {
    properties("aclEnable=ture\ntls.server.mode=enforced\n");
    CHECK(config.problems().size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "a secret is not told") {
    properties("initAuthenticationUser={\"username\":\"a\",\"password\":\"s3cret\"}\n");
    CHECK(config.problems().size() == 1);
    CHECK(problems().find("s3cret") == std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "a key that stands twice must say the same") {
    properties(
        "brokerName=a\nlistenPort=1\n\nlistenPort=1\nbrokerName=b\nuseEpollNativeSelector=a\n"
        "useEpollNativeSelector=b\n");
    CHECK(problems() ==
          "broker.conf:5: brokerName: line 1 has another value (RocketMQ takes the last): remove "
          "one of them\n"
          "broker.conf:7: useEpollNativeSelector: line 6 has another value (RocketMQ takes the "
          "last): remove one of them\n");
    CHECK(options.port == 1);
}
