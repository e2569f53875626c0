#pragma once
// Tag expressions: `*` for everything, or `TagA || TagB` (mqd-remoting(7), TAGS). The broker
// compares hashes, so a message whose tag collides passes; a consumer compares the text as well.
//
// Threads: a value type, const after parse().

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mqd::filter {

class Tags {
public:
    /// Everything.
    Tags() = default;

    /// invalid: there are bars but no tag.
    static Result<Tags> parse(std::string_view expression);

    bool matches_all() const { return tags_.empty(); }
    /// By a consume queue's code (message::tags_code).
    bool code_matches(std::int64_t code) const;
    /// By the text of the TAGS property, "" without one.
    bool tag_matches(std::string_view tag) const;

    const std::vector<std::string>& tags() const { return tags_; }
    /// Java's hash of each tag, in the same order.
    const std::vector<std::int32_t>& codes() const { return codes_; }

private:
    std::vector<std::string> tags_;
    std::vector<std::int32_t> codes_;
};

}  // namespace mqd::filter
