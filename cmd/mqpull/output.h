#pragma once
// Where mqpull's messages go (mqpull(1)): standard output, commands, files. An output says of
// each message when it is done with it, in the ledger of its queue; what is committed follows from
// that alone.
//
// Threads: one.
// Owner:   main; Pulling uses it.

#include <poll.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "client/puller.h"
#include "message/record.h"

namespace mqd::mqpull {

/// A message that has been read; the views live as long as the call that is given it.
struct Delivery {
    client::PulledQueue& queue;
    const message::RecordView& message;  ///< a retried one's topic is that of its first time
    std::string_view body;               ///< as its sender wrote it
    bool is_part = false;                ///< of a batch that is stored as one record
};

class Output {
public:
    virtual ~Output() = default;

    /// False: no message of this queue now; advance() when due, until it does.
    virtual bool accepts(const client::PulledQueue&) const { return true; }
    /// Offsets of a queue ascend. io: it cannot be written; nothing more is put then.
    virtual Result<> put(const Delivery& delivery) = 0;
    /// The queue has no message below `next` any more that was not put.
    virtual void pass(client::PulledQueue& queue, std::int64_t next) { queue.ledger.pass(next); }
    /// Nothing comes at the moment: what waits for company goes.
    virtual Result<> flush() { return {}; }
    /// As flush(), and what can be settled at once is: queues are about to be given away.
    virtual Result<> settle() { return flush(); }

    /// Work on a message of the queue has begun and cannot be taken back.
    virtual bool is_busy(const client::PulledQueue&) const { return false; }

    /// Looks after what goes on by itself; when one of add_fds() is ready, or at due_ms().
    virtual Result<> advance() { return {}; }
    virtual void add_fds(std::vector<pollfd>&) const {}
    virtual std::int64_t due_ms() const { return -1; }  ///< monotonic; -1: never

    /// True once when so much has been settled that a commit should follow at once.
    virtual bool wants_commit() { return false; }

    /// Nothing more will be put; advance() then until is_idle().
    virtual Result<> end() { return flush(); }
    /// The user wants an end: only what has begun is finished. Before end() or after it.
    virtual void hurry() {}
    virtual bool is_idle() const { return true; }
    /// What was put is being worked on, and more of it may come of that.
    virtual bool is_working() const { return false; }
    /// Of the messages put, some failed or were never acknowledged.
    virtual bool has_failed() const { return false; }
    /// A line about what went wrong, at the end.
    virtual std::optional<std::string> report() const { return std::nullopt; }
    /// Nobody reads what is written.
    virtual bool is_reader_gone() const { return false; }
};

}  // namespace mqd::mqpull
