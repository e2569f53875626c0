#pragma once
// Transactions: a half message waits in RMQ_SYS_TRANS_HALF_TOPIC until its producers say that it is
// committed, when it is appended again to the queue it was meant for, or rolled back; an op record
// then names it as settled. Producers that say nothing are asked, and asked again, each time with
// another copy of the half message, until it is given up (mqd-store(5), TRANSACTIONS;
// mqd-remoting(7), TRANSACTIONS).
//
// What is settled stays settled: the op record lies in the log right after the message that it is
// about, and a crash between the two is found out (transaction_recovery.h).
//
// Threads: run_due() by one, its own `mqd-trans` once started, which sleeps while no half message
//          is open; save() by one; everything else by any. end() waits for another end() or a
//          round that has the same half message in hand: as long as an append.
// Owner:   Broker and the store's listener.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "broker/clients.h"
#include "broker/counters.h"
#include "broker/half_ledger.h"
#include "broker/half_message.h"
#include "broker/offsets.h"
#include "broker/place.h"
#include "broker/topic_right.h"
#include "broker/topics.h"
#include "broker/transaction_counts.h"
#include "base/bell.h"
#include "store/store.h"

namespace mqd::broker {

class Transactions {
public:
    /// What outlives it.
    struct Parts {
        const Clock& clock;
        store::Store& store;
        const Settings& settings;
        Topics& topics;
        Offsets& offsets;
        Clients& clients;
        Counters& counters;
    };
    /// Goes on where CID_RMQ_SYS_TRANS's offsets say. corrupt, io: transactionMetrics.
    static Result<std::shared_ptr<Transactions>> open(store::Files& files, const Parts& parts);
    ~Transactions() { stop(); }
    Transactions(const Transactions&) = delete;
    Transactions& operator=(const Transactions&) = delete;

    /// Starts the thread; without it run_due() is the caller's business.
    void start();
    /// Ends the thread; nobody is asked any more.
    void stop();

    /// Where a half message is put to wait, with what tells of it.
    Place place(std::string_view properties, std::string_view topic, std::int32_t queue_id) const;

    struct End {
        std::string_view group;
        std::int64_t queue_offset =
            0;                    ///< of the half message, or of the copy that was asked about
        PhysicalOffset at;        ///< and where it lies
        bool commit = false;      ///< else rolled back
        bool from_check = false;  ///< the answer to a question
    };
    struct Ended {
        enum class Kind {
            settled,     ///< now, or before: the first end counts, after giving up too
            no_such,     ///< no half message of that group lies there
            refused,     ///< whoever ends it has no right to its topic
            too_late,    ///< the time that the message itself gave is over
            not_stored,  ///< and still open
        } kind = Kind::settled;
        std::string what;
        Errc why_not = Errc::io;  ///< not_stored: as store::Append
    };
    /// `may_end` is asked about the topic that the message is meant for.
    Ended end(const End& end, const TopicRight& may_end);

    /// A message that was given up is waited for again, from the first question on; it is the same
    /// transaction.
    /// not_found: `at` is none of TRANS_CHECK_MAX_TIME_TOPIC. What `may_resume` says of the topic
    /// that it is meant for. Others: it was not stored.
    Result<> resume(PhysicalOffset at, const TopicRight& may_resume);

    /// For Store::on_arrival.
    void arrived(std::span<const store::Arrival> arrivals);
    /// Goes through the open half messages if it is time; the milliseconds until it may be again,
    /// -1 while none is open.
    std::int64_t run_due();

    /// Open half messages by topic.
    std::map<std::string, std::int64_t> open_counts() const { return counts_.all(); }
    /// Hands the progress to Offsets when all that it rests on is on disk. io: it was not synced
    /// in time.
    Result<> save_progress();
    /// As TransactionCounts::save().
    Result<> save_counts() { return counts_.save(); }

private:
    struct Round;
    struct Committed;
    enum class Verdict { wait, keep, move, ask, give_up };

    Transactions(store::Files& files, const Parts& parts);
    Result<> load();
    /// Of the half queue and of the op queue.
    std::pair<std::int64_t, std::int64_t> saved_progress() const;
    void run();

    // transactions.cpp
    std::optional<std::int64_t> find_open(const Half& half) const REQUIRES(mutex_);
    std::optional<std::int64_t> claim(const Half& half);
    bool is_plausible(std::int64_t half) const;
    std::vector<std::int64_t> take_unnamed(std::int64_t half) REQUIRES(mutex_);
    void note_op(const store::Append& op, const std::vector<std::int64_t>& named) REQUIRES(mutex_);
    void name(const message::Host& store_host, std::vector<std::int64_t> settled);
    void count_put(const store::Append& unit);
    Ended end_open(const End& end, const Half& half, std::int64_t open);
    Ended end_given_up(const End& end, const Half& half);
    bool note_ended_late(std::int64_t first) REQUIRES(mutex_);
    bool was_given_up(const Half& half) const;
    bool was_committed(const Half& half) const;
    std::int64_t birth_ms(const Half& half) const;

    // transaction_rounds.cpp
    std::int64_t round();
    void consider(Round& round, const message::RecordView& record);
    Verdict judge(const Half& half, std::int64_t& wait_ms) const;
    void act(Round& round);
    void settle(const Round& round, const std::vector<store::Append>& units);
    void conclude(Round& round, Verdict verdict, Bytes copy);
    store::Queue& given_up_queue();

    const Parts is_;
    store::Queue& halves_;
    store::Queue& ops_;
    TransactionCounts counts_;
    std::int64_t counted_to_ = 0;  // half messages before were counted at the start

    Mutex mutex_;
    Condition released_;
    HalfLedger ledger_ GUARDED_BY(mutex_){0, 0};
    std::unordered_set<std::int64_t> claimed_ GUARDED_BY(mutex_);  // someone settles them just now
    std::vector<std::int64_t> unnamed_ GUARDED_BY(mutex_);  // settled, but not by any op record
    // Those that were ended after they had been given up, or may have been, by first offset.
    static constexpr std::size_t ended_late_max = 1 << 16;
    std::unordered_set<std::int64_t> ended_late_ GUARDED_BY(mutex_);

    // run_due()'s
    std::int64_t next_round_ms_ = 0;  // monotonic

    std::atomic<bool> idle_ = false;
    Bell bell_;
    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

}  // namespace mqd::broker
