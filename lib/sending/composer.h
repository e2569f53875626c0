#pragma once
// Makes the message of a record: options over fields, properties into their stored form, the body
// compressed (mqd-record(5); mqsend(1)).
//
// Threads: one at a time; a message is good until the next call.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/compress.h"
#include "client/batch.h"
#include "record/record.h"

namespace mqd::sending {

/// When a message is to be delivered; at most one of them is set.
struct Delay {
    std::optional<std::int32_t> level;  ///< of the broker's messageDelayLevel, from 1 on
    std::optional<std::int64_t> ms;     ///< from the moment it is read
    std::optional<std::int64_t> at_ms;  ///< since the epoch
    bool is_set() const { return level || ms || at_ms; }
};

struct Settings {
    std::string topic;
    std::vector<std::string> keys;
    std::string tag;
    std::vector<std::pair<std::string, std::string>> properties;
    std::string shard;
    std::optional<std::int32_t> queue;
    Delay delay;  ///< instead of what a record says
    std::optional<Compression> compression;
};

class Composer {
public:
    /// invalid: a property that cannot be stored.
    static Result<Composer> make(Settings settings);

    /// invalid: no topic, a field that cannot be stored or is not to be had.
    Result<client::Message> compose(const record::Record& record);

private:
    explicit Composer(Settings settings) : settings_(std::move(settings)) {}
    Result<> fill(const record::Record& record, client::Message& message);
    Result<> append_properties(const record::Record& record, std::string& out) const;
    Result<> append_delay(const record::Record& record, std::string& out) const;

    Settings settings_;
    std::string plain_;       ///< the properties of a record that brings none
    std::string properties_;  ///< the last message's, where they are its own
    std::string delay_;       ///< the property that delays it
    std::string compressed_;
};

/// `NAME=VALUE`. invalid: no `=`, or a property that cannot be stored.
Result<std::pair<std::string, std::string>> parse_property(std::string_view text);

}  // namespace mqd::sending
