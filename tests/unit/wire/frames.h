#pragma once
// Frames for the tests: built by hand, and with the padding that Decoder wants behind them.

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "wire/command.h"

namespace mqd::test {

/// A frame and its padding.
class Frame {
public:
    explicit Frame(std::string_view bytes) : bytes_(bytes.size()), padded_(bytes) {
        padded_.append(wire::Decoder::padding_bytes, '"');
    }
    Bytes bytes() const { return as_bytes(std::string_view(padded_).substr(0, bytes_)); }

private:
    std::size_t bytes_;
    std::string padded_;
};

inline Frame frame_of(int type, std::string_view header, std::string_view body = {}) {
    Buffer out;
    out.put_be(static_cast<std::uint32_t>(4 + header.size() + body.size()));
    out.put_be(static_cast<std::uint32_t>(type) << 24 | static_cast<std::uint32_t>(header.size()));
    out.put(header);
    out.put(body);
    return Frame(out.text());
}
inline Frame json_frame(std::string_view header, std::string_view body = {}) {
    return frame_of(0, header, body);
}

/// `0a 0b 0c`, blanks where one likes.
inline std::string from_hex(std::string_view hex) {
    std::string out;
    int high = -1;
    for (const char c : hex) {
        if (c == ' ') continue;
        const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
        if (high >= 0) out += static_cast<char>(high * 16 + digit);
        high = high >= 0 ? -1 : digit;
    }
    return out;
}

}  // namespace mqd::test
