#pragma once
// What became of each message, in the order of the input: lines for --print, and the inputs that
// were refused for --rejects (mqsend(1)).
//
// Threads: one at a time.

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "client/producer.h"

namespace mqd::sending {

enum class Print { nothing, ids, json, replies };

class Fates {
public:
    /// `rejects` may be empty. `level` is what is said of a stored message, empty: nothing.
    /// io, not_found: the file cannot be made.
    static Result<std::unique_ptr<Fates>> open(Print print, const std::string& rejects,
                                               std::optional<char> delimiter,
                                               std::string_view level);
    ~Fates();
    Fates(const Fates&) = delete;
    Fates& operator=(const Fates&) = delete;

    bool keeps_messages() const {
        return print_ != Print::nothing || rejects_fd_ >= 0 || counts_kept_;
    }
    /// For kept(): every message is kept here until its fate is known. `stops`: at one that fails.
    void count_kept(bool stops) {
        counts_kept_ = true;
        stops_ = stops;
    }
    /// How many messages were begun, and how many of the first of them need not be read again.
    std::uint64_t begun() const { return first_ + fates_.size(); }
    std::uint64_t kept() const { return kept_; }

    /// Begins the next message; gives its ordinal.
    std::uint64_t begin(std::string_view raw, std::string_view where);
    /// `ordinals`: of the batch's messages; `nobody` for one whose fate has been told.
    void settled(const client::Settled& settled, std::span<const std::uint64_t> ordinals);
    static constexpr std::uint64_t nobody = ~std::uint64_t{0};
    /// It is in the spool: there it can be read again, and is kept here no longer.
    void in_spool(std::uint64_t ordinal, std::string_view id);
    /// And it may be there for long: that is its fate for now.
    void left_in_spool(std::uint64_t ordinal);
    void refused(std::uint64_t ordinal, std::string_view why);
    /// The end of a transaction.
    void committed(std::uint64_t ordinal, std::string_view id);
    void rolled_back(std::uint64_t ordinal, std::string_view id);
    /// Of a request.
    void answered(std::uint64_t ordinal, std::string_view reply);
    void unanswered(std::uint64_t ordinal);

    /// A refused input that never became a message, in pieces; then why.
    void rejected_piece(std::string_view piece);
    void rejected(std::string_view where, std::string_view why);

    /// Writes what is known. io
    Result<> flush();

private:
    struct Fate {
        bool is_known = false;
        bool is_failed = false;
        std::string line;  ///< for --print, with its newline
        std::string raw;   ///< for --rejects
        std::string where;
        bool is_in_spool = false;
    };
    Fates(Print print, std::optional<char> delimiter, std::string_view level)
        : print_(print), delimiter_(delimiter), level_(level) {}
    Fate& at(std::uint64_t ordinal) { return fates_[ordinal - first_]; }
    std::string stored_line(std::string_view id, const client::Settled& settled,
                            std::int64_t offset) const;
    void refuse(Fate& fate, std::string_view id, std::string_view why);
    void advance();

    const Print print_;
    const std::optional<char> delimiter_;  ///< put after each rejected message
    const std::string level_;
    int rejects_fd_ = -1;
    int reasons_fd_ = -1;
    std::string rejects_name_;
    std::deque<Fate> fates_;
    std::uint64_t first_ = 0;  ///< ordinal of fates_.front()
    bool counts_kept_ = false;
    bool stops_ = false;
    bool has_stopped_ = false;
    std::uint64_t kept_ = 0;
    Buffer out_, rejects_, reasons_;
    Result<> piece_written_;
};

}  // namespace mqd::sending
