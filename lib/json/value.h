#pragma once
// JSON in, for all but the hottest path: a tree that answers leniently, since RocketMQ's peers
// write fastjson's dialect (mqd-remoting(7), JSON DIALECT): unquoted integer keys, objects as keys
// (kept as their canonical text), numbers for strings and strings for numbers, raw control
// characters in strings, duplicate keys (the last wins).
//
// Threads: value types.

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace mqd::json {

class Value {
public:
    enum class Kind { null, boolean, integer, real, text, array, object };
    using Member = std::pair<std::string, Value>;

    Value() = default;
    // Templates, so that neither a pointer nor an int is quietly taken for a bool.
    template <std::same_as<bool> T>
    Value(T value) : data_(value) {}
    template <std::integral T>
    requires(!std::same_as<T, bool>) Value(T value) : data_(static_cast<std::int64_t>(value)) {}
    Value(double value) : data_(value) {}
    Value(std::string value) : data_(std::move(value)) {}
    Value(std::string_view value) : data_(std::string(value)) {}
    Value(const char* value) : data_(std::string(value)) {}
    static Value array(std::vector<Value> items = {});
    static Value object(std::vector<Member> members = {});

    Kind kind() const { return static_cast<Kind>(data_.index()); }
    bool is_null() const { return kind() == Kind::null; }
    bool is_object() const { return kind() == Kind::object; }
    bool is_array() const { return kind() == Kind::array; }
    bool is_text() const { return kind() == Kind::text; }

    /// The member of that name; null (never dangling) when there is none or this is no object.
    /// Looks through the members one by one: for big tables walk members() instead.
    const Value& operator[](std::string_view name) const;
    bool has(std::string_view name) const;
    /// In the order of the text. Empty for other kinds.
    const std::vector<Member>& members() const;
    const std::vector<Value>& items() const;
    void set(std::string name, Value value);  ///< replaces or appends; makes null an object
    void push(Value value);                   ///< appends an item; makes null an array

    // With fastjson's coercions; `otherwise` when the value is absent or of no use.
    std::int64_t as_int(std::int64_t otherwise = 0) const;
    double as_real(double otherwise = 0) const;
    bool as_bool(bool otherwise = false) const;
    /// Text as it is; numbers and booleans as text; `otherwise` for the rest.
    std::string as_text(std::string_view otherwise = {}) const;

private:
    const Value* find(std::string_view name) const;

    // The order of Kind.
    std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<Value>,
                 std::vector<Member>>
        data_;
};

/// invalid: not JSON even by fastjson's rules, nested deeper than 64, or of more than two million
/// values (a tree takes 20 times its text); `what` names the byte.
Result<Value> parse(std::string_view text);

}  // namespace mqd::json
