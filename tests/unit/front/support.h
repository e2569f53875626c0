#pragma once
// A broker with its front end on a free port, and a client connection to it.

#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "access/gate.h"
#include "base/mutex.h"
#include "broker/broker.h"
#include "front/rocketmq/service.h"
#include "message/properties.h"
#include "message/record.h"
#include "net/io_threads.h"
#include "message/id.h"
#include "remoting/channel.h"
#include "store/table/config_file.h"
#include "wire/headers/pull.h"
#include "wire/headers/send.h"

namespace mqd::test {

namespace rc = wire::response_code;
namespace code = wire::request_code;

struct Folder {
    std::filesystem::path path;
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "mqd-front-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
};

/// A client's connection; what it is pushed is kept, and answered if it is a call and `answers`
/// says how.
class Client {
public:
    Client(net::Loop& loop, const std::string& address) {
        remoting::Channel::Options options;
        options.on_request = [this](const wire::Command& push) {
            const Lock lock(mutex_);
            remoting::Answer kept;
            kept.code = push.code;
            for (const auto& field : push.ext) kept.ext.emplace_back(field.key, field.value);
            kept.body = as_text(push.body);
            pushes_.push_back(std::move(kept));
            changed_.notify_all();
            if (push.is_oneway() || !answers) return;
            const auto with = answers(pushes_.back());
            channel->reply(push.opaque, push.encoding, with.code, wire::NoHeader{},
                           as_bytes(with.body), with.remark);
        };
        channel = remoting::Channel::make(loop, address, std::move(options));
        loop_ = &loop;
    }
    ~Client() {
        channel->close();
        loop_->run_and_wait([] {});  // what was on its way has been delivered
    }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    template <remoting::Header H>
    remoting::Answer call(std::int32_t request, const H& header, std::string_view body = {}) {
        auto answer = channel->call_and_wait(request, header, as_bytes(body), 10'000);
        REQUIRE_MESSAGE(answer, (answer ? "" : answer.error().what));
        return std::move(*answer);
    }
    remoting::Answer call(std::int32_t request, std::string_view body = {}) {
        return call(request, wire::NoHeader{}, body);
    }
    /// Waits until that many pushes have come.
    void wait_pushes(std::size_t count) {
        const Lock lock(mutex_);
        while (pushes_.size() < count) REQUIRE(changed_.wait_for(mutex_, std::chrono::seconds(10)));
    }
    std::size_t pushes() {
        const Lock lock(mutex_);
        return pushes_.size();
    }
    /// The first of that code, once it has come.
    remoting::Answer wait_push(std::int32_t code) {
        const Lock lock(mutex_);
        for (;;) {
            for (const auto& push : pushes_) {
                if (push.code == code) return push;
            }
            REQUIRE(changed_.wait_for(mutex_, std::chrono::seconds(10)));
        }
    }

    std::shared_ptr<remoting::Channel> channel;
    /// Set before the first request.
    std::function<remoting::Answer(const remoting::Answer& push)> answers;

private:
    net::Loop* loop_ = nullptr;
    Mutex mutex_;
    Condition changed_;
    std::vector<remoting::Answer> pushes_;
};

struct Settings : broker::Settings {
    front::rocketmq::Settings rocketmq;
};

struct Fixture {
    Folder folder;
    Settings settings;
    store::Files* files = &store::posix_files();
    access::OpenGate open_gate;
    access::Gate* gate = &open_gate;
    std::unique_ptr<store::Store> store;
    std::unique_ptr<broker::Broker> broker;
    std::unique_ptr<front::rocketmq::Service> service;
    net::IoThreads threads{2, "test-io"};
    std::unique_ptr<remoting::Server> server;
    bool opens = true;  ///< start() lets requests in

    Fixture() {
        settings.store.root = folder.path / "store";
        settings.identity.name = "b";
        settings.store.commit_log_file_bytes = 8 << 20;
    }
    ~Fixture() {
        threads.stop();
        server.reset();
        if (broker != nullptr) CHECK(broker->close());
        service.reset();
        if (store != nullptr) CHECK(store->close());
    }
    /// After the settings have been changed.
    void start() {
        auto opened = store::Store::open(*files, system_clock(), settings.store_options());
        REQUIRE(opened);
        store = std::move(*opened);
        auto made = broker::Broker::open(*files, system_clock(), *store, settings);
        REQUIRE(made);
        broker = std::move(*made);
        service = std::make_unique<front::rocketmq::Service>(*broker, settings.rocketmq, *gate);
        auto listening = remoting::Server::listen(threads, "127.0.0.1:0", *service);
        REQUIRE(listening);
        server = std::move(*listening);
        REQUIRE(service->set_address("127.0.0.1", server->port()));
        if (opens) service->open();
    }
    std::string address() const { return service->address(); }
    std::unique_ptr<Client> client() { return std::make_unique<Client>(threads.at(0), address()); }
    /// All readable messages of `T`, queue 0.
    void wait_readable(std::int64_t end) const {
        const auto topic = broker->topics().find("T");
        REQUIRE(topic);
        const auto give_up = monotonic_ms() + 10'000;
        while (topic->queue(0).max().value < end) {
            REQUIRE(monotonic_ms() < give_up);
            std::this_thread::yield();
        }
    }
};

inline wire::SendMessageV2 send_header(std::string_view properties = {}, std::int32_t queue = 0) {
    wire::SendMessageV2 header;
    header.producer_group = "P";
    header.topic = "T";
    header.default_topic = "TBW102";
    header.queue_id = queue;
    header.properties = properties;
    header.born_timestamp = 1'795'220'817'748;
    return header;
}

inline wire::PullMessage pull_header(std::int64_t offset, std::int32_t flag = 4) {
    wire::PullMessage header;
    header.consumer_group = "G";
    header.topic = "T";
    header.queue_offset = offset;
    header.sys_flag = flag;
    header.subscription = "*";
    return header;
}

inline std::string properties(std::vector<std::pair<std::string_view, std::string_view>> of) {
    std::string out;
    for (const auto& [name, value] : of) message::append_property(out, name, value);
    return out;
}

/// The records of a body, with the bytes that they are views of.
struct Records {
    std::unique_ptr<const std::string> text;
    std::vector<message::RecordView> list;
    std::size_t size() const { return list.size(); }
    const message::RecordView& operator[](std::size_t i) const { return list[i]; }
};

inline Records records(std::string body) {
    Records out{std::make_unique<const std::string>(std::move(body)), {}};
    auto rest = as_bytes(*out.text);
    while (!rest.empty()) {
        auto record = message::RecordView::parse(rest);
        REQUIRE(record);
        rest = rest.subspan(record->bytes.size());
        out.list.push_back(*record);
    }
    return out;
}

}  // namespace mqd::test
