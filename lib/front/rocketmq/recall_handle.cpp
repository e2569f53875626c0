#include "front/rocketmq/recall_handle.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/parse.h"

namespace mqd::front::rocketmq {

std::string RecallHandle::text() const {
    auto out = base64_encode(fmt::format("v1 {} {} {} {}", topic, broker, out_ms + 1, unique_key));
    std::replace(out.begin(), out.end(), '+', '-');
    std::replace(out.begin(), out.end(), '/', '_');
    return out;
}

Result<RecallHandle> RecallHandle::parse(std::string_view text) {
    const Error bad{Errc::invalid, "recall handle is invalid"};
    std::string plain(text);
    std::replace(plain.begin(), plain.end(), '-', '+');
    std::replace(plain.begin(), plain.end(), '_', '/');
    const auto decoded = base64_decode(plain);
    if (!decoded) return bad;
    std::array<std::string_view, 5> words;
    std::string_view rest = *decoded;
    for (auto& word : words) {
        const auto space = rest.find(' ');
        word = rest.substr(0, space);
        rest = space == rest.npos ? std::string_view() : rest.substr(space + 1);
        if (word.empty()) return bad;
    }
    const auto ms = parse_int<std::int64_t>(words[3]);
    if (words[0] != "v1" || !ms || *ms <= 0) return bad;
    return RecallHandle{std::string(words[1]), std::string(words[2]), *ms - 1,
                        std::string(words[4])};
}

}  // namespace mqd::front::rocketmq
