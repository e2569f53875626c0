#pragma once
// A front end in small: a protocol of lines, without sockets and without a word of any other
// protocol. It proves that a second front end finds in `broker` all that it needs.
//
//   put TOPIC QUEUE BODY                       number, or why not; QUEUE -1: any
//   put! TOPIC QUEUE BODY                      the same when it is as safe as promised
//   later TOPIC LEVEL BODY                     put off by a delay level
//   get GROUP TOPIC WAIT_MS BYTES QUEUE@FROM.. each queue: number, outcome, next; the bodies
//   ack GROUP TOPIC QUEUE NEXT                 ok, or why not
//
// Threads: ask() from any; all else on the connection's own loop.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/parse.h"
#include "broker/access.h"
#include "broker/fetch.h"
#include "broker/intake.h"
#include "message/record.h"
#include "net/io_threads.h"

namespace mqd::test {

using Reply = std::promise<std::string>;
using ReplyRef = std::shared_ptr<Reply>;

class LoopCaller final : public broker::Caller {
public:
    explicit LoopCaller(net::Loop& loop) : loop_(loop) {}
    net::Loop& loop() const override { return loop_; }
    std::size_t unsent_bytes() const override { return 0; }
    void post(std::function<void()> call) const override {
        loop_.post([is_open = is_open_, call = std::move(call)] {
            if (*is_open) call();
        });
    }
    void close() { *is_open_ = false; }  ///< on the loop

private:
    net::Loop& loop_;
    const std::shared_ptr<bool> is_open_ = std::make_shared<bool>(true);
};

class PlainFront final : private broker::Publisher {
public:
    PlainFront(broker::Broker& broker, net::Loop& loop)
        : broker_(broker),
          loop_(loop),
          topics_(broker.topics()),
          traffic_(broker.counters().traffic()),
          intake_(broker, topics_, traffic_),
          caller_(std::make_shared<LoopCaller>(loop)),
          reads_(broker.readers(), caller_),
          fetches_(broker, traffic_, reads_, caller_) {}
    ~PlainFront() {
        loop_.run_and_wait([this] {
            caller_->close();
            fetches_.close();
            reads_.clear();
        });
    }

    std::future<std::string> ask(const std::string& line) {
        auto reply = std::make_shared<Reply>();
        auto answer = reply->get_future();
        loop_.post([this, line, reply] { serve(line, reply); });
        return answer;
    }
    std::string answer_to(const std::string& line) {
        auto answer = ask(line);
        REQUIRE(answer.wait_for(std::chrono::seconds(30)) == std::future_status::ready);
        return answer.get();
    }

private:
    struct Get final : broker::WaitingFetch {
        broker::Fetch fetch;
        std::string group;
        std::vector<broker::Fetch::Part> parts;
        ReplyRef reply;
        const broker::Fetch* renew(bool) override { return &fetch; }
        void answer(broker::Fetched fetched) override { reply->set_value(text_of(fetched)); }
        void refuse_busy(std::string_view why) override {
            reply->set_value(fmt::format("busy: {}", why));
        }
    };

    static std::string text_of(const broker::Fetched& fetched) {
        constexpr const char* names[] = {"found", "none", "passed", "moved", "unreadable"};
        std::string out;
        for (const auto& part : fetched.parts) {
            out += fmt::format("{}{} {} {}", out.empty() ? "" : "; ", part.queue->id(),
                               names[static_cast<int>(part.outcome)], part.read.next.value);
            for (const auto& slice : part.read.slices)
                for (auto rest = slice.bytes; !rest.empty();) {
                    const auto record = message::RecordView::parse(rest);
                    REQUIRE(record);
                    out.append(" ").append(record->body);
                    rest = rest.subspan(record->bytes.size());
                }
        }
        return out;
    }

    void serve(const std::string& line, const ReplyRef& reply) {
        const auto words = split(line, ' ');
        if (words[0] == "put" || words[0] == "put!" || words[0] == "later")
            return put(words, reply);
        if (words[0] == "get") return get(words, reply);
        const auto* topic = topics_.find(words[2]);
        const auto done = broker_.commit(words[1], *topic, number(words[3]), number(words[4]));
        reply->set_value(done == broker::Broker::Committed::yes ? "ok" : "refused");
    }

    void put(const std::vector<std::string_view>& words, const ReplyRef& reply) {
        const bool is_later = words[0] == "later";
        const std::int32_t queue = is_later ? 0 : number(words[2]);
        broker::Publication message;
        auto refusal =
            intake_.find({words[1], queue, {"TBW102", 2}, false, words[3].size()}, message.topic);
        message.queue_id = std::max(queue, 0);
        message.body = words[3];
        message.is_durable = words[0] == "put!";
        message.born_host = *message::Host::make("127.0.0.1", 1);
        if (is_later) {
            message.kind = broker::Publication::Kind::delayed;
            message.delay_level = number(words[2]);
        }
        if (!refusal.is_refused()) refusal = intake_.add(message);
        if (refusal.is_refused()) return reply->set_value("refused: " + refusal.text);
        const auto end = intake_.flush(*this);
        if (!end) return reply->set_value(stored_);
        broker_.durability().when(
            *end, broker::Durability::promised(broker_.settings()),
            [reply, stored = stored_](broker::Durability::Outcome outcome) {
                reply->set_value(outcome == broker::Durability::Outcome::reached
                                     ? stored + " safe"
                                     : stored + " not safe yet");
            });
    }
    void published(const broker::Published& is) override {
        stored_ = is.unit.stored ? std::to_string(is.unit.queue_offset.value) : "not stored";
    }

    void get(const std::vector<std::string_view>& words, const ReplyRef& reply) {
        const auto asked = std::make_shared<Get>();
        asked->reply = reply;
        asked->fetch.group = asked->group = words[1];
        broker::Readable readable;
        for (std::size_t i = 5; i < words.size(); ++i) {
            const auto part = split(words[i], '@');
            const auto refusal = broker::check_readable(broker_, topics_, words[1], words[2],
                                                        number(part[0]), readable);
            if (refusal.is_refused()) return reply->set_value("refused: " + refusal.text);
            asked->parts.push_back(
                {&readable.topic->queue(number(part[0])), QueueOffset{number(part[1])}});
        }
        asked->fetch.parts = asked->parts;
        asked->fetch.bytes_min = number(words[4]);
        if (number(words[3]) > 0)
            asked->fetch.deadline_ms = broker_.clock().monotonic_ms() + number(words[3]);
        auto attempt = fetches_.now(asked->fetch);
        if (attempt.state == broker::Fetches::Attempt::State::answered)
            return asked->answer(std::move(attempt.fetched));
        fetches_.later(std::move(attempt), asked->fetch, asked);
    }
    static std::int32_t number(std::string_view text) { return *parse_int<std::int32_t>(text); }

    broker::Broker& broker_;
    net::Loop& loop_;
    broker::TopicCache topics_;
    broker::TrafficCache traffic_;
    broker::Intake intake_;
    const std::shared_ptr<LoopCaller> caller_;
    broker::DiskReads reads_;
    broker::Fetches fetches_;
    std::string stored_;
};

}  // namespace mqd::test
