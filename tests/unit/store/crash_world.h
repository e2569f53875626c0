#pragma once
// What the crash tests run a store with: messages of which the ledger knows when they were sent,
// stored, synced and deleted, in operations of the disk, so that for any crash point it can say
// what has to be found.
//
// Threads: a World one at a time; verify() any.

#include <limits>

#include "faulty_files.h"
#include "support.h"

namespace mqd::store::test {

inline constexpr std::size_t never = std::numeric_limits<std::size_t>::max();

/// All times are FaultyFiles::happened() when it had happened, or before it began.
struct Sent {
    std::string topic;
    std::int32_t queue = 0;
    std::string key;
    std::string body;
    std::int64_t offset = -1, at = -1;  ///< as the store told
    std::size_t begun = 0;
    std::size_t stored = never;
    std::size_t synced = never;
    std::size_t deletion_begun = never;
    std::size_t gone = never;  ///< deleted, or not there after a recovery
};

struct SavedText {
    std::string name, text;
    std::size_t begun = 0;
    std::size_t done = never;
};

struct Ledger {
    std::vector<Sent> messages;
    std::vector<SavedText> texts;
};

/// A crash: behind how many operations, and whether everything written is there.
struct Moment {
    std::size_t happened = 0;
    bool only_killed = false;
    char boot = '0';  // the machine's run, which goes on when a process is killed
};

/// Must it be found behind the crash?
bool required(const Sent& sent, Moment moment);

class HandClock final : public Clock {
public:
    std::int64_t wall_ms() const override { return wall_ms_.load(); }
    std::int64_t monotonic_ms() const override { return mqd::monotonic_ms(); }
    void advance(std::int64_t ms) { wall_ms_ += ms; }

private:
    std::atomic<std::int64_t> wall_ms_ = 1'700'000'000'000;
};

/// Where each message was found.
struct Found {
    std::string topic;
    std::int32_t queue = 0;
    std::int64_t offset = 0, at = 0;
    bool operator==(const Found&) const = default;
};
using FoundById = std::map<std::size_t, Found>;

Options crash_options(bool flush_sync);

class World {
public:
    World(const Options& options, Disk disk, Ledger ledger = {});

    Result<> open();
    Result<> close();
    void kill() { store_.reset(); }

    /// One append of a unit for each target; what was stored goes into the ledger.
    struct Target {
        std::string topic;
        std::int32_t queue = 0;
        int count = 1;
        std::size_t body_bytes = 20;
    };
    void send(const std::vector<Target>& targets);
    void send(const std::string& topic, std::int32_t queue, std::size_t body_bytes = 20) {
        send({{topic, queue, 1, body_bytes}});
    }
    /// True when what was stored so far is on disk.
    bool sync();
    bool delete_topic(const std::string& topic);
    bool save(const std::string& name, const std::string& text);
    /// Until queues and index have caught up; false when they do not.
    bool settle();

    Store& store() { return *store_; }
    bool is_open() const { return store_ != nullptr; }
    FaultyFiles& files() { return files_; }
    Ledger& ledger() { return ledger_; }

private:
    const Options options_;
    HandClock clock_;
    FaultyFiles files_;
    Ledger ledger_;
    std::unique_ptr<Store> store_;
};

bool settled(const Store& store);

/// Everything that has to hold of a store that has been opened behind a crash at `moment`, and
/// settled. Empty: it does. `found` says what is there.
std::string verify(Store& store, const FaultyFiles& files, const Options& options,
                   const Ledger& ledger, Moment moment, FoundById& found);
std::string verify_texts(FaultyFiles& files, const Options& options, const Ledger& ledger,
                         Moment moment);

}  // namespace mqd::store::test
