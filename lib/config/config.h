#pragma once
// The keys of a program, their values, and where each came from. A program describes its keys in
// one table; the values land in the fields of its options struct, whose initialisers are the
// defaults:
//
//     struct Options { int listen_port = 9876; std::int64_t scan_ms = 5000; Mode mode = Mode::on;
//     }; void describe(config::Config& c, Options& o) {
//         c.integer("listenPort", o.listen_port, 0, 65535, "TCP port");
//         c.duration("scanInterval", o.scan_ms, 100, 600'000, "how often ...").reloadable();
//         c.choice("mode", o.mode, {{"ON", Mode::on}, {"OFF", Mode::off}}, "...");
//     }
//
// The strongest origin wins, in whatever order they are applied: option over environment over
// file over default (mqd(7), CONFIGURATION; mqd-broker(8), CONFIGURATION). Problems are collected,
// to be printed all at once.
//
// Threads: one at a time.
// Owner:   main; the described fields outlive it.

#include <concepts>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/file.h"

namespace mqd::config {

enum class Type { integer, size, duration, boolean, choice, text };

struct Origin {
    enum Strength { defaults, file, environment, option, update };
    Strength strength = defaults;
    std::string text = "default";  ///< `broker.conf:12`, `$NAMESRV_ADDR`, `--listen`
};

struct Key {
    std::string_view name;
    Type type = Type::text;
    std::string_view comment;
    std::string_view variable;  ///< environment variable that sets it, if any
    bool is_reloadable = false;
    std::int64_t min = 0, max = 0;         ///< of a number, both included
    std::vector<std::string_view> values;  ///< of a choice
    Origin origin;
    std::function<Result<>(std::string_view)> set;
    std::function<std::string()> get;  ///< as set() reads it back

    Key& reloadable() {
        is_reloadable = true;
        return *this;
    }
    Key& from_environment(std::string_view name_of_variable) {
        variable = name_of_variable;
        return *this;
    }
    bool is_number() const { return type != Type::choice && type != Type::text; }
};

class Config {
public:
    Config() = default;
    Config(const Config&) = delete;
    Config& operator=(const Config&) = delete;

    // The table. Bounds are inclusive.
    template <std::integral T>
    Key& integer(std::string_view name, T& field, std::type_identity_t<T> min,
                 std::type_identity_t<T> max, std::string_view comment) {
        return number(name, Type::integer, field, min, max, comment);
    }
    /// Bytes, or `64k`, `1M`, `1G`.
    template <std::integral T>
    Key& size(std::string_view name, T& field_bytes, std::type_identity_t<T> min,
              std::type_identity_t<T> max, std::string_view comment) {
        return number(name, Type::size, field_bytes, min, max, comment);
    }
    /// Milliseconds, or `500ms`, `10s`, `2h`.
    template <std::integral T>
    Key& duration(std::string_view name, T& field_ms, std::type_identity_t<T> min,
                  std::type_identity_t<T> max, std::string_view comment) {
        return number(name, Type::duration, field_ms, min, max, comment);
    }
    Key& boolean(std::string_view name, bool& field, std::string_view comment);
    Key& text(std::string_view name, std::string& field, std::string_view comment);
    template <class E>
    Key& choice(std::string_view name, E& field, std::vector<std::pair<std::string_view, E>> names,
                std::string_view comment) {
        auto& key = add(name, Type::choice, comment);
        for (const auto& [n, value] : names) key.values.push_back(n);
        key.get = [&field, names] {
            for (const auto& [n, value] : names)
                if (value == field) return std::string(n);
            return std::string();
        };
        key.set = [&field, names = std::move(names)](std::string_view text) -> Result<> {
            std::string all;
            for (const auto& [n, value] : names) {
                if (n == text) {
                    field = value;
                    return {};
                }
                all += all.empty() ? "" : ", ";
                all += n;
            }
            return none_of(text, all);
        };
        return key;
    }

    // Values. What is wrong with them is added to problems().
    void load(const std::filesystem::path& path);
    void load(const std::vector<Entry>& entries, std::string_view file_name);
    void load_environment();
    /// `flag` is the origin: `--listen`.
    void set_option(std::string_view name, std::string_view value, std::string_view flag);
    /// A default that follows from other keys (haListenPort from listenPort); nothing when the key
    /// has a value from anywhere else.
    void set_default(std::string_view name, std::string_view value, std::string_view why);
    /// At run time (UPDATE_BROKER_CONFIG): strongest of all. not_found: no such key; invalid.
    Result<> update(std::string_view name, std::string_view value);

    /// Something is wrong with the value of this key, seen together with others.
    void complain(std::string_view name, std::string_view what);
    /// Something about it that its owner should know.
    void note(std::string_view name, std::string_view what);
    const std::vector<std::string>& problems() const { return problems_; }
    const std::vector<std::string>& warnings() const { return warnings_; }

    const Key* find(std::string_view name) const;
    const std::deque<Key>& keys() const { return keys_; }
    bool is_set(std::string_view name) const;  ///< anywhere but by default
    /// Keys whose value differs in `other`, which has the same table.
    std::vector<const Key*> differences(const Config& other) const;

    /// `key = value  # origin` a line, as TOML: for --print-config, and readable back.
    std::string print() const;
    /// `key=value` a line, as RocketMQ's GET_..._CONFIG answers have it.
    std::string properties() const;

private:
    Key& add(std::string_view name, Type type, std::string_view comment);
    template <std::integral T>
    Key& number(std::string_view name, Type type, T& field, T min, T max,
                std::string_view comment) {
        auto& key = add(name, type, comment);
        key.min = static_cast<std::int64_t>(min);
        key.max = static_cast<std::int64_t>(max);
        key.get = [&field] { return std::to_string(field); };
        key.set = [&field, type, min = key.min, max = key.max](std::string_view text) -> Result<> {
            TRY(const auto value, read_number(type, text, min, max));
            field = static_cast<T>(value);
            return {};
        };
        return key;
    }
    static Result<std::int64_t> read_number(Type type, std::string_view text, std::int64_t min,
                                            std::int64_t max);
    static Error none_of(std::string_view text, std::string_view all);
    Key* find_mutable(std::string_view name);
    void apply(Key& key, std::string_view value, Origin origin);
    std::string closest(std::string_view name) const;

    std::deque<Key> keys_;  // a deque: the rows handed out stay in place
    std::vector<std::string> problems_;
    std::vector<std::string> warnings_;
};

/// A key that RocketMQ's broker or name server (any of 4.0 to 5.3) has in its file, so that files
/// work as they are, or say what stands in the way (mqd-broker(8), CONFIGURATION).
struct RocketmqKey {
    enum class Meaning {
        honoured,  ///< a daemon's table has it
        none,      ///< here it has no meaning: a note at the start
        promise,   ///< of what mqd does not do
    };
    std::string_view name;
    Meaning meaning = Meaning::none;
    /// Which values promise what is not kept; honoured keys may have some too. Null: none.
    bool (*asks)(std::string_view value) = nullptr;
    std::string_view why = {};         ///< it is not kept
    std::string_view instead = {};     ///< what to write; empty: the line is to go, or to be false
    std::string_view belongs_to = {};  ///< a file that turns this key off promises nothing
};
/// Sorted by name.
std::span<const RocketmqKey> rocketmq_keys();
/// Null: no key of RocketMQ's.
const RocketmqKey* find_rocketmq_key(std::string_view name);
/// `key: why: what to write instead` when this value asks for what mqd does not do. `other` gives
/// the value of another key in the same file, "" when it is not there.
std::optional<std::string> broken_promise(
    std::string_view name, std::string_view value,
    const std::function<std::string_view(std::string_view name)>& other);

}  // namespace mqd::config
