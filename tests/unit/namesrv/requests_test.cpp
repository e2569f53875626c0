#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "base/compress.h"
#include "base/crc.h"
#include "namesrv/namesrv.h"
#include "remoting/channel.h"
#include "wire/headers/namesrv.h"
#include "wire/headers/topics.h"

using namespace mqd;
namespace code = wire::request_code;
namespace answer = wire::response_code;

namespace {

access::Gate& open_gate() {
    static access::OpenGate gate;
    return gate;
}

// A name server on a port of its own, and a connection to it.
class Server {
public:
    explicit Server(namesrv::Options options = {}, access::Gate& gate = open_gate()) {
        REQUIRE(mkdtemp(folder_) != nullptr);
        options.kv_config_path = std::string(folder_) + "/kvConfig.json";
        options.config_store_path = std::string(folder_) + "/namesrv.properties";
        auto opened = namesrv::Namesrv::open(options, gate);
        REQUIRE(opened);
        namesrv_ = std::move(*opened);
        auto server = remoting::Server::listen(threads_, "127.0.0.1:0", *namesrv_);
        REQUIRE(server);
        server_ = std::move(*server);
        channel_ = connect();
    }
    ~Server() {
        channel_->close();
        threads_.stop();
        std::filesystem::remove_all(folder_);
    }

    std::shared_ptr<remoting::Channel> connect() {
        return remoting::Channel::make(threads_.at(0),
                                       "127.0.0.1:" + std::to_string(server_->port()), {});
    }
    template <class H = wire::NoHeader>
    remoting::Answer ask(std::int32_t request, const H& header = {}, std::string_view body = {}) {
        auto got = channel_->call_and_wait(request, header, as_bytes(body), 10'000);
        REQUIRE(got);
        return std::move(*got);
    }
    /// Broker `name` with topics of these names, and a version.
    remoting::Answer add(std::string_view name, std::vector<std::string> topics,
                         std::int64_t version = 1) {
        wire::RegisterBrokerBody body;
        body.data_version = {0, version, version};
        for (auto& topic : topics) {
            body.topics.emplace_back();
            body.topics.back().topic_name = std::move(topic);
        }
        return ask(code::register_broker, registration(name), wire::to_body(body));
    }
    wire::RegisterBroker registration(std::string_view name) {
        wire::RegisterBroker header;
        header.broker_name = name;
        header.broker_addr = "127.0.0.1:10911";
        header.cluster_name = "C";
        header.ha_server_addr = "127.0.0.1:10912";
        return header;
    }
    wire::BrokerHeader identity(std::string_view name) { return {name, "127.0.0.1:10911", "C", 0}; }
    wire::TopicRouteData route(std::string_view topic) {
        const auto got = ask(code::get_routeinfo_by_topic, wire::GetRouteInfo{topic, {}});
        if (got.code != answer::success) return {};
        const auto data = wire::TopicRouteData::read(got.body);
        REQUIRE(data);
        return *data;
    }

private:
    char folder_[32] = "/tmp/mqd-namesrv-XXXXXX";
    std::unique_ptr<namesrv::Namesrv> namesrv_;
    net::IoThreads threads_{1, "test-io"};
    std::unique_ptr<remoting::Server> server_;
    std::shared_ptr<remoting::Channel> channel_;
};

// The body of a broker with compressedRegister (mqd-remoting(7), COMPRESSED REGISTRATIONS).
std::string compressed_body(std::string_view topic_line) {
    std::string plain;
    const auto put_int = [&](std::size_t n) {
        char bytes[4];
        store_be(bytes, static_cast<std::int32_t>(n));
        plain.append(bytes, 4);
    };
    const auto put = [&](std::string_view text) {
        put_int(text.size());
        plain += text;
    };
    put(R"({"counter":1,"timestamp":1})");
    put_int(1);
    put(topic_line);
    put("[]");
    const auto out = compress(Compression::zlib, as_bytes(plain), 9);
    REQUIRE(out);
    return *out;
}

}  // namespace

TEST_CASE("an unknown topic is answered with 17 and its name") {
    Server server;
    const auto got = server.ask(code::get_routeinfo_by_topic, wire::GetRouteInfo{"T", {}});
    CHECK(got.code == answer::topic_not_exist);
    CHECK(got.remark == "No topic route info in name server for the topic: T");
}

TEST_CASE("a compressed registration is known by its first byte, not by its header") {
    Server server;
    const auto body = compressed_body("T 4 8 6 SINGLE_TAG");
    auto header = server.registration("b");
    header.body_crc32 = crc31(as_bytes(body));
    CHECK(server.ask(code::register_broker, header, body).code == answer::success);
    const auto route = server.route("T");
    REQUIRE(route.queues.size() == 1);
    CHECK(route.queues[0].read_queue_nums == 4);
    CHECK(route.queues[0].write_queue_nums == 8);
}

TEST_CASE("the data version is compared, and that is a sign of life of known brokers only") {
    Server server;
    const auto ask = [&](std::int64_t version) {
        return server.ask(code::query_data_version, server.identity("b"),
                          wire::to_body(wire::DataVersion{0, version, version}));
    };
    const auto unknown = ask(1);
    CHECK(unknown.find("changed") == "true");
    CHECK(unknown.body.empty());
    server.add("b", {"T", "U"});
    const auto same = ask(1);
    CHECK(same.find("changed") == "false");
    CHECK(wire::DataVersion::read(same.body)->counter == 1);
    CHECK(ask(2).find("changed") == "true");
}

TEST_CASE("a broker that unregisters is gone when the answer comes") {
    Server server;
    server.add("b", {"T"});
    CHECK(server.ask(code::unregister_broker, server.identity("b")).code == answer::success);
    CHECK(server.route("T").brokers.empty());
}

TEST_CASE("a light heartbeat is accepted and creates nothing") {
    Server server;
    wire::BrokerHeartbeat beat;
    beat.cluster_name = "C";
    beat.broker_name = "b";
    beat.broker_addr = "127.0.0.1:10911";
    CHECK(server.ask(code::broker_heartbeat, beat).code == answer::success);
    CHECK(wire::ClusterInfo::read(server.ask(code::get_broker_cluster_info).body)->brokers.empty());
}

TEST_CASE("clusters, members and lists of topics are answered") {
    Server server;
    server.add("b", {"T", "U"});
    const auto info = wire::ClusterInfo::read(server.ask(code::get_broker_cluster_info).body);
    REQUIRE(info);
    CHECK(info->clusters.at("C") == std::vector<std::string>{"b"});
    const auto members = wire::BrokerMembers::read(
        server.ask(code::get_broker_member_group, wire::BrokerMemberGroup{"C", "b"}).body);
    REQUIRE(members);
    CHECK(members->broker_addrs.at(0) == "127.0.0.1:10911");

    const auto list = [&](const remoting::Answer& got) {
        const auto topics = wire::TopicList::read(got.body);
        REQUIRE(topics);
        return *topics;
    };
    using Names = std::vector<std::string>;
    CHECK(list(server.ask(code::get_all_topic_list_from_nameserver)).topics == Names{"T", "U"});
    CHECK(list(server.ask(code::get_topics_by_cluster, wire::ClusterHeader{"C"})).topics ==
          Names{"T", "U"});
    const auto system = list(server.ask(code::get_system_topic_list_from_ns));
    CHECK(system.topics == Names{"C", "b"});
    CHECK(system.broker_addr == "127.0.0.1:10911");
    for (const auto unit : {code::get_unit_topic_list, code::get_has_unit_sub_topic_list,
                            code::get_has_unit_sub_ununit_topic_list})
        CHECK(list(server.ask(unit)).topics.empty());
}

TEST_CASE("topics are deleted and added by hand") {
    Server server;
    server.add("b", {"T"});
    CHECK(server.ask(code::delete_topic_in_namesrv, wire::DeleteTopicInNamesrv{"T", {}}).code ==
          answer::success);
    CHECK(server.route("T").queues.empty());
    wire::TopicRouteData route;
    route.queues.push_back({"b", 2, 2, 6, 0});
    CHECK(server.ask(code::register_topic_in_namesrv, wire::TopicHeader{"N"}, wire::to_body(route))
              .code == answer::success);
    CHECK(server.route("N").queues.size() == 1);
    // The body of the last time brings back what was deleted.
    server.add("b", {"T"});
    CHECK(server.route("T").queues.size() == 1);
}

TEST_CASE("ordered topics go to brokers, and to clients if that is wanted") {
    for (const bool wanted : {false, true}) {
        namesrv::Options options;
        options.order_message_enable = wanted;
        Server server(options);
        CHECK(server.add("b", {"T", "U"}).body.empty());
        CHECK(server
                  .ask(code::put_kv_config,
                       wire::PutKvConfig{namesrv::order_topic_config, "T", "b:4"})
                  .code == answer::success);
        const auto table = wire::KvTable::read(server.add("b", {"T", "U"}).body);
        REQUIRE(table);
        CHECK(table->table.at("T") == "b:4");
        CHECK(server.route("T").order_topic_conf == (wanted ? "b:4" : ""));
        CHECK(server.route("U").order_topic_conf.empty());
        const auto list = server.ask(code::get_kvlist_by_namespace,
                                     wire::KvNamespaceHeader{namesrv::order_topic_config});
        CHECK(wire::KvTable::read(list.body)->table.size() == 1);
    }
}

TEST_CASE("what is missing in a KV request or table has an answer of its own") {
    Server server;
    CHECK(server.ask(code::put_kv_config).remark == "the header field namespace is missing");
    CHECK(server.ask(code::get_kv_config, wire::KvConfigKey{"NS", "k"}).code ==
          answer::query_not_found);
    CHECK(server.ask(code::get_kvlist_by_namespace, wire::KvNamespaceHeader{"NS"}).code ==
          answer::query_not_found);
    CHECK(server.ask(code::delete_kv_config, wire::KvConfigKey{"NS", "k"}).code == answer::success);
}

TEST_CASE("routes wait for the brokers after a start, if that is wanted") {
    namesrv::Options options;
    options.wait_for_service = true;
    Server server(options);
    server.add("b", {"T"});
    const auto got = server.ask(code::get_routeinfo_by_topic, wire::GetRouteInfo{"T", {}});
    CHECK(got.code == answer::system_error);
    CHECK(got.remark == "name server not ready");
}

TEST_CASE("lists can be forbidden") {
    namesrv::Options options;
    options.enable_all_topic_list = options.enable_topic_list = false;
    Server server(options);
    for (const auto request :
         {code::get_all_topic_list_from_nameserver, code::get_system_topic_list_from_ns,
          code::get_unit_topic_list, code::get_has_unit_sub_topic_list})
        CHECK(server.ask(request).remark == "disable");
}

TEST_CASE("a slave is told where its master is") {
    Server server;
    server.add("b", {"T"});
    auto slave = server.registration("b");
    slave.broker_id = 1;
    slave.broker_addr = "127.0.0.1:10921";
    const auto got = server.ask(code::register_broker, slave);
    CHECK(got.find("masterAddr") == "127.0.0.1:10911");
    CHECK(got.find("haServerAddr") == "127.0.0.1:10912");
}

TEST_CASE("a demanded header field that is missing is named, with code 1") {
    using Fields = std::vector<std::pair<std::string, std::string>>;
    const Fields broker = {
        {"brokerName", "b"}, {"brokerAddr", "1.2.3.4:1"}, {"clusterName", "c"}, {"brokerId", "0"}};
    auto registering = broker;
    registering.emplace_back("haServerAddr", "1.2.3.4:2");
    // From the CFNotNull annotations of rocketmq-remoting-5.3.3.jar.
    const std::vector<std::pair<std::int32_t, Fields>> demands = {
        {code::get_routeinfo_by_topic, {{"topic", "T"}}},
        {code::register_broker, registering},
        {code::unregister_broker, broker},
        {code::query_data_version, broker},
        {code::broker_heartbeat,
         {{"clusterName", "c"}, {"brokerName", "b"}, {"brokerAddr", "1.2.3.4:1"}}},
        {code::get_broker_member_group, {{"clusterName", "c"}, {"brokerName", "b"}}},
        {code::wipe_write_perm_of_broker, {{"brokerName", "b"}}},
        {code::add_write_perm_of_broker, {{"brokerName", "b"}}},
        {code::get_topics_by_cluster, {{"cluster", "c"}}},
        {code::delete_topic_in_namesrv, {{"topic", "T"}}},
        {code::register_topic_in_namesrv, {{"topic", "T"}}},
        {code::put_kv_config, {{"namespace", "n"}, {"key", "k"}, {"value", "v"}}},
        {code::get_kv_config, {{"namespace", "n"}, {"key", "k"}}},
        {code::delete_kv_config, {{"namespace", "n"}, {"key", "k"}}},
        {code::get_kvlist_by_namespace, {{"namespace", "n"}}},
    };
    Server server;
    for (const auto& [request, fields] : demands) {
        CAPTURE(request);
        for (const auto& missing : fields) {
            CAPTURE(missing.first);
            auto others = fields;
            std::erase(others, missing);
            const auto got = server.ask(request, wire::RawHeader{others});
            CHECK(got.code == answer::system_error);
            CHECK(got.remark == "the header field " + missing.first + " is missing");
        }
    }
}
