#include "record/reader.h"

#include <fmt/format.h>

#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include "record/block_input.h"
#include "record/journal_entry.h"
#include "record/parse_record.h"

namespace mqd::record {
namespace {

/// Where to cut what is longer than `bytes_max`: not inside a UTF-8 character, if it is text.
std::size_t cut_of(std::string_view text, std::size_t bytes_max) {
    constexpr std::size_t continuations_max = 3;
    for (std::size_t back = 0; back <= continuations_max && back < bytes_max; ++back) {
        const auto byte = static_cast<unsigned char>(text[bytes_max - back]);
        if ((byte & 0xC0) != 0x80) return bytes_max - back;
    }
    return bytes_max;
}

}  // namespace

class Reader::Impl {
public:
    Impl(int fd, std::string name, ReaderOptions options)
        : options_(std::move(options)),
          name_(std::move(name)),
          // A whole file is what it reads as.
          input_(fd, options_.stop_fd, options_.read_bytes_max, name_,
                 {options_.input != Input::file, options_.follow, options_.input == Input::nul,
                  options_.tell}),
          delimiter_(options_.input == Input::nul ? '\0' : '\n') {
        input_.begin_at(options_.at);
    }

    Result<const Record*> next() {
        release();
        for (;;) {
            TRY(const bool there, find());
            if (!there) return static_cast<const Record*>(nullptr);
            if (!raw_.empty() || !drops_empty()) break;
            ++skipped_empty_;
            release();
        }
        if (options_.input != Input::msgpack) record_.clear();
        switch (options_.input) {
            case Input::json:
                TRY_OK(accept_json());
                break;
            case Input::msgpack:
                TRY_OK(accept(std::move(msgpack_result_), msgpack_.unknown_keys()));
                break;
            case Input::lines:
            case Input::nul:
                split_key();
                break;
            case Input::journal:
            case Input::file:
                record_.body = raw_;
                break;
        }
        return &record_;
    }

    std::string_view raw() const { return raw_; }
    std::uint64_t number() const { return number_; }
    std::uint64_t begin_at() const { return begin_at_; }
    std::uint64_t end_at() const { return input_.end_of(pending_); }
    std::uint64_t skipped_empty() const { return skipped_empty_; }
    bool has_more_here() const {
        const auto rest = input_.window().substr(pending_);
        if (!skipping_) return !rest.empty();
        const auto end = rest.find(delimiter_);
        return end != std::string_view::npos && end + 1 < rest.size();
    }

    bool ready() {
        if (at_end_ || input_ended_) return true;
        release();
        const auto rest = input_.window();
        switch (options_.input) {
            case Input::msgpack:
                return parse_msgpack();
            case Input::journal:
                return rest.size() > options_.record_bytes_max ||
                       find_journal_entry(rest, false).state != JournalEntry::State::incomplete;
            case Input::file:
                return false;
            default:
                return rest.size() > options_.record_bytes_max ||
                       rest.find(delimiter_) != std::string_view::npos;
        }
    }

    Result<bool> fill() {
        release();
        if (skipping_) {
            TRY_OK(skip_long());
            return !skipping_ && !at_end_;
        }
        if (std::exchange(parsed_, std::nullopt)) incomplete_bytes_ = 0;  // its bytes may move
        TRY(const bool got, more());
        if (!options_.follow || input_.stopped()) input_ended_ = !got;
        return got;
    }

    void end_here() {
        options_.follow = false;
        input_ended_ = true;
    }

private:
    bool drops_empty() const {
        // Between JSON lines an empty one means nothing.
        return options_.input == Input::json ||
               (options_.skip_empty && options_.input != Input::msgpack);
    }

    // The last record's bytes are given up only now: its views were good until here.
    void release() {
        input_.consume(pending_);
        pending_ = 0;
        raw_ = {};
    }

    Result<bool> find() {
        if (at_end_) return false;
        if (skipping_) TRY_OK(skip_long());
        if (at_end_ || skipping_) return false;
        begin_at_ = input_.consumed();
        switch (options_.input) {
            case Input::msgpack:
                return find_msgpack();
            case Input::journal:
                return find_entry();
            case Input::file:
                return find_file();
            default:
                return find_chunk();
        }
    }

    void found(std::size_t raw_bytes, std::size_t with_delimiter) {
        raw_ = input_.window().substr(0, raw_bytes);
        pending_ = with_delimiter;
        ++number_;
    }

    Result<bool> more() {
        if (std::exchange(input_ended_, false)) return false;
        auto got = input_.more();
        if (!got) at_end_ = true;
        if (!skipping_) begin_at_ = input_.consumed();  // after a hole
        return got;
    }

    Result<bool> find_chunk() {
        std::size_t scanned = 0;
        for (;;) {
            const auto window = input_.window();
            const auto at = window.find(delimiter_, scanned);
            if (at <= options_.record_bytes_max) return found(at, at + 1), true;
            if (window.size() > options_.record_bytes_max) return too_long();
            scanned = window.size();
            TRY(const bool got, more());
            if (got) continue;
            return at_chunk_end(window.size());
        }
    }

    Result<bool> at_chunk_end(std::size_t left) {
        if (options_.follow && !input_.stopped()) return false;
        at_end_ = true;
        // What stood before an interrupt is no whole line.
        if (left == 0 || input_.stopped()) return false;
        return found(left, left), true;
    }

    Result<bool> too_long() {
        if (options_.split_long && options_.input != Input::json) {
            const auto bytes = cut_of(input_.window(), options_.record_bytes_max);
            return found(bytes, bytes), true;
        }
        ++number_;
        skipping_ = true;
        return Error{Errc::corrupt,
                     fmt::format("{}: longer than {} bytes", where(), options_.record_bytes_max)};
    }

    Result<> skip_long() {
        for (;;) {
            const auto window = input_.window();
            const auto at = window.find(delimiter_);
            const auto bytes = at == std::string_view::npos ? window.size() : at + 1;
            if (options_.refused) options_.refused(window.substr(0, bytes));
            input_.consume(bytes);
            if (at != std::string_view::npos) break;
            TRY(const bool got, more());
            if (got) continue;
            if (options_.follow && !input_.stopped()) return {};
            at_end_ = true;
            break;
        }
        skipping_ = false;
        return {};
    }

    /// Whether a map, or something broken, begins the window and is there as a whole.
    bool parse_msgpack() {
        if (parsed_) return true;
        const auto window = input_.window();
        if (window.size() <= incomplete_bytes_) return false;
        record_.clear();
        auto parsed = msgpack_.parse(window, record_);
        incomplete_bytes_ = window.size();
        if (!parsed.broken && parsed.bytes == 0) return false;
        parsed_ = std::move(parsed);
        return true;
    }

    Result<bool> find_msgpack() {
        for (;;) {
            const auto window = input_.window();
            if (parse_msgpack()) {
                auto parsed = *std::exchange(parsed_, std::nullopt);
                if (parsed.broken) {
                    at_end_ = true;
                    ++number_;
                    return Error{Errc::corrupt, fmt::format("{}: {}; nothing after it can be read",
                                                            where(), parsed.record.error().what)};
                }
                incomplete_bytes_ = 0;
                msgpack_result_ = std::move(parsed.record);
                if (parsed.bytes > options_.record_bytes_max)
                    msgpack_result_ = Error{Errc::corrupt, fmt::format("longer than {} bytes",
                                                                       options_.record_bytes_max)};
                return found(parsed.bytes, parsed.bytes), true;
            }
            if (window.size() > options_.record_bytes_max) {
                at_end_ = true;
                ++number_;
                return Error{Errc::corrupt,
                             fmt::format("{}: longer than {} bytes; nothing after it can be read",
                                         where(), options_.record_bytes_max)};
            }
            TRY(const bool got, more());
            if (got) continue;
            if (options_.follow && !input_.stopped()) return false;
            at_end_ = true;
            if (window.empty() || input_.stopped()) return false;
            ++number_;
            return Error{Errc::corrupt, fmt::format("{}: the input ends inside a map", where())};
        }
    }

    Error nothing_behind(std::string_view what) {
        at_end_ = true;
        ++number_;
        return {Errc::corrupt, fmt::format("{}: {}; nothing after it can be read", where(), what)};
    }

    Result<bool> find_entry() {
        for (bool is_last = false;;) {
            const auto entry = find_journal_entry(input_.window(), is_last);
            input_.consume(entry.begin);
            begin_at_ = input_.consumed();
            if (entry.state == JournalEntry::State::broken)
                return nothing_behind("not an entry of a journal");
            const bool is_whole = entry.state == JournalEntry::State::whole;
            const auto bytes = is_whole ? entry.end - entry.begin : input_.window().size();
            if (bytes > options_.record_bytes_max)
                return nothing_behind(
                    fmt::format("longer than {} bytes", options_.record_bytes_max));
            if (is_whole) return found(bytes, bytes + (entry.has_empty_line ? 1 : 0)), true;
            if (is_last) return nothing_behind("the input ends inside an entry");
            TRY(const bool got, more());
            if (got) continue;
            if (options_.follow && !input_.stopped()) return false;
            // What stood before an interrupt is no whole entry.
            if (input_.window().empty() || input_.stopped()) return at_end_ = true, false;
            is_last = true;
        }
    }

    Result<bool> find_file() {
        for (;;) {
            if (input_.window().size() > options_.record_bytes_max) {
                at_end_ = true;
                ++number_;
                return Error{Errc::corrupt, fmt::format("{}: longer than {} bytes", name_,
                                                        options_.record_bytes_max)};
            }
            TRY(const bool got, more());
            if (got) continue;
            at_end_ = true;
            if (input_.stopped()) return false;
            return found(input_.window().size(), input_.window().size()), true;
        }
    }

    Result<> accept_json() {
        auto parsed = json_.parse(raw_, input_.readable_bytes(), record_);
        return accept(std::move(parsed), json_.unknown_keys());
    }

    /// Tells of keys that nobody asked for; with `is_strict` they are an error.
    Result<> check_keys(std::span<const std::string_view> unknown) const {
        for (const auto key : unknown) {
            if (options_.is_strict)
                return Error{Errc::corrupt, fmt::format("there is no key '{}'", key)};
            if (options_.unknown_key) options_.unknown_key(key, where());
        }
        return {};
    }

    Result<> accept(Result<> parsed, std::span<const std::string_view> unknown) {
        if (parsed) parsed = check_keys(unknown);
        if (parsed) return {};
        if (options_.refused) options_.refused(input_.window().substr(0, pending_));
        return Error{Errc::corrupt, fmt::format("{}: {}", where(), parsed.error().what)};
    }

    void split_key() {
        record_.body = raw_;
        if (options_.key_delimiter.empty()) return;
        const auto at = raw_.find(options_.key_delimiter);
        if (at == std::string_view::npos) return;
        if (at > 0) record_.keys.push_back(raw_.substr(0, at));
        record_.body = raw_.substr(at + options_.key_delimiter.size());
    }

    std::string where() const {
        const bool lines = options_.input == Input::lines || options_.input == Input::json;
        return fmt::format("{}: {} {} (byte {})", name_, lines ? "line" : "record", number_,
                           begin_at_);
    }

    ReaderOptions options_;
    const std::string name_;
    BlockInput input_;
    const char delimiter_;
    JsonRecords json_;
    MsgpackRecords msgpack_;
    std::optional<MsgpackRecords::Parsed> parsed_;  ///< the next one, found by ready()
    Result<> msgpack_result_;
    Record record_;
    std::string_view raw_;
    std::size_t pending_ = 0;  ///< bytes of the window that the last record takes
    std::size_t incomplete_bytes_ = 0;
    std::uint64_t number_ = 0;
    std::uint64_t begin_at_ = 0;
    std::uint64_t skipped_empty_ = 0;
    bool skipping_ = false;
    bool at_end_ = false;
    bool input_ended_ = false;  ///< fill() has met the end, find() has not
};

Reader::Reader(int fd, std::string name, ReaderOptions options)
    : impl_(std::make_unique<Impl>(fd, std::move(name), std::move(options))) {}
Reader::~Reader() = default;
Result<const Record*> Reader::next() {
    return impl_->next();
}
Result<bool> Reader::fill() {
    return impl_->fill();
}
void Reader::end_here() {
    impl_->end_here();
}
std::string_view Reader::raw() const {
    return impl_->raw();
}
bool Reader::ready() {
    return impl_->ready();
}
std::uint64_t Reader::number() const {
    return impl_->number();
}
std::uint64_t Reader::begin_at() const {
    return impl_->begin_at();
}
std::uint64_t Reader::end_at() const {
    return impl_->end_at();
}
bool Reader::has_more_here() const {
    return impl_->has_more_here();
}
std::uint64_t Reader::skipped_empty() const {
    return impl_->skipped_empty();
}

}  // namespace mqd::record
