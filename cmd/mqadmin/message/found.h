#pragma once
// Messages that brokers have answered with, and how commands show them.
//
// Threads: value types and pure functions.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"
#include "message/record.h"

namespace mqd::admin {

struct Found {
    std::string broker;                       ///< its name, or its address where that is all
    std::shared_ptr<const std::string> body;  ///< of the answer: what `message` looks into
    message::RecordView message;

    /// UNIQ_KEY, else the offset id.
    std::string id() const;
    std::string offset_id() const;
    /// The value of a property, or "".
    std::string_view property(std::string_view name) const;
    /// As its sender wrote it; where it cannot be decompressed, as it is stored.
    std::string text() const;
};

/// All messages of an answer to 11, 12 or 33; those of an inner batch one by one. corrupt: what a
/// broker sent is no record.
Result<std::vector<Found>> found_in(std::string_view broker, std::string body);

/// What a script gets of a message; `with_body`: its body too.
json::Value object_of(const Found& found, bool with_body = true);
/// `{KEYS=a, TAGS=b}`
std::string properties_text(const Found& found);
/// `MSGID: ... MessageExt [...] BODY: ...`, as printMsg has it.
std::string line_of(const Found& found, bool with_body);
/// The lines of queryMsgById and its like. `shows_body`: the body is the last line, else the path
/// of the file that it has been written to.
Result<std::vector<std::vector<std::string>>> block_of(const Found& found, bool shows_body);

/// `UTF-8`, `US-ASCII`: bodies are printed as they are. invalid: another character set.
Result<std::string> parse_charset(std::string_view name);

}  // namespace mqd::admin
