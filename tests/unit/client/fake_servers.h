#pragma once
// A name server and broker in one, on port 0, that keeps what it is sent and answers as told.
//
// Threads: its own; the tests look at it under its lock.

#include <doctest/doctest.h>

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "client/client.h"
#include "message/record.h"
#include "remoting/session.h"
#include "wire/codes.h"
#include "wire/headers/offsets.h"
#include "wire/headers/pull.h"
#include "wire/headers/send.h"

namespace mqd::testing {

class FakeServers final : public remoting::Service {
public:
    FakeServers() : threads_(1, "fake") {
        auto made = remoting::Server::listen(threads_, "127.0.0.1:0", *this);
        REQUIRE(made);
        server_ = std::move(*made);
        address = "127.0.0.1:" + std::to_string(server_->port());
    }
    ~FakeServers() override {
        server_.reset();
        threads_.stop();
    }

    std::unique_ptr<client::Client> client() const {
        client::Options options;
        options.namesrv = {address};
        auto made = client::Client::open(std::move(options));
        REQUIRE(made);
        return std::move(*made);
    }

    /// The answers to the next sends, one each; then success. -1: none at all.
    void answer_sends(std::deque<std::int32_t> codes) {
        Lock lock(lock_);
        codes_ = std::move(codes);
    }
    /// From now on sends are stored and not answered, until release() answers them.
    void hold_answers() { holds_answers_ = true; }
    void release(std::size_t count = 1) {
        std::vector<Held> now;
        {
            Lock lock(lock_);
            REQUIRE(held_.size() >= count);
            now.assign(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(count));
            held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(count));
        }
        for (const auto& held : now)
            held.to.with_session(
                [held](remoting::Session& session) { session.reply(held.to, 0, held.response); });
    }
    std::size_t held() const {
        Lock lock(lock_);
        return held_.size();
    }
    /// What was stored, in the order of arrival.
    std::vector<std::string> bodies() const {
        Lock lock(lock_);
        return bodies_;
    }
    std::vector<std::string> properties() const {
        Lock lock(lock_);
        return properties_;
    }
    int sends() const {
        Lock lock(lock_);
        return sends_;
    }
    std::int64_t born_ms() const {  ///< of the last request
        Lock lock(lock_);
        return born_ms_;
    }
    int batches() const {
        Lock lock(lock_);
        return batches_;
    }
    std::function<void(remoting::Session&, const wire::Command&, const wire::PullMessage&)> on_pull;
    /// What is not a route, send or pull; without it, an answer with offset 0.
    std::function<void(remoting::Session&, const wire::Command&)> on_other;
    /// Routes name that one from now on; empty: this one.
    void move_broker(std::string to) {
        Lock lock(lock_);
        broker_address_ = std::move(to);
    }
    /// Beside this one routes name others, by their names, with as many queues.
    void add_broker(std::string name, std::string at) {
        Lock lock(lock_);
        others_[std::move(name)] = std::move(at);
    }
    std::atomic<int> queues = 2;
    std::string offset_id = "id";  ///< of whatever is stored
    /// Longer bodies are refused; 0: none is.
    std::atomic<std::size_t> body_bytes_max = 0;
    std::atomic<bool> says_body_bytes_max = true;  ///< as mqd does in its answers
    std::atomic<std::int64_t> oneways_lost = 0;    ///< said to who asks for the end of a queue
    std::atomic<int> asked_for_config = 0;
    std::string config;                         ///< of the broker, lines of key=value
    std::atomic<std::int32_t> config_code = 0;  ///< its answer to who asks for that
    std::atomic<bool> is_busy = false;          ///< as a name server, what nobody waits for
    std::atomic<bool> is_silent = false;        ///< answers no route
    std::atomic<bool> knows_topic = true;       ///< the same: "T"
    std::atomic<int> not_yet = 0;               ///< so many more asks for "T" before it is known
    std::atomic<bool> has_template = false;     ///< the same: "TBW102"
    std::atomic<bool> knows_brokers = true;     ///< else an empty cluster is what there is
    std::atomic<int> asked_for_routes = 0;
    std::string address;

    void on_request(remoting::Session& session, const wire::Command& request) override {
        namespace code = wire::request_code;
        switch (request.code) {
            case code::get_routeinfo_by_topic:
                ++asked_for_routes;
                if (is_silent) return;
                if (is_busy)
                    return session.reply(request, wire::response_code::system_busy, "busy");
                return route(session, request);
            case code::get_broker_cluster_info:
                return cluster(session, request);
            case code::send_message_v2:
            case code::send_batch_message:
                return send(session, request);
            case code::get_max_offset: {
                wire::MaxOffsetResponse answer;
                if (oneways_lost > 0) answer.oneways_lost = oneways_lost;
                if (on_other) return on_other(session, request);
                return session.reply(request, 0, answer);
            }
            case code::get_broker_config:
                ++asked_for_config;
                return session.reply(request, config_code, wire::NoHeader{}, as_bytes(config));
            case code::pull_message: {
                const auto header = wire::read_header<wire::PullMessage>(request);
                REQUIRE(header);
                return on_pull(session, request, *header);
            }
            default:
                if (on_other) return on_other(session, request);
                session.reply(request, 0, wire::OffsetResponse{});
        }
    }

private:
    void route(remoting::Session& session, const wire::Command& request) {
        const auto topic = request.find("topic").value_or("");
        const bool is_known =
            topic == "T" ? knows_topic && --not_yet < 0 : has_template && topic == "TBW102";
        if (!is_known)
            return session.reply(request, wire::response_code::topic_not_exist, "no such topic");
        wire::TopicRouteData data;
        std::string where;
        std::map<std::string, std::string> others;
        {
            Lock lock(lock_);
            where = broker_address_.empty() ? address : broker_address_;
            others = others_;
        }
        add(data, "b", where);
        for (const auto& [name, at] : others) add(data, name, at);
        const auto body = wire::to_body(data);
        session.reply(request, 0, wire::NoHeader{}, as_bytes(body));
    }

    void add(wire::TopicRouteData& data, const std::string& name, const std::string& at) const {
        wire::BrokerData broker;
        broker.broker_name = name;
        broker.broker_addrs[0] = at;
        data.brokers.push_back(broker);
        wire::QueueData queue;
        queue.broker_name = name;
        queue.perm = 6;
        queue.read_queue_nums = queue.write_queue_nums = queues;
        data.queues.push_back(queue);
    }

    void cluster(remoting::Session& session, const wire::Command& request) const {
        wire::ClusterInfo info;
        if (knows_brokers) {
            info.clusters["c"] = {"b"};
            info.brokers["b"].cluster = "c";
            info.brokers["b"].broker_name = "b";
            info.brokers["b"].broker_addrs[0] = address;
        }
        const auto body = wire::to_body(info);
        session.reply(request, 0, wire::NoHeader{}, as_bytes(body));
    }

    void send(remoting::Session& session, const wire::Command& request) {
        std::int32_t answer = 0;
        wire::SendMessageResponse response;
        if (says_body_bytes_max && body_bytes_max > 0)
            response.message_bytes_max = static_cast<std::int64_t>(body_bytes_max);
        {
            Lock lock(lock_);
            ++sends_;
            if (!codes_.empty()) {
                answer = codes_.front();
                codes_.pop_front();
            }
            if (body_bytes_max > 0 && request.body.size() > body_bytes_max)
                answer = wire::response_code::message_illegal;
            const auto header = wire::read_send_message(request);
            REQUIRE(header);
            born_ms_ = header->born_timestamp;
            response.queue_id = header->queue_id;
            response.queue_offset = static_cast<std::int64_t>(bodies_.size());
            response.msg_id = offset_id;
            if (answer == 0 || answer == 10) keep(*header, request.body);
        }
        if (answer < 0) return;
        if (holds_answers_ && answer == 0) {
            Lock lock(lock_);
            return held_.push_back({session.ticket(request), response});
        }
        session.reply(request, answer, response, {}, answer == 0 ? "" : "told so");
    }

    void keep(const wire::SendMessage& header, Bytes body) REQUIRES(lock_) {
        if (!header.batch) {
            bodies_.emplace_back(as_text(body));
            properties_.emplace_back(header.properties);
            return;
        }
        ++batches_;
        message::BatchReader items(body);
        while (!items.at_end()) {
            const auto item = items.next();
            REQUIRE(item);
            bodies_.emplace_back(item->body);
            properties_.emplace_back(item->properties);
        }
    }

    struct Held {
        remoting::Ticket to;
        wire::SendMessageResponse response;
    };
    net::IoThreads threads_;
    std::unique_ptr<remoting::Server> server_;
    std::atomic<bool> holds_answers_ = false;
    mutable Mutex lock_;
    std::string broker_address_ GUARDED_BY(lock_);
    std::map<std::string, std::string> others_ GUARDED_BY(lock_);
    std::deque<std::int32_t> codes_ GUARDED_BY(lock_);
    std::vector<Held> held_ GUARDED_BY(lock_);
    std::vector<std::string> bodies_ GUARDED_BY(lock_);
    std::vector<std::string> properties_ GUARDED_BY(lock_);
    int sends_ GUARDED_BY(lock_) = 0;
    std::int64_t born_ms_ GUARDED_BY(lock_) = 0;
    int batches_ GUARDED_BY(lock_) = 0;  ///< of what was stored
};

}  // namespace mqd::testing
