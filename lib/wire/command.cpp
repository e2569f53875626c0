#include "wire/command.h"

#include <charconv>
#include <cstring>
#include <limits>

#include "json/escape.h"
#include "wire/codes.h"
#include "wire/json_header.h"

namespace mqd::wire {

namespace {

constexpr std::size_t prefix_bytes = 8;  // length word, type, header length
constexpr std::size_t header_bytes_max = 0xffffff;

std::size_t header_bytes(const void* frame) {
    return load_be<std::uint32_t>(static_cast<const std::byte*>(frame) + 4) & header_bytes_max;
}

Result<> read_binary_header(Bytes header, HeaderScratch& scratch, Command& command) {
    ByteReader in(header);
    command.code = in.take<std::int16_t>();
    command.language = in.take<std::uint8_t>();
    command.version = in.take<std::int16_t>();
    command.opaque = in.take<std::int32_t>();
    command.flag = in.take<std::int32_t>();
    command.remark = in.take_text(in.take<std::uint32_t>());
    ByteReader ext(in.take_bytes(in.take<std::uint32_t>()));
    scratch.ext.clear();
    while (in.ok() && ext.ok() && ext.left() > 0) {
        const auto key = ext.take_text(ext.take<std::uint16_t>());
        const auto value = ext.take_text(ext.take<std::uint32_t>());
        if (scratch.ext.size() == ext_fields_max) ext.fail();
        // A length of zero is how this form says null (mqd-remoting(7), BINARY HEADERS).
        if (!key.empty() && !value.empty()) scratch.ext.push_back({key, value});
    }
    if (!in.ok() || !ext.ok())
        return Error{Errc::invalid, "the binary header ends too early, or has too many fields"};
    command.ext = scratch.ext;
    return {};
}

/// At most `bytes_max`, and not half a character at the end.
std::string_view cut(std::string_view text, std::size_t bytes_max) {
    if (text.size() <= bytes_max) return text;
    while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xc0) == 0x80)
        --bytes_max;
    return text.substr(0, bytes_max);
}

std::string_view digits_of(std::int64_t value, char (&digits)[24]) {
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
    return {digits, static_cast<std::size_t>(end - digits)};
}

}  // namespace

std::optional<std::string_view> Command::find(std::string_view key) const {
    for (const auto& field : ext)
        if (field.key == key) return field.value;
    return std::nullopt;
}

Result<std::size_t> frame_bytes(Bytes input) {
    if (input.size() < 4) return std::size_t{0};
    const std::size_t total = load_be<std::uint32_t>(input.data());
    if (total < 4 || total > frame_bytes_max - 4)
        return Error{Errc::invalid, "no frame has this length"};
    if (input.size() < prefix_bytes) return std::size_t{0};
    if (std::to_integer<unsigned>(input[4]) > 1 || header_bytes(input.data()) > total - 4)
        return Error{Errc::invalid, "no frame has this header type or length"};
    return total + 4;
}

struct Decoder::State {
    HeaderScratch scratch;
};

Decoder::Decoder() : state_(std::make_unique<State>()) {}
Decoder::~Decoder() = default;

Result<Command> Decoder::decode(Bytes frame) {
    auto& scratch = state_->scratch;
    const auto whole = frame_bytes(frame);
    if (!whole) return whole.error();
    if (*whole != frame.size()) return Error{Errc::invalid, "these bytes are not one frame"};

    const auto header = frame.subspan(prefix_bytes, header_bytes(frame.data()));
    Command command;
    command.encoding = static_cast<Encoding>(frame[4]);
    auto done = command.encoding == Encoding::json
                    ? read_json_header(as_text(header), scratch, command)
                    : read_binary_header(header, scratch, command);
    if (!done) return std::move(done).error();
    command.body = frame.subspan(prefix_bytes + header.size());
    return command;
}

Encoder::Encoder(Buffer& out, Encoding encoding, std::int32_t code, std::int32_t opaque,
                 std::int32_t flag, std::string_view remark)
    : out_(out), begin_(out.size()), encoding_(encoding), opaque_(opaque), flag_(flag) {
    using Short = std::numeric_limits<std::int16_t>;
    if (code < Short::min() || code > Short::max()) encoding_ = Encoding::json;
    out_.extend(prefix_bytes);
    if (encoding_ == Encoding::json)
        begin_json(code, cut(remark, remark_bytes_max));
    else
        begin_binary(code, cut(remark, remark_bytes_max));
}

void Encoder::begin_json(std::int32_t code, std::string_view remark) {
    char digits[24];
    out_.put(R"({"code":)");
    out_.put(digits_of(code, digits));
    out_.put(R"(,"flag":)");
    out_.put(digits_of(flag_, digits));
    out_.put(R"(,"language":"CPP","opaque":)");
    out_.put(digits_of(opaque_, digits));
    if (!remark.empty()) {
        out_.put(R"(,"remark":)");
        json::put_quoted(out_, remark);
    }
    out_.put(R"(,"serializeTypeCurrentRPC":"JSON","version":)");
    out_.put(digits_of(our_version, digits));
    out_.put(R"(,"extFields":{)");
    ext_begin_ = out_.size();
}

void Encoder::begin_binary(std::int32_t code, std::string_view remark) {
    out_.put_be(static_cast<std::int16_t>(code));
    out_.put_be(language_cpp);
    out_.put_be(static_cast<std::int16_t>(our_version));
    out_.put_be(opaque_);
    out_.put_be(flag_);
    out_.put_be(static_cast<std::int32_t>(remark.size()));
    out_.put(remark);
    out_.put_be(std::int32_t{0});  // the length of what follows, known at the end
    ext_begin_ = out_.size();
}

void Encoder::field(std::string_view key, std::string_view value) {
    if (encoding_ == Encoding::json) {
        if (out_.size() != ext_begin_) out_.put_char(',');
        json::put_quoted(out_, key);
        out_.put_char(':');
        json::put_quoted(out_, value);
    } else {
        out_.put_be(static_cast<std::int16_t>(key.size()));
        out_.put(key);
        out_.put_be(static_cast<std::int32_t>(value.size()));
        out_.put(value);
    }
}

void Encoder::field(std::string_view key, std::int64_t value) {
    char digits[24];
    field(key, digits_of(value, digits));
}

void Encoder::field(std::string_view key, bool value) {
    field(key, std::string_view(value ? "true" : "false"));
}

bool Encoder::finish(Bytes body) {
    if (!finish_for(body.size())) return false;
    out_.put(body);
    return true;
}

bool Encoder::finish_for(std::size_t body_bytes) {
    if (encoding_ == Encoding::json)
        out_.put("}}");
    else
        store_be(out_.data() + ext_begin_ - 4,
                 static_cast<std::uint32_t>(out_.size() - ext_begin_));
    const auto header = out_.size() - begin_ - prefix_bytes;
    if (header > header_bytes_max || body_bytes > frame_bytes_max ||
        prefix_bytes + header + body_bytes > frame_bytes_max) {
        out_.truncate(begin_);
        if ((flag_ & flag_response) != 0)
            Encoder(out_, encoding_, response_code::system_error, opaque_, flag_,
                    "the answer is longer than a frame may be")
                .finish();
        return false;
    }
    std::byte* const prefix = out_.data() + begin_;
    store_be(prefix, static_cast<std::uint32_t>(4 + header + body_bytes));
    store_be(prefix + 4,
             static_cast<std::uint32_t>(encoding_) << 24 | static_cast<std::uint32_t>(header));
    return true;
}

}  // namespace mqd::wire
