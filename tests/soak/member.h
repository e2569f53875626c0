#pragma once
// A member of a group from its joining to its leaving, as client programs are.
//
// Threads: one of its own each.
// Owner:   Members, a thread's function.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "client/membership.h"
#include "client/puller.h"
#include "client/queue_locks.h"
#include "client/send_back.h"
#include "group_book.h"
#include "message/record.h"
#include "problems.h"
#include "retry_book.h"
#include "text.h"
#include "timeline.h"

namespace mqd::soak {

struct Books {
    Timeline& timeline;
    Problems& problems;
    GroupBook& groups;
    RetryBook& retries;
};

class Member {
public:
    struct Options {
        std::string namesrv;
        std::string group;
        std::vector<std::string> topics;
        bool is_orderly = false;
        std::uint64_t seed = 0;
    };
    /// unavailable: while the broker is not there.
    static Result<std::unique_ptr<Member>> join(Books books, Options options);
    ~Member();  ///< without a word: its connections break
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;

    /// Some 10 ms of its work.
    void work();
    /// Finishes what it has begun, commits, and says that it leaves.
    void leave();

private:
    struct Held {
        std::shared_ptr<client::PulledQueue> queue;
        std::int64_t offset;
        std::optional<Text> text;
        std::int64_t until_ms;
    };
    struct GivenBack {
        std::shared_ptr<client::PulledQueue> queue;
        std::int64_t offset;
        std::int64_t number;
        int delivery;
        int life;
    };
    Member(Books books, Options options, std::unique_ptr<client::Client> client);

    void share_out();
    void keep_locks();
    void begin(const client::Queue& queue);
    void drop(client::PulledQueue& queue);
    void take(const client::Block& block);
    void consume(client::PulledQueue& queue, const message::RecordView& record);
    void settle_held(std::int64_t now_ms);
    void settle_given_back();
    void settle(client::PulledQueue& queue, std::int64_t offset);
    void commit(client::PulledQueue& queue);
    void commit_all();
    GroupBook::Reading& reading(const client::PulledQueue& queue) { return *readings_.at(&queue); }

    Books books_;
    const Options options_;
    std::unique_ptr<client::Client> client_;
    std::unique_ptr<client::Membership> membership_;
    std::optional<client::QueueLocks> locks_;
    client::Puller puller_;
    client::SendBack send_back_;
    std::map<const client::PulledQueue*, std::shared_ptr<GroupBook::Reading>> readings_;
    std::deque<Held> held_;
    std::map<std::uint64_t, GivenBack> given_back_;
    std::mt19937_64 random_;
    std::int64_t commit_at_ms_ = 0;
    std::int64_t locks_at_ms_ = 0;
    bool is_leaving_ = false;
};

}  // namespace mqd::soak
