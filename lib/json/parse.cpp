// One lenient pass, recursive descent into two shared stacks, so that every array and object is
// allocated once and at its size. An own reader because simdjson refuses object keys, unquoted
// keys and raw control characters, and a tree of ours would still have to be copied out of its
// one: the time goes into building the tree, not into the scanning.

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstring>
#include <iterator>
#include <unordered_map>

#include "json/escape.h"
#include "json/value.h"
#include "json/writer.h"

namespace mqd::json {

namespace {

constexpr int depth_max = 64;
constexpr std::size_t values_max = 2'000'000;

class Parser {
public:
    explicit Parser(std::string_view text)
        : begin_(text.data()), at_(text.data()), end_(text.data() + text.size()) {}

    Result<Value> whole() {
        Value value;
        if (!parse_value(value, 0)) return error();
        skip_blanks();
        if (at_ != end_) {
            fail("something behind the value");
            return error();
        }
        return value;
    }

private:
    bool fail(const char* why) {
        // The innermost reason is the one to tell.
        if (!why_) why_ = why;
        return false;
    }
    Error error() const {
        return {Errc::invalid, fmt::format("not JSON at byte {}: {}", at_ - begin_, why_)};
    }

    void skip_blanks() {
        while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
    }
    bool next_is(char c) {
        if (at_ == end_ || *at_ != c) return false;
        ++at_;
        return true;
    }
    bool word(std::string_view expected) {
        if (static_cast<std::size_t>(end_ - at_) < expected.size() ||
            std::memcmp(at_, expected.data(), expected.size()) != 0)
            return fail("no value begins like this");
        at_ += expected.size();
        return true;
    }

    bool parse_value(Value& out, int depth) {
        skip_blanks();
        if (at_ == end_) return fail("the text ends where a value should be");
        if (++values_ > values_max) return fail("too many values");
        switch (*at_) {
            case '{':
                return parse_object(out, depth);
            case '[':
                return parse_array(out, depth);
            case '"': {
                std::string text;
                if (!parse_text(text)) return false;
                out = Value(std::move(text));
                return true;
            }
            case 't':
                return word("true") && (out = Value(true), true);
            case 'f':
                return word("false") && (out = Value(false), true);
            case 'n':
                return word("null") && (out = Value(), true);
            default:
                return parse_number(out);
        }
    }

    bool parse_number(Value& out) {
        const char* const from = at_;
        const char* digits = from != end_ && *from == '-' ? from + 1 : from;
        const char* to = digits;
        while (to != end_ && *to >= '0' && *to <= '9') ++to;
        if (to == digits) return fail("no value begins like this");
        const bool is_real = to != end_ && (*to == '.' || *to == 'e' || *to == 'E');
        if (!is_real) {
            std::int64_t value = 0;
            const auto [end, code] = std::from_chars(from, to, value);
            if (code == std::errc{}) {
                at_ = to;
                out = Value(value);
                return true;
            }
        }
        double value = 0;
        const auto [end, code] = std::from_chars(from, end_, value);
        if (code != std::errc{} || !std::isfinite(value)) return fail("a number out of range");
        at_ = end;
        out = Value(value);
        return true;
    }

    bool parse_text(std::string& out) {
        const char* const from = ++at_;
        while (at_ != end_ && *at_ != '"' && *at_ != '\\') ++at_;
        out.assign(from, at_);
        while (at_ != end_ && *at_ == '\\') {
            const auto escape = read_escape(at_, end_);
            if (escape.text_bytes == 0) return fail("an unknown escape");
            at_ += escape.text_bytes;
            char utf8[4];
            out.append(utf8, put_utf8(utf8, escape.character));
            const char* const run = at_;
            while (at_ != end_ && *at_ != '"' && *at_ != '\\') ++at_;
            out.append(run, at_);
        }
        return next_is('"') || fail("the text ends inside a string");
    }

    bool parse_key(std::string& out, int depth) {
        skip_blanks();
        if (at_ == end_) return fail("the text ends where a key should be");
        if (*at_ == '"') return parse_text(out);
        if (*at_ == '{') {
            Value key;
            if (!parse_value(key, depth + 1)) return false;
            out = to_text(key);
            return true;
        }
        const char* const from = at_;
        if (*at_ == '-') ++at_;
        const char* const digits = at_;
        while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
        if (at_ == digits) return fail("no key begins like this");
        out.assign(from, at_);
        return true;
    }

    bool parse_object(Value& out, int depth) {
        if (depth >= depth_max) return fail("nested too deeply");
        ++at_;
        const auto mark = members_.size();
        skip_blanks();
        if (!next_is('}')) {
            do {
                // Not parsed in place: the stack moves while inner objects use it.
                std::string key;
                if (!parse_key(key, depth)) return false;
                skip_blanks();
                if (!next_is(':')) return fail("a colon is missing");
                Value value;
                if (!parse_value(value, depth + 1)) return false;
                members_.emplace_back(std::move(key), std::move(value));
                skip_blanks();
            } while (next_is(','));
            if (!next_is('}')) return fail("an object must go on with a comma or end");
        }
        last_of_a_name_wins(mark);
        out = Value::object(taken_from(members_, mark));
        return true;
    }

    bool parse_array(Value& out, int depth) {
        if (depth >= depth_max) return fail("nested too deeply");
        ++at_;
        const auto mark = items_.size();
        skip_blanks();
        if (!next_is(']')) {
            do {
                Value value;
                if (!parse_value(value, depth + 1)) return false;
                items_.push_back(std::move(value));
                skip_blanks();
            } while (next_is(','));
            if (!next_is(']')) return fail("an array must go on with a comma or end");
        }
        out = Value::array(taken_from(items_, mark));
        return true;
    }

    template <class T>
    static std::vector<T> taken_from(std::vector<T>& stack, std::size_t mark) {
        const auto from = stack.begin() + static_cast<std::ptrdiff_t>(mark);
        std::vector<T> out(std::make_move_iterator(from), std::make_move_iterator(stack.end()));
        stack.erase(from, stack.end());
        return out;
    }

    // A few are compared with each other; a table of thousands gets a hash of its keys.
    void last_of_a_name_wins(std::size_t mark) {
        constexpr std::size_t few = 16;
        const auto count = members_.size() - mark;
        std::unordered_map<std::string_view, std::size_t> first_of;
        std::vector<bool> repeated;
        for (auto i = mark; i < members_.size(); ++i) {
            auto first = mark;
            if (count > few)
                first = first_of.try_emplace(members_[i].first, i).first->second;
            else
                while (members_[first].first != members_[i].first) ++first;
            if (first == i) continue;
            members_[first].second = std::move(members_[i].second);
            repeated.resize(count);
            repeated[i - mark] = true;
        }
        if (repeated.empty()) return;
        auto to = mark;
        for (auto i = mark; i < members_.size(); ++i) {
            if (repeated[i - mark]) continue;
            if (to != i) members_[to] = std::move(members_[i]);
            ++to;
        }
        members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(to), members_.end());
    }

    const char* const begin_;
    const char* at_;
    const char* const end_;
    const char* why_ = nullptr;
    std::size_t values_ = 0;
    std::vector<Value::Member> members_;
    std::vector<Value> items_;
};

}  // namespace

Result<Value> parse(std::string_view text) {
    return Parser(text).whole();
}

}  // namespace mqd::json
