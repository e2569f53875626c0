#pragma once
// Where messages go from here: straight to the brokers, or through a spool.
//
// Threads: one at a time.
// Owner:   main.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "client/producer.h"
#include "sending/fates.h"
#include "sending/tally.h"

namespace mqd::sending {

class Outlet {
public:
    virtual ~Outlet() = default;

    /// Takes the message; `fate` is its number in Fates, if that keeps messages. Not taken, and in
    /// no tally: as Producer::send().
    virtual Result<> send(const client::Message& message, std::uint64_t fate) = 0;
    /// Waits no longer for more to go with what is there.
    virtual void flush() = 0;
    /// Before more input is read: what was read is where it has to be. False: none is to be read
    /// now; fd() and due_ms() tell when to ask again. io, corrupt: nothing goes on.
    virtual Result<bool> may_read() = 0;
    /// Does what is due, and takes in what has come. Errors as may_read().
    virtual Result<> work() = 0;
    /// The same, after the last message and again and again until it says true: then the fate of
    /// all is known. `is_interrupted`: soon.
    virtual Result<bool> finish(bool is_interrupted) = 0;

    /// Readable when work() has something to do; when that is at the latest, in monotonic ms, -1:
    /// never.
    virtual int fd() const = 0;
    virtual std::int64_t due_ms() const = 0;

    /// How many of the first messages need not be read again, whatever happens; by their number
    /// in Fates, which is told to count them.
    virtual std::uint64_t kept() const = 0;
    /// Sets all but `read`; what the input has been refused is added to.
    virtual void count(Tally& tally) const = 0;
    /// Messages that were not delivered, for good.
    virtual std::uint64_t failed() const = 0;
    /// Of the first of them.
    virtual const std::optional<Error>& first_error() const = 0;
};

/// Messages are in this process until their fate is known.
class DirectOutlet final : public Outlet {
public:
    /// What is read waits up to `linger_ms` for more.
    DirectOutlet(client::Client& client, client::Producer::Options options, Fates& fates,
                 std::int64_t linger_ms);

    Result<> send(const client::Message& message, std::uint64_t fate) override;
    void flush() override { producer_.flush(); }
    Result<bool> may_read() override;
    Result<> work() override;
    Result<bool> finish(bool is_interrupted) override;
    int fd() const override { return producer_.fd(); }
    std::int64_t due_ms() const override;
    std::uint64_t kept() const override { return fates_.kept(); }
    void count(Tally& tally) const override;
    std::uint64_t failed() const override;
    const std::optional<Error>& first_error() const override { return producer_.first_error(); }

private:
    void settled(const client::Settled& settled);

    Fates& fates_;
    const bool is_oneway_;
    client::Producer producer_;
    const std::int64_t linger_ms_;
    std::map<std::string, std::uint64_t> refused_by_;
    std::int64_t last_success_ms_ = 0;
};

}  // namespace mqd::sending
