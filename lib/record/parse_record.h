#pragma once
// The two forms of a record with named fields, taken apart in place.
//
// Threads: one at a time; the views live until the next call.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/object_reader.h"
#include "record/record.h"

namespace mqd::record {

/// Whether it is one of the keys that say where a message lay, which input passes over.
bool is_place_key(std::string_view key);

class JsonRecords {
public:
    /// `readable_bytes` as ObjectReader::read(). corrupt: not JSON, or a key of another type than
    /// the table of mqd-record(5) says.
    Result<> parse(std::string_view text, std::size_t readable_bytes, Record& into);
    /// Of the last record, what the table does not have.
    std::span<const std::string_view> unknown_keys() const { return unknown_keys_; }

private:
    Result<> take(const json::ObjectReader::Member& member, Record& into);

    json::ObjectReader reader_;
    std::string body_;  ///< decoded or minified
    bool has_body_ = false;
    std::vector<std::string_view> unknown_keys_;
};

class MsgpackRecords {
public:
    MsgpackRecords();
    ~MsgpackRecords();

    struct Parsed {
        std::size_t bytes = 0;  ///< of the value; 0: it goes on after the end of `bytes`
        bool broken = false;    ///< no value at all begins here; nothing after it can be read
        Result<> record;        ///< corrupt: a value, but no record
    };
    Parsed parse(std::string_view bytes, Record& into);
    /// As JsonRecords::unknown_keys().
    std::span<const std::string_view> unknown_keys() const { return unknown_keys_; }

private:
    struct State;
    std::vector<std::string_view> unknown_keys_;
    std::unique_ptr<State> state_;
};

}  // namespace mqd::record
