#include <array>
#include <cstdint>

#include "base/parse.h"

namespace mqd {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> reverse = [] {
    std::array<std::int8_t, 256> table{};
    table.fill(-1);
    for (std::size_t i = 0; i < alphabet.size(); ++i)
        table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
    return table;
}();

}  // namespace

void base64_append(std::string& out, std::string_view bytes) {
    const auto byte = [&](std::size_t i) -> std::uint32_t {
        return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U;
    };
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::uint32_t triple = byte(i) << 16U | byte(i + 1) << 8U | byte(i + 2);
        out += alphabet[triple >> 18U];
        out += alphabet[(triple >> 12U) & 63U];
        out += i + 1 < bytes.size() ? alphabet[(triple >> 6U) & 63U] : '=';
        out += i + 2 < bytes.size() ? alphabet[triple & 63U] : '=';
    }
}

std::string base64_encode(std::string_view bytes) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    base64_append(out, bytes);
    return out;
}

Result<std::string> base64_decode(std::string_view text) {
    const Error bad{Errc::invalid, "not base64"};
    if (text.size() % 4 != 0) return bad;
    std::string out;
    out.reserve(text.size() / 4 * 3);
    for (std::size_t i = 0; i < text.size(); i += 4) {
        const bool last = i + 4 == text.size();
        std::size_t padding = 0;
        if (last && text[i + 3] == '=') padding = text[i + 2] == '=' ? 2 : 1;
        std::uint32_t triple = 0;
        for (std::size_t k = 0; k < 4; ++k) {
            const auto value = k >= 4 - padding ? std::int8_t{0}
                                                : reverse[static_cast<unsigned char>(text[i + k])];
            if (value < 0) return bad;
            triple = triple << 6U | static_cast<std::uint32_t>(value);
        }
        out += static_cast<char>(triple >> 16U);
        if (padding < 2) out += static_cast<char>(triple >> 8U);
        if (padding < 1) out += static_cast<char>(triple);
    }
    return out;
}

}  // namespace mqd
