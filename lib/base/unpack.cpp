#include "base/unpack.h"

#include <libdeflate.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>

namespace mqd {
namespace {

using Put = std::function<Result<>(Bytes)>;

/// libdeflate wants to have a whole member at once.
constexpr std::size_t room_first = 4 << 20;
/// Deflate packs no better.
constexpr std::size_t ratio_max = 1032;

bool is_all_zero(Bytes bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

struct FreeDeflate {
    void operator()(libdeflate_decompressor* d) const { libdeflate_free_decompressor(d); }
};

Result<> unpack_gzip(Bytes packed, const Put& put) {
    const std::unique_ptr<libdeflate_decompressor, FreeDeflate> context(
        libdeflate_alloc_decompressor());
    if (!context) return Error{Errc::io, "no memory to decompress"};
    std::size_t room = room_first;
    auto out = std::make_unique_for_overwrite<std::byte[]>(room);
    // Tapes and some programs fill up with zeros.
    while (!packed.empty() && !is_all_zero(packed)) {
        std::size_t used = 0, made = 0;
        const auto result = libdeflate_gzip_decompress_ex(
            context.get(), packed.data(), packed.size(), out.get(), room, &used, &made);
        if (result == LIBDEFLATE_INSUFFICIENT_SPACE && room / ratio_max <= packed.size()) {
            room *= 4;
            out.reset();
            out.reset(new (std::nothrow) std::byte[room]);
            if (!out) return Error{Errc::io, "gzip: too large to unpack here; unpack it first"};
            continue;
        }
        if (result != LIBDEFLATE_SUCCESS)
            return Error{Errc::corrupt, "gzip: damaged, or its end is missing"};
        TRY_OK(put({out.get(), made}));
        packed = packed.subspan(used);
    }
    return {};
}

struct FreeZstd {
    void operator()(ZSTD_DCtx* c) const { ZSTD_freeDCtx(c); }
};

Result<> unpack_zstd(Bytes packed, const Put& put) {
    const std::unique_ptr<ZSTD_DCtx, FreeZstd> context(ZSTD_createDCtx());
    if (!context) return Error{Errc::io, "no memory to decompress"};
    const std::size_t room = ZSTD_DStreamOutSize();
    const auto out = std::make_unique_for_overwrite<std::byte[]>(room);
    ZSTD_inBuffer in{packed.data(), packed.size(), 0};
    std::size_t wanted = 1;
    while (in.pos < in.size || wanted != 0) {
        const std::size_t before = in.pos;
        ZSTD_outBuffer into{out.get(), room, 0};
        wanted = ZSTD_decompressStream(context.get(), &into, &in);
        if (ZSTD_isError(wanted) != 0)
            return Error{Errc::corrupt, std::string("zstd: ") + ZSTD_getErrorName(wanted)};
        if (into.pos > 0) TRY_OK(put({out.get(), into.pos}));
        if (into.pos == 0 && in.pos == before && wanted != 0)
            return Error{Errc::corrupt, "zstd: its end is missing"};
    }
    return {};
}

}  // namespace

Packing packing_of(Bytes bytes) {
    static constexpr std::array gzip{std::byte{0x1F}, std::byte{0x8B}, std::byte{8}};
    static constexpr std::array zstd{std::byte{0x28}, std::byte{0xB5}, std::byte{0x2F},
                                     std::byte{0xFD}};
    const auto begins = [&](const auto& magic) {
        return bytes.size() >= magic.size() &&
               std::equal(magic.begin(), magic.end(), bytes.begin());
    };
    if (begins(gzip)) return Packing::gzip;
    return begins(zstd) ? Packing::zstd : Packing::none;
}

Result<> unpack(Packing packing, Bytes packed, const Put& put) {
    switch (packing) {
        case Packing::gzip:
            return unpack_gzip(packed, put);
        case Packing::zstd:
            return unpack_zstd(packed, put);
        case Packing::none:
            break;
    }
    return put(packed);
}

}  // namespace mqd
