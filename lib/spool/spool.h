#pragma once
// Messages that have been read and not yet been delivered, in a folder (mqsend(1), THE SPOOL):
// they go through it in their order, and stay there until their fate is known. Its files:
//
//   commitlog/  the messages, each with its unique key, see spool_log.h
//   sent        20 digits: all messages before this offset of the log are settled
//   refused/    a commitlog/ of those that a broker would not have, kept for people to look at
//   lock        held by the process that works on it
//
// What commit() has written outlives the process. Only close() waits for the disk.
//
// Threads: one at a time.
// Owner:   main.

#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "client/batch.h"
#include "message/id.h"
#include "message/record.h"
#include "spool/spool_log.h"
#include "store/check/scan.h"

namespace mqd::spool {

class Spool {
public:
    /// Takes the folder, made if need be, and finds what an earlier run has left, also one that
    /// was killed. `bytes_max`: of the messages' files, what has_room() goes by.
    /// invalid: another process has it, which `what` names. io, refused
    static Result<std::unique_ptr<Spool>> open(store::Files& files, std::filesystem::path dir,
                                               std::int64_t bytes_max);

    static constexpr std::int64_t file_bytes = 16 << 20;

    // In: a message is added, and is in the spool from the next commit() on.

    /// What Producer::check_message() finds no fault with. The key that it got is good until the
    /// next call.
    std::string_view add(const client::Message& message);
    std::size_t staged_bytes() const { return staged_.size(); }
    /// Drops what was added since the last commit(); how many messages that were.
    std::uint64_t forget_staged();
    /// Whether more is to be read; what that comes to may go beyond it once.
    bool has_room() const;
    /// After an error all stays added. refused: no space on the disk; io
    Result<> commit();

    // Out: in the order in which they came in.

    struct Next {
        bool is_old = false;  ///< from an earlier run
        client::Message message;
    };
    /// The first message that was not given out, good until the next call of anything, nullptr at
    /// the end. corrupt: it is no longer there; io
    Result<Next*> next();
    struct Given {
        PhysicalOffset at;
        std::uint64_t fate = 0;  ///< the caller's
        bool is_old = false;
        bool is_settled = false;
    };
    /// What next() has shown is under way; its number, counted from 0, for settle(). What next()
    /// gave stays good.
    std::uint64_t give_out(std::uint64_t fate);
    /// The last one is not: next() shows it again.
    void take_back();
    const Given& given(std::uint64_t number) const { return given_[number - first_given_]; }
    void settle(std::uint64_t number);
    bool has_given() const { return !given_.empty(); }
    template <class Take>
    void for_each_given(Take take) {
        for (auto& given : given_) take(given);
    }
    /// Keeps a copy among the refused ones. io, refused, corrupt
    Result<> keep_refused(PhysicalOffset at);
    /// Writes down what is settled; files that hold nothing else are removed. io
    Result<> note_settled();

    /// Whether nothing is here that was not settled, added or in the files.
    bool is_empty() const { return old_left_ + new_left_ + staged_count_ == 0; }
    /// Of those that are in the files and not settled.
    std::uint64_t old_left() const { return old_left_; }
    std::uint64_t new_left() const { return new_left_; }
    bool has_unsent() const { return next_at_ < log_->end(); }
    /// Bytes of the log that were neither records nor empty, when it was opened.
    std::int64_t damaged_bytes() const { return damaged_bytes_; }

    /// With nothing left the files are removed, else they are brought to disk. io
    Result<> close();

private:
    Spool(store::Files& files, std::filesystem::path dir, std::int64_t bytes_max)
        : os_(files), dir_(std::move(dir)), bytes_max_(bytes_max) {}

    Result<> load();
    Result<PhysicalOffset> write_staged();
    Result<bool> read_from_files();
    void show(const message::RecordView& record);

    store::Files& os_;
    const std::filesystem::path dir_;
    const std::int64_t bytes_max_;
    std::unique_ptr<store::File> lock_;
    std::unique_ptr<store::File> sent_;
    std::unique_ptr<SpoolLog> log_;
    std::unique_ptr<SpoolLog> refused_;  ///< once there is one
    message::UniqueKeys keys_;
    std::string properties_;
    std::int64_t count_ = 0;  ///< queue offset of the next message
    std::int64_t refused_count_ = 0;

    Buffer staged_;
    std::uint64_t staged_count_ = 0;
    std::int64_t staged_ms_ = 0;  ///< wall clock at the first of them
    Buffer hot_;                  ///< the block written last
    PhysicalOffset hot_at_;

    PhysicalOffset new_at_;   ///< where this run began
    PhysicalOffset next_at_;  ///< of next()
    std::size_t next_bytes_ = 0;
    Next next_;
    std::unique_ptr<store::LogScan> scan_;  ///< for what is not in hot_
    std::deque<Given> given_;
    std::uint64_t first_given_ = 0;
    PhysicalOffset settled_;  ///< as written down
    std::uint64_t old_left_ = 0;
    std::uint64_t new_left_ = 0;
    std::int64_t damaged_bytes_ = 0;
};

}  // namespace mqd::spool
