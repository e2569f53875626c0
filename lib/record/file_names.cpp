#include "record/file_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>

#include "base/parse.h"
#include "base/whole_duration.h"

namespace mqd::record {
namespace {

constexpr std::size_t pattern_bytes_max = 200;  // numbers and `.part` make a name longer
constexpr std::int64_t ms_per_second = 1000;

/// The digits that a letter stands for; 0: any number of them, at least one.
struct Letter {
    char letter;
    int digits;
};
constexpr std::array letters = {Letter{'Y', 4}, Letter{'y', 2}, Letter{'m', 2},
                                Letter{'d', 2}, Letter{'j', 3}, Letter{'H', 2},
                                Letter{'M', 2}, Letter{'S', 2}, Letter{'s', 0}};

const Letter* find_letter(char c) {
    const auto* const found = std::find_if(letters.begin(), letters.end(),
                                           [c](const Letter& l) { return l.letter == c; });
    return found == letters.end() ? nullptr : found;
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// Takes off so many digits; 0: all that are there, at least one.
bool take_digits(std::string_view& text, int count) {
    const auto there = static_cast<std::size_t>(
        std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
    const std::size_t wanted = count == 0 ? there : static_cast<std::size_t>(count);
    if (wanted == 0 || there < wanted) return false;
    text.remove_prefix(wanted);
    return true;
}

bool take_char(std::string_view& text, char c) {
    if (text.empty() || text.front() != c) return false;
    text.remove_prefix(1);
    return true;
}

/// Takes off the front of `text` what the pattern may have become.
bool take_pattern(std::string_view& text, std::string_view pattern) {
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] != '%') {
            if (!take_char(text, pattern[i])) return false;
            continue;
        }
        const char letter = pattern[++i];
        if (letter == '%') {
            if (!take_char(text, '%')) return false;
        } else if (!take_digits(text, find_letter(letter)->digits)) {
            return false;
        }
    }
    return true;
}

std::string at_time(const std::string& pattern, std::int64_t time_ms) {
    if (pattern.empty()) return {};
    const std::time_t seconds = time_ms / ms_per_second;
    std::tm parts{};
    if (::localtime_r(&seconds, &parts) == nullptr) ::gmtime_r(&seconds, &parts);
    char text[8 * pattern_bytes_max];
    return {text, std::strftime(text, sizeof text, pattern.c_str(), &parts)};
}

}  // namespace

Result<FileNames> FileNames::parse(std::string_view pattern) {
    if (pattern.empty()) return Error{Errc::invalid, "the name is empty"};
    if (pattern.size() > pattern_bytes_max)
        return Error{Errc::invalid, "the name is too long for a file"};
    if (pattern.find('/') != std::string_view::npos)
        return Error{Errc::invalid, "a file name cannot contain '/'"};
    if (pattern.find('\0') != std::string_view::npos)
        return Error{Errc::invalid, "a file name cannot contain a NUL"};
    std::string plain;  // %F would hide the dashes that matches() looks for
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] != '%') {
            plain += pattern[i];
            continue;
        }
        if (++i == pattern.size()) return Error{Errc::invalid, "a file name cannot end with %"};
        if (pattern[i] == 'F') {
            plain += "%Y-%m-%d";
        } else if (pattern[i] == '%' || find_letter(pattern[i]) != nullptr) {
            plain += '%';
            plain += pattern[i];
        } else {
            return Error{
                Errc::invalid,
                fmt::format(
                    "a file name cannot contain %{}; it can contain %Y %y %m %d %j %H %M %S %F %s",
                    pattern[i])};
        }
    }
    // A dot at the very front hides a file, and is not where its ending begins.
    const auto dot = plain.find('.', 1);
    FileNames names;
    names.stem_ = plain.substr(0, dot);
    if (dot != std::string::npos) names.ending_ = plain.substr(dot);
    if (names.stem_ == ".") return Error{Errc::invalid, "'.' is not a file name"};
    return names;
}

std::string FileNames::name(std::int64_t time_ms, int number) const {
    std::string text = at_time(stem_, time_ms);
    if (number > 0) text += fmt::format("-{}", number);
    return text + at_time(ending_, time_ms);
}

bool FileNames::matches(std::string_view name) const {
    if (!take_pattern(name, stem_)) return false;
    std::string_view numbered = name;
    if (take_char(numbered, '-') && take_digits(numbered, 0) && take_pattern(numbered, ending_) &&
        numbered.empty())
        return true;
    return take_pattern(name, ending_) && name.empty();
}

Packing FileNames::packing() const {
    if (ending_.ends_with(".gz")) return Packing::gzip;
    return ending_.ends_with(".zst") ? Packing::zstd : Packing::none;
}

std::optional<std::int64_t> Rotation::end_ms(std::int64_t now_ms) const {
    if (!every_ms) return std::nullopt;
    const std::time_t seconds = now_ms / ms_per_second;
    std::tm parts{};
    const std::int64_t east_ms =
        ::localtime_r(&seconds, &parts) != nullptr ? parts.tm_gmtoff * ms_per_second : 0;
    return now_ms + *every_ms - (now_ms + east_ms) % *every_ms;
}

Result<Rotation> parse_rotation(std::string_view text) {
    Rotation rotation;
    for (const auto piece : split(text, ',')) {
        // A bare number would be both.
        const auto time = parse_whole_duration_ms(piece);
        const auto size = parse_size(piece);
        auto& into = time ? rotation.every_ms : rotation.bytes;
        if ((!time && !size) || into)
            return Error{Errc::invalid,
                         fmt::format("'{}' is not a time, a size, or both: 1h,1G", text)};
        into = time ? *time : *size;
        if (*into <= 0) return Error{Errc::invalid, fmt::format("'{}' is not above zero", piece)};
    }
    return rotation;
}

}  // namespace mqd::record
