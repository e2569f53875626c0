// What each request of a name server asks the gate, and that nothing happens when it says no. As
// tests/unit/front/gate_test.cpp.

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "../recording_gate.h"
#include "namesrv/namesrv.h"
#include "remoting/channel.h"

using namespace mqd;
using mqd::test::RecordingGate;
namespace code = wire::request_code;
namespace answer = wire::response_code;

namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;
using Asked = std::vector<std::string>;

struct Case {
    std::int32_t code;
    Fields fields;
    Asked asked;
    std::string body = {};
};

const Fields registration = {{"brokerName", "b"},
                             {"brokerAddr", "127.0.0.1:10911"},
                             {"clusterName", "C"},
                             {"haServerAddr", "127.0.0.1:10912"},
                             {"brokerId", "0"}};
const Fields kv = {{"namespace", "N"}, {"key", "k"}, {"value", "v"}};
const Asked super_only = {"Super Broker:b"};
const Asked get = {"Get Cluster:"}, update = {"Update Cluster:"};

std::vector<Case> cases() {
    const std::string version = R"({"counter":1,"timestamp":1})";
    return {
        {code::register_broker, registration, super_only,
         R"({"topicConfigSerializeWrapper":{"dataVersion":)" + version +
             R"(,"topicConfigTable":{"T":{"topicName":"T","readQueueNums":1,"writeQueueNums":1,"perm":6}}},"filterServerList":[]})"},
        {code::query_data_version, registration, super_only, version},
        {code::broker_heartbeat, registration, super_only},
        {code::get_routeinfo_by_topic, {{"topic", "T"}}, {"Pub/Sub/Get Topic:T"}},
        {code::get_routeinfo_by_topic, {{"topic", "%RETRY%G"}}, {"Sub/Get Group:G"}},
        {code::get_broker_cluster_info, {}, get},
        {code::get_broker_member_group, registration, get},
        {code::get_all_topic_list_from_nameserver, {}, get},
        {code::get_topics_by_cluster, {{"cluster", "C"}}, get},
        {code::get_system_topic_list_from_ns, {}, get},
        {code::get_unit_topic_list, {}, get},
        {code::get_has_unit_sub_topic_list, {}, get},
        {code::get_has_unit_sub_ununit_topic_list, {}, get},
        {code::put_kv_config, kv, update},
        {code::get_kv_config, kv, get},
        {code::get_kvlist_by_namespace, kv, get},
        {code::delete_kv_config, kv, update},
        {code::get_namesrv_config, {}, get},
        {code::update_namesrv_config, {}, update, "orderMessageEnable=true"},
        {code::wipe_write_perm_of_broker, registration, update},
        {code::add_write_perm_of_broker, registration, update},
        {code::register_topic_in_namesrv,
         {{"topic", "N"}},
         update,
         R"({"brokerDatas":[],"queueDatas":[]})"},
        {code::delete_topic_in_namesrv, {{"topic", "T"}}, update},
        {code::unregister_broker, registration, super_only},
    };
}

class Gated {
public:
    Gated() {
        REQUIRE(mkdtemp(folder_) != nullptr);
        namesrv::Options options;
        options.kv_config_path = std::string(folder_) + "/kvConfig.json";
        options.config_store_path = std::string(folder_) + "/namesrv.properties";
        auto opened = namesrv::Namesrv::open(options, gate);
        REQUIRE(opened);
        namesrv_ = std::move(*opened);
        auto server = remoting::Server::listen(threads_, "127.0.0.1:0", *namesrv_);
        REQUIRE(server);
        server_ = std::move(*server);
        channel_ = remoting::Channel::make(threads_.at(0),
                                           "127.0.0.1:" + std::to_string(server_->port()), {});
    }
    ~Gated() {
        channel_->close();
        threads_.stop();
        std::filesystem::remove_all(folder_);
    }
    remoting::Answer ask(const Case& is) {
        auto got =
            channel_->call_and_wait(is.code, wire::RawHeader{is.fields}, as_bytes(is.body), 10'000);
        REQUIRE(got);
        return std::move(*got);
    }
    /// What a request could change.
    std::string state() {
        gate.refuse("");
        std::string out;
        for (const auto code : {code::get_broker_cluster_info,
                                code::get_all_topic_list_from_nameserver, code::get_namesrv_config})
            out += ask({code, {}, {}}).body;
        out += ask({code::get_routeinfo_by_topic, {{"topic", "T"}}, {}}).body;
        return out + ask({code::get_kvlist_by_namespace, kv, {}}).body;
    }

    RecordingGate gate;

private:
    char folder_[32] = "/tmp/mqd-namesrv-XXXXXX";
    std::unique_ptr<namesrv::Namesrv> namesrv_;
    net::IoThreads threads_{1, "test-io"};
    std::unique_ptr<remoting::Server> server_;
    std::shared_ptr<remoting::Channel> channel_;
};

template <auto handler>
concept NeedsNothing = requires {
    namesrv::Request::of<handler>(1);
};

}  // namespace

TEST_CASE("a name server's request cannot be added without a word about what it touches") {
    static_assert(!NeedsNothing<namesrv::get_broker_cluster_info>);
    static_assert(!std::is_aggregate_v<namesrv::Request>);
}

TEST_CASE("every request of the name server's table has an expectation here, and none has more") {
    std::map<std::int32_t, bool> expected;
    for (const auto& is : cases()) expected[is.code] |= !is.asked.empty();
    for (const auto& request : namesrv::requests()) {
        CAPTURE(request.code);
        REQUIRE(expected.contains(request.code));
        CHECK(expected[request.code]);
        expected.erase(request.code);
    }
    CHECK(expected.empty());
}

TEST_CASE_FIXTURE(Gated, "a name server's request asks for what it touches and nothing else") {
    for (const auto& is : cases()) {
        CAPTURE(is.code);
        gate.take();
        const auto got = ask(is);
        CAPTURE(got.remark);
        CHECK(got.code != answer::no_permission);
        CHECK(gate.take() == is.asked);
        CHECK(gate.address().starts_with("127.0.0.1:"));
    }
}

TEST_CASE_FIXTURE(Gated, "what the name server refuses is answered 16 and does nothing") {
    const auto all = cases();
    // A broker with a topic, and a pair of the KV configuration.
    for (const auto& is : all)
        if (is.code == code::register_broker || is.code == code::put_kv_config)
            REQUIRE(ask(is).code == answer::success);
    const auto before = state();
    for (const auto& is : all) {
        CAPTURE(is.code);
        gate.refuse("all");
        const auto got = ask(is);
        CHECK(got.code == answer::no_permission);
        CHECK(got.body.empty());
        const auto& asked = is.asked.front();
        const auto space = asked.find(' ');
        CHECK(got.remark.starts_with("A client without an account has no permission to " +
                                     asked.substr(0, space) + " on " + asked.substr(space + 1) +
                                     " from 127.0.0.1:"));
        CHECK(state() == before);
    }
}
