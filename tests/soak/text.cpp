#include "text.h"

#include <fmt/format.h>

#include "base/parse.h"

namespace mqd::soak {
namespace {

constexpr std::string_view letters = "opdt";

}  // namespace

std::string text_of(Stream stream, std::int64_t number) {
    // Lengths that differ, so that files do not all end at the same place in a record.
    return fmt::format("{} {} {:x>{}}", letters[static_cast<std::size_t>(stream)], number, "",
                       20 + number % 200);
}

std::optional<Text> parse_text(std::string_view body) {
    const auto words = split(body, ' ');
    if (words.size() != 3 || words[0].size() != 1) return std::nullopt;
    const auto stream = letters.find(words[0][0]);
    const auto number = parse_int<std::int64_t>(words[1]);
    if (stream == std::string_view::npos || !number || *number < 0) return std::nullopt;
    return Text{static_cast<Stream>(stream), *number};
}

}  // namespace mqd::soak
