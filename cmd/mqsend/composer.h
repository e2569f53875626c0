#pragma once
// Makes the message of a record: options over fields, properties into their stored form, the body
// compressed (spec cli.md 2, 3).
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

namespace mqd::mqsend {

struct Settings {
    std::string topic;
    std::vector<std::string> keys;
    std::string tag;
    std::vector<std::pair<std::string, std::string>> properties;
    std::string shard;
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
    Result<> append_properties(const record::Record& record, std::string& out) const;

    Settings settings_;
    std::string plain_;       ///< the properties of a record that brings none
    std::string properties_;  ///< the last message's, where they are its own
    std::string compressed_;
};

/// `NAME=VALUE`. invalid: no `=`, or a property that cannot be stored.
Result<std::pair<std::string, std::string>> parse_property(std::string_view text);

}  // namespace mqd::mqsend
