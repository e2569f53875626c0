#include "filter/tags.h"

#include <algorithm>

#include "base/parse.h"
#include "message/properties.h"

namespace mqd::filter {

Result<Tags> Tags::parse(std::string_view expression) {
    Tags out;
    if (trimmed(expression).empty() || trimmed(expression) == "*") return out;
    while (true) {
        const auto bars = expression.find("||");
        const auto tag = trimmed(expression.substr(0, bars));
        if (!tag.empty() && std::find(out.tags_.begin(), out.tags_.end(), tag) == out.tags_.end()) {
            out.tags_.emplace_back(tag);
            out.codes_.push_back(message::java_hash(tag));
        }
        if (bars == std::string_view::npos) break;
        expression.remove_prefix(bars + 2);
    }
    if (out.tags_.empty())
        return Error{Errc::invalid, "the tag expression has bars but names no tag"};
    return out;
}

bool Tags::code_matches(std::int64_t code) const {
    if (matches_all()) return true;
    return std::any_of(codes_.begin(), codes_.end(),
                       [code](std::int32_t wanted) { return wanted == code; });
}

bool Tags::tag_matches(std::string_view tag) const {
    return matches_all() || std::find(tags_.begin(), tags_.end(), tag) != tags_.end();
}

}  // namespace mqd::filter
