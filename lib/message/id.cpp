#include "message/id.h"

#include <sys/random.h>

#include <cstring>

#include "base/check.h"

namespace mqd::message {
namespace {

constexpr char hex_digits[] = "0123456789ABCDEF";

template <class T>
void append_hex(std::string& out, T value) {
    char text[2 * sizeof(T)];
    for (std::size_t i = 0; i < sizeof text; ++i)
        text[sizeof text - 1 - i] =
            hex_digits[(static_cast<std::uint64_t>(value) >> (4 * i)) & 0xF];
    out.append(text, sizeof text);
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

}  // namespace

void append_offset_id(std::string& out, const Host& store_host, PhysicalOffset at) {
    for (std::size_t i = 0; i < store_host.ip_bytes(); ++i) append_hex(out, store_host.ip[i]);
    append_hex(out, static_cast<std::uint32_t>(store_host.port));
    append_hex(out, static_cast<std::uint64_t>(at.value));
}

std::string offset_id(const Host& store_host, PhysicalOffset at) {
    std::string out;
    append_offset_id(out, store_host, at);
    return out;
}

std::optional<OffsetId> parse_offset_id(std::string_view id) {
    if (id.size() != 32 && id.size() != 56) return std::nullopt;
    std::array<std::byte, 28> raw{};
    for (std::size_t i = 0; i < id.size() / 2; ++i) {
        const int high = hex_value(id[2 * i]);
        const int low = hex_value(id[2 * i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        raw[i] = static_cast<std::byte>(high * 16 + low);
    }
    OffsetId out;
    out.store_host.is_v6 = id.size() == 56;
    const std::size_t ip = out.store_host.ip_bytes();
    std::memcpy(out.store_host.ip.data(), raw.data(), ip);
    out.store_host.port = load_be<std::int32_t>(raw.data() + ip);
    out.at = {load_be<std::int64_t>(raw.data() + ip + 4)};
    if (out.store_host.port < 0 || out.store_host.port > 65535 || out.at.value < 0)
        return std::nullopt;
    return out;
}

UniqueKeys::UniqueKeys() {
    std::array<std::uint8_t, 16> seed{};
    check(getrandom(seed.data(), seed.size(), 0) == static_cast<ssize_t>(seed.size()));
    for (std::size_t i = 0; i < 8; ++i) {
        prefix_[2 * i] = hex_digits[seed[i] >> 4U];
        prefix_[2 * i + 1] = hex_digits[seed[i] & 0xFU];
    }
    counter_ = load_be<std::uint64_t>(seed.data() + 8);
}

void UniqueKeys::next(char* out) {
    std::memcpy(out, prefix_, sizeof prefix_);
    std::uint64_t n = counter_.fetch_add(1, std::memory_order_relaxed);
    for (int i = 31; i >= 16; --i) {
        out[i] = hex_digits[n & 0xFU];
        n >>= 4U;
    }
}

std::string UniqueKeys::next() {
    std::string out(length, '\0');
    next(out.data());
    return out;
}

}  // namespace mqd::message
