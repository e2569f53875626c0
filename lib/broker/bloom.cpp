#include "broker/bloom.h"

#include <bit>
#include <cstddef>

namespace mqd::broker {
namespace {

constexpr std::uint64_t c1 = 0x87c37b91114253d5, c2 = 0x4cf5ad432745937f;
constexpr std::size_t block_bytes = 16;

std::uint64_t load(std::string_view text, std::size_t at, std::size_t count) {
    std::uint64_t out = 0;
    for (std::size_t i = count; i-- > 0;) out = out << 8 | static_cast<unsigned char>(text[at + i]);
    return out;
}

std::uint64_t mix_first(std::uint64_t k) {
    return std::rotl(k * c1, 31) * c2;
}

std::uint64_t mix_second(std::uint64_t k) {
    return std::rotl(k * c2, 33) * c1;
}

std::uint64_t finish(std::uint64_t k) {
    k = (k ^ k >> 33) * 0xff51afd7ed558ccd;
    k = (k ^ k >> 33) * 0xc4ceb9fe1a85ec53;
    return k ^ k >> 33;
}

/// The first half of murmur3_x64_128, seed 0.
std::uint64_t murmur3(std::string_view text) {
    std::uint64_t h1 = 0, h2 = 0;
    std::size_t at = 0;
    for (; text.size() - at >= block_bytes; at += block_bytes) {
        h1 = std::rotl(h1 ^ mix_first(load(text, at, 8)), 27) + h2;
        h1 = h1 * 5 + 0x52dce729;
        h2 = std::rotl(h2 ^ mix_second(load(text, at + 8, 8)), 31) + h1;
        h2 = h2 * 5 + 0x38495ab5;
    }
    const std::size_t left = text.size() - at;
    if (left > 8) h2 ^= mix_second(load(text, at + 8, left - 8));
    if (left > 0) h1 ^= mix_first(load(text, at, left < 8 ? left : 8));
    h1 ^= text.size();
    h2 ^= text.size();
    h1 += h2;
    h2 += h1;
    return finish(h1) + finish(h2);
}

}  // namespace

std::array<std::int32_t, 3> bloom_positions(std::string_view text) {
    const std::uint64_t hash = murmur3(text);
    const auto low = static_cast<std::uint32_t>(hash),
               high = static_cast<std::uint32_t>(hash >> 32);
    std::array<std::int32_t, 3> out{};
    std::uint32_t sum = low;
    for (auto& bit : out) {
        sum += high;
        const auto value = static_cast<std::int32_t>(sum);
        bit = (value < 0 ? ~value : value) % bloom_bits;
    }
    return out;
}

}  // namespace mqd::broker
