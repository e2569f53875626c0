#include "wire/json_header.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "base/parse.h"
#include "json/escape.h"
#include "wire/codes.h"

namespace mqd::wire {

namespace {

constexpr int depth_max = 64;
constexpr std::size_t scratch_kept_bytes = 65536;

/// Bit 7 of each byte that is a quote or a backslash, and perhaps of bytes after the first such.
std::uint64_t string_ends(std::uint64_t eight) {
    constexpr std::uint64_t ones = 0x0101010101010101;
    constexpr std::uint64_t tops = 0x8080808080808080;
    const auto zeros = [](std::uint64_t v) { return (v - ones) & ~v; };
    return (zeros(eight ^ ('"' * ones)) | zeros(eight ^ ('\\' * ones))) & tops;
}

/// The first byte of the text is the lowest.
std::uint64_t load_eight(const char* at) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, at, 8);
    if constexpr (std::endian::native == std::endian::big) eight = byte_swapped(eight);
    return eight;
}

class Reader {
public:
    Reader(std::string_view text, HeaderScratch& scratch, Command& command)
        : begin_(text.data()),
          at_(text.data()),
          end_(text.data() + text.size()),
          scratch_(scratch),
          command_(command) {}

    Result<> read() {
        scratch_.ext.clear();
        scratch_.text.clear();
        scratch_.text.shrink_if_above(scratch_kept_bytes);
        const bool ok = object([this](std::string_view key) { return member(key); });
        skip_blanks();
        if (!ok || at_ != end_)
            return Error{Errc::invalid,
                         fmt::format("the header cannot be read at byte {}", at_ - begin_)};
        command_.ext = scratch_.ext;
        return {};
    }

private:
    enum class Kind { text, number, word, null, nested };
    struct Token {
        Kind kind = Kind::null;
        std::string_view text;
    };

    void skip_blanks() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
    }
    bool next_is(char c) {
        skip_blanks();
        if (at_ == end_ || *at_ != c) return false;
        ++at_;
        return true;
    }

    template <class F>
    bool object(F&& read_member) {
        if (!next_is('{')) return false;
        if (next_is('}')) return true;
        do {
            std::string_view key;
            if (!next_is('"') || !string(key) || !next_is(':') || !read_member(key)) return false;
        } while (next_is(','));
        return next_is('}');
    }

    bool member(std::string_view key) {
        if (key == "extFields") return ext_fields();
        Token token;
        if (!value(token, 0)) return false;
        if (key == "code") return number(token, command_.code);
        if (key == "flag") return number(token, command_.flag);
        if (key == "opaque") return number(token, command_.opaque);
        if (key == "version") return number(token, command_.version);
        if (key == "language") return language(token);
        if (key == "remark" && token.kind != Kind::null) command_.remark = token.text;
        return true;
    }

    bool ext_fields() {
        skip_blanks();
        if (at_ != end_ && *at_ == 'n') {
            Token null;
            return value(null, 0) && null.kind == Kind::null;
        }
        return object([this](std::string_view key) {
            Token token;
            if (!value(token, 0)) return false;
            if (token.kind == Kind::null) return true;
            if (scratch_.ext.size() == ext_fields_max) return false;
            scratch_.ext.push_back({key, token.text});
            return true;
        });
    }

    static bool number(const Token& token, std::int32_t& out) {
        if (token.kind == Kind::null) return true;
        const auto value = parse_int<std::int32_t>(token.text);
        if (value) out = *value;
        return value.has_value();
    }

    bool language(const Token& token) {
        if (token.kind == Kind::number)
            command_.language = parse_int<std::uint8_t>(token.text).value_or(0);
        else
            command_.language = language_of(token.text);
        return true;
    }

    bool value(Token& out, int depth) {
        skip_blanks();
        if (at_ == end_) return false;
        switch (*at_) {
            case '"':
                ++at_;
                out.kind = Kind::text;
                return string(out.text);
            case '{':
            case '[':
                return nested(out, depth);
            case 't':
                return word("true", Kind::word, out);
            case 'f':
                return word("false", Kind::word, out);
            case 'n':
                return word("null", Kind::null, out);
            default:
                return bare_number(out);
        }
    }

    bool word(std::string_view expected, Kind kind, Token& out) {
        const auto left = static_cast<std::size_t>(end_ - at_);
        if (left < expected.size() || std::memcmp(at_, expected.data(), expected.size()) != 0)
            return false;
        at_ += expected.size();
        out = {kind, expected};
        return true;
    }

    bool bare_number(Token& out) {
        const char* const from = at_;
        const auto belongs = [](char c) {
            return (c >= '0' && c <= '9') || c == '-' || c == '.' || c == 'e' || c == 'E' ||
                   c == '+';
        };
        while (at_ != end_ && belongs(*at_)) ++at_;
        out = {Kind::number, {from, static_cast<std::size_t>(at_ - from)}};
        return at_ != from;
    }

    // No known peer nests anything in a header: it is checked, and kept as it stands.
    bool nested(Token& out, int depth) {
        if (depth == depth_max) return false;
        const char* const from = at_;
        Token inner;
        if (*at_ == '{') {
            if (!object([&](std::string_view) { return value(inner, depth + 1); })) return false;
        } else {
            ++at_;
            if (!next_is(']')) {
                do {
                    if (!value(inner, depth + 1)) return false;
                } while (next_is(','));
                if (!next_is(']')) return false;
            }
        }
        out = {Kind::nested, {from, static_cast<std::size_t>(at_ - from)}};
        return true;
    }

    /// The string whose first character is at at_. Eight bytes at a time: most strings of a
    /// header are shorter than that, and a loop over bytes would guess their lengths wrong.
    bool string(std::string_view& out) {
        const char* const from = at_;
        for (;;) {
            const auto ends = string_ends(load_eight(at_));
            if (ends != 0) {
                at_ += std::countr_zero(ends) / 8;
                break;
            }
            at_ += 8;
            if (at_ >= end_) break;
        }
        if (at_ >= end_) return at_ = end_, false;
        if (*at_ == '\\') return string_with_escapes(from, out);
        out = {from, static_cast<std::size_t>(at_ - from)};
        ++at_;
        return true;
    }

    bool string_with_escapes(const char* from, std::string_view& out) {
        char* const begin = room();
        char* to = begin;
        std::memcpy(to, from, static_cast<std::size_t>(at_ - from));
        to += at_ - from;
        while (at_ < end_ && *at_ == '\\') {
            if (!escape(to)) return false;
            for (;;) {
                const auto eight = load_eight(at_);
                const auto ends = string_ends(eight);
                std::memcpy(to, at_, 8);
                const int plain = ends != 0 ? std::countr_zero(ends) / 8 : 8;
                at_ += plain;
                to += plain;
                if (ends != 0 || at_ >= end_) break;
            }
        }
        if (at_ >= end_) return at_ = end_, false;
        ++at_;
        out = {begin, static_cast<std::size_t>(to - begin)};
        scratch_.text.commit(out.size());
        return true;
    }

    bool escape(char*& to) {
        // The separators of a property string, by far the most frequent.
        if (end_ - at_ >= 6 && std::memcmp(at_, "\\u000", 5) == 0 && at_[5] >= '0' &&
            at_[5] <= '9') {
            *to++ = static_cast<char>(at_[5] - '0');
            at_ += 6;
            return true;
        }
        const auto escape = json::read_escape(at_, end_);
        if (escape.text_bytes == 0) return false;
        to += json::put_utf8(to, escape.character);
        at_ += escape.text_bytes;
        return true;
    }

    /// Where the next unescaped string goes. Strings only get shorter, so once as long as the
    /// header (and what is stored 8 bytes at a time) the buffer never moves under its views.
    char* room() {
        constexpr std::size_t overshoot_bytes = 16;
        const auto header_bytes = static_cast<std::size_t>(end_ - begin_);
        if (scratch_.text.empty()) scratch_.text.reserve(header_bytes + overshoot_bytes);
        return reinterpret_cast<char*>(scratch_.text.data() + scratch_.text.size());
    }

    const char* const begin_;
    const char* at_;
    const char* const end_;
    HeaderScratch& scratch_;
    Command& command_;
};

}  // namespace

Result<> read_json_header(std::string_view text, HeaderScratch& scratch, Command& command) {
    return Reader(text, scratch, command).read();
}

}  // namespace mqd::wire
