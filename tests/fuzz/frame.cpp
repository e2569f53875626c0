// Frames and headers: whatever is accepted is written again in both encodings and read back equal.

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "wire/command.h"

using namespace mqd;

namespace {

bool same(const wire::Command& a, const wire::Command& b) {
    const auto equal_fields = [](const wire::ExtField& x, const wire::ExtField& y) {
        return x.key == y.key && x.value == y.value;
    };
    return a.code == b.code && a.opaque == b.opaque && a.flag == b.flag && a.remark == b.remark &&
           std::equal(a.ext.begin(), a.ext.end(), b.ext.begin(), b.ext.end(), equal_fields) &&
           as_text(a.body) == as_text(b.body);
}

/// JSON repairs what is no UTF-8 and cuts a remark, so that only a second round gives the same.
Buffer written(const wire::Command& command, wire::Encoding encoding) {
    Buffer out;
    wire::Encoder encoder(out, encoding, command.code, command.opaque, command.flag,
                          command.remark);
    for (const auto& field : command.ext) encoder.field(field.key, field.value);
    if (!encoder.finish(command.body)) out.clear();
    return out;
}

/// A frame where reads beyond the padding are seen by the sanitizer.
class Padded {
public:
    explicit Padded(Bytes frame) : frame_bytes_(frame.size()) {
        bytes_.reserve(frame.size() + wire::Decoder::padding_bytes);
        bytes_.put(frame);
        std::memset(bytes_.room(wire::Decoder::padding_bytes).data(), '"',
                    wire::Decoder::padding_bytes);
    }
    Bytes frame() const { return {bytes_.data(), frame_bytes_}; }

private:
    Buffer bytes_;
    std::size_t frame_bytes_;
};

void decode(Bytes bytes) {
    const Padded input(bytes);
    wire::Decoder decoder;
    const auto command = decoder.decode(input.frame());
    if (!command) {
        check(command.error().code == Errc::invalid);
        return;
    }
    for (const auto encoding : {wire::Encoding::json, wire::Encoding::binary}) {
        const auto once_bytes = written(*command, encoding);
        if (once_bytes.empty()) continue;
        const Padded once_input(once_bytes.bytes());
        wire::Decoder once_decoder;
        const auto once = once_decoder.decode(once_input.frame());
        check(once.has_value());
        const auto twice_bytes = written(*once, encoding);
        const Padded twice_input(twice_bytes.bytes());
        wire::Decoder twice_decoder;
        const auto twice = twice_decoder.decode(twice_input.frame());
        check(twice.has_value() && same(*once, *twice));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes input = std::as_bytes(std::span(data, size));
    for (auto rest = input; !rest.empty();) {
        const auto bytes = wire::frame_bytes(rest);
        if (!bytes || *bytes == 0 || *bytes > rest.size()) break;
        decode(rest.first(*bytes));
        rest = rest.subspan(*bytes);
    }
    // The input as a header too, or nearly all of it would be lost on wrong lengths.
    if (input.size() < 9) return 0;
    const auto header = input.subspan(8);
    Buffer frame;
    frame.put_be(static_cast<std::uint32_t>(4 + header.size()));
    frame.put_be(static_cast<std::uint32_t>(header.size()) |
                 (std::to_integer<std::uint32_t>(input[4]) & 1U) << 24);
    frame.put(header);
    decode(frame.bytes());
    return 0;
}
