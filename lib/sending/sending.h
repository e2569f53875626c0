#pragma once
// The loop of mqsend: records in, messages out, and the sums at the end.
//
// Threads: one.
// Owner:   main.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "cli/parser.h"
#include "sending/composer.h"
#include "sending/fates.h"
#include "follow/following.h"
#include "sending/outlet.h"
#include "record/reader.h"
#include "sending/reporting.h"

namespace mqd::sending {

struct Limits {
    std::optional<std::int64_t> count;  ///< stop after so many
    std::optional<std::int64_t> rate;   ///< a second
    std::int64_t linger_ms = 5;         ///< what is read may wait so long for more
    bool has_spool = false;
    bool has_transactions = false;
    bool has_requests = false;
    bool drains = false;  ///< nothing is read, and nothing may be left in the spool
    bool skips_errors = false;
    std::optional<std::uint64_t> input_bytes;  ///< of all inputs together, where that is known
};

class Sending {
public:
    Sending(const cli::Parser& cli, Outlet& outlet, Composer& composer, Fates& fates,
            Reporting& reporting, Limits limits);

    /// Reads one input to its end; `fd` is the reader's. False: no further one is to be read.
    bool run(record::Reader& reader, int fd, const std::string& name);
    /// Reads them for ever: until there are enough, an error stops it, or an interrupt.
    /// `following` is told until finish() what has been delivered.
    void follow(follow::Following& following);
    /// Waits for the fate of all that was read, prints the sums; the exit status.
    int finish();
    /// For an input that cannot even be opened: no further one is read.
    void fail(const Error& error);
    /// Inputs after the one that run() has stopped at.
    void leave_unread() { has_unread_ |= !has_enough(); }

private:
    bool has_enough() const;
    /// `file`: the one that is followed there, for its records' ids.
    bool take(record::Reader& reader, const std::string& name,
              const follow::FollowedFile* file = nullptr);
    void wait_for_input(record::Reader& reader, int fd);
    void keep_pace();
    bool work();
    bool wait(std::span<const int> inputs, std::int64_t until_ms);
    bool take_followed(follow::FollowedFile& file);
    void refused(const Error& error);
    void stop(const Error& error);
    Tally tally() const;
    void report();
    void look_at_fates();
    int status(const Tally& sums) const;
    void print_sums(const Tally& sums) const;
    bool is_even(const Tally& sums) const;

    const cli::Parser& cli_;
    Composer& composer_;
    Fates& fates_;
    Reporting& reporting_;
    Outlet& outlet_;
    const Limits limits_;
    const std::int64_t begin_us_;
    std::uint64_t read_ = 0;
    std::uint64_t refused_ = 0;  ///< that the outlet never got
    std::map<std::string, std::uint64_t> refused_by_;
    std::uint64_t skipped_empty_ = 0;
    std::uint64_t input_bytes_ = 0;  ///< of the inputs before this one
    std::uint64_t input_at_ = 0;     ///< in this one
    std::uint64_t failed_ = 0;       ///< of the outlet's, as far as looked at
    follow::Following* following_ = nullptr;
    std::optional<Error> first_error_;  ///< of a message
    std::optional<Error> failure_;      ///< what nothing goes on after
    bool is_stopped_ = false;
    bool has_unread_ = false;  ///< it ended before the input did
};

}  // namespace mqd::sending
