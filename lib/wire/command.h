#pragma once
// A remoting command, read in place, and how one is written (mqd-remoting(7), FRAMES and HEADERS).
//
// Threads: a Decoder belongs to one connection; the rest are pure functions.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace mqd::wire {

enum class Encoding : std::uint8_t { json = 0, binary = 1 };

inline constexpr std::size_t frame_bytes_max = 16'777'216;  ///< with the length word
inline constexpr std::int32_t flag_response = 1;
inline constexpr std::int32_t flag_oneway = 2;
inline constexpr std::int32_t our_version = 479;        ///< V5_3_3
inline constexpr std::int32_t retry_max_version = 121;  ///< from here maxReconsumeTimes counts
inline constexpr std::int32_t reset_min_version = 28;   ///< from here clients answer 221, take 220
inline constexpr std::int32_t relay_min_version = 62;   ///< from here they answer 307 and 309
inline constexpr std::uint8_t language_cpp = 1;

struct ExtField {
    std::string_view key;
    std::string_view value;
};

/// All views point into the frame or into the Decoder that made it: good until its next decode().
struct Command {
    std::int32_t code = 0;
    std::uint8_t language = 0;  ///< mqd-remoting(7), LANGUAGES AND VERSIONS; unknown names are 0
    std::int32_t version = 0;
    std::int32_t opaque = 0;
    std::int32_t flag = 0;
    Encoding encoding = Encoding::json;
    std::string_view remark;
    std::span<const ExtField> ext;
    Bytes body;

    bool is_response() const { return (flag & flag_response) != 0; }
    bool is_oneway() const { return (flag & flag_oneway) != 0; }
    /// The value of the first field of that name.
    std::optional<std::string_view> find(std::string_view key) const;
};

/// Bytes of the first frame of `input`, length word included; 0 while too few are there to tell
/// (never with 8). invalid: a length or type that no legal frame has (mqd-remoting(7), FRAMES):
/// close the connection.
Result<std::size_t> frame_bytes(Bytes input);

class Decoder {
public:
    Decoder();
    ~Decoder();
    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;

    /// Bytes that must be readable (with any content) after a frame handed to decode().
    static constexpr std::size_t padding_bytes = 64;

    /// `frame` is one whole frame. invalid: its header cannot be read: close the connection.
    Result<Command> decode(Bytes frame);

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Writes one frame after what is in a Buffer: field()s in any order, then finish().
/// Values travel as text in JSON and binary headers alike. A code that has no place in a binary
/// header (16 bits) makes it a JSON one.
class Encoder {
public:
    /// A request when `flag` has no flag_response. `remark` may be empty: then it is left out;
    /// what is longer than remark_bytes_max is cut.
    Encoder(Buffer& out, Encoding encoding, std::int32_t code, std::int32_t opaque,
            std::int32_t flag, std::string_view remark = {});
    void field(std::string_view key, std::string_view value);
    void field(std::string_view key, const char* value) { field(key, std::string_view(value)); }
    void field(std::string_view key, std::int64_t value);
    void field(std::string_view key, bool value);

    /// Closes the header and appends the body. The frame lies whole in the buffer.
    /// False when it is longer than a frame may be: then a response says so instead, as a
    /// system_error without fields or body, and of a request nothing is left.
    bool finish(Bytes body = {});
    /// Closes the header for a body of `body_bytes` that the caller sends after it; false as
    /// finish(): then no body may follow.
    bool finish_for(std::size_t body_bytes);

    static constexpr std::size_t remark_bytes_max = 4096;

private:
    void begin_json(std::int32_t code, std::string_view remark);
    void begin_binary(std::int32_t code, std::string_view remark);

    Buffer& out_;
    std::size_t begin_;
    std::size_t ext_begin_ = 0;
    Encoding encoding_;
    std::int32_t opaque_;
    std::int32_t flag_;
};

}  // namespace mqd::wire
