#include "base/compress.h"

#include <fmt/format.h>
#include <libdeflate.h>
#include <lz4frame.h>
#include <zstd.h>

#include <algorithm>
#include <memory>

namespace mqd {
namespace {

template <auto F>
struct Call {
    template <class T>
    void operator()(T* p) const {
        F(p);
    }
};
void free_lz4(LZ4F_dctx* p) {
    LZ4F_freeDecompressionContext(p);
}
void free_zstd(ZSTD_DStream* p) {
    ZSTD_freeDStream(p);
}

Error damaged(std::string_view kind) {
    return Error{Errc::corrupt, fmt::format("damaged {} data", kind)};
}
Error too_big(std::size_t bytes_max) {
    return Error{Errc::invalid, fmt::format("more than {} bytes when decompressed", bytes_max)};
}

Result<std::string> inflate(Bytes bytes, std::size_t bytes_max) {
    thread_local const std::unique_ptr<libdeflate_decompressor, Call<libdeflate_free_decompressor>>
        context(libdeflate_alloc_decompressor());
    if (!context) return Error{Errc::io, "no memory to decompress"};
    // libdeflate wants the room first; doubling from the input's size needs few tries.
    std::string out;
    for (std::size_t room = std::clamp<std::size_t>(bytes.size() * 4, 1024, bytes_max);;) {
        out.resize(room);
        std::size_t written = 0;
        const auto status = libdeflate_zlib_decompress(context.get(), bytes.data(), bytes.size(),
                                                       out.data(), out.size(), &written);
        if (status == LIBDEFLATE_SUCCESS) {
            out.resize(written);
            return out;
        }
        if (status != LIBDEFLATE_INSUFFICIENT_SPACE) return damaged("zlib");
        if (room >= bytes_max) return too_big(bytes_max);
        room = std::min(room * 2, bytes_max);
    }
}

Result<std::string> unlz4(Bytes bytes, std::size_t bytes_max) {
    LZ4F_dctx* raw = nullptr;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&raw, LZ4F_VERSION)) != 0)
        return Error{Errc::io, "no memory to decompress"};
    const std::unique_ptr<LZ4F_dctx, Call<free_lz4>> context(raw);
    std::string out;
    std::size_t hint = 1;
    while (!bytes.empty() && hint != 0) {
        const std::size_t had = out.size();
        out.resize(std::min(std::max<std::size_t>(had * 2, 4096), bytes_max));
        std::size_t written = out.size() - had;
        std::size_t read = bytes.size();
        hint = LZ4F_decompress(context.get(), out.data() + had, &written, bytes.data(), &read,
                               nullptr);
        if (LZ4F_isError(hint) != 0) return damaged("LZ4");
        out.resize(had + written);
        bytes = bytes.subspan(read);
        if (hint != 0 && out.size() >= bytes_max) return too_big(bytes_max);
        if (read == 0 && written == 0) return damaged("LZ4");
    }
    if (hint != 0) return damaged("LZ4");
    return out;
}

Result<std::string> unzstd(Bytes bytes, std::size_t bytes_max) {
    const std::unique_ptr<ZSTD_DStream, Call<free_zstd>> context(ZSTD_createDStream());
    if (!context) return Error{Errc::io, "no memory to decompress"};
    std::string out;
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    std::size_t hint = 1;
    while (hint != 0) {
        const std::size_t had = out.size();
        if (had >= bytes_max) return too_big(bytes_max);
        out.resize(std::min(std::max<std::size_t>(had * 2, 4096), bytes_max));
        ZSTD_outBuffer room{out.data() + had, out.size() - had, 0};
        const std::size_t read_before = in.pos;
        hint = ZSTD_decompressStream(context.get(), &room, &in);
        if (ZSTD_isError(hint) != 0) return damaged("zstd");
        out.resize(had + room.pos);
        if (hint != 0 && room.pos == 0 && in.pos == read_before) return damaged("zstd");
    }
    return out;
}

Result<std::string> deflate(Bytes bytes, int level) {
    const std::unique_ptr<libdeflate_compressor, Call<libdeflate_free_compressor>> context(
        libdeflate_alloc_compressor(level));
    if (!context) return Error{Errc::invalid, fmt::format("no zlib level {}", level)};
    std::string out(libdeflate_zlib_compress_bound(context.get(), bytes.size()), '\0');
    out.resize(libdeflate_zlib_compress(context.get(), bytes.data(), bytes.size(), out.data(),
                                        out.size()));
    return out;
}

Result<std::string> lz4(Bytes bytes, int level) {
    LZ4F_preferences_t preferences{};
    preferences.compressionLevel = level;
    std::string out(LZ4F_compressFrameBound(bytes.size(), &preferences), '\0');
    const std::size_t n =
        LZ4F_compressFrame(out.data(), out.size(), bytes.data(), bytes.size(), &preferences);
    if (LZ4F_isError(n) != 0) return Error{Errc::io, LZ4F_getErrorName(n)};
    out.resize(n);
    return out;
}

Result<std::string> zstd(Bytes bytes, int level) {
    std::string out(ZSTD_compressBound(bytes.size()), '\0');
    const std::size_t n = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), level);
    if (ZSTD_isError(n) != 0) return Error{Errc::io, ZSTD_getErrorName(n)};
    out.resize(n);
    return out;
}

}  // namespace

Result<std::string> compress(Compression kind, Bytes bytes, int level) {
    switch (kind) {
        case Compression::zlib:
            return deflate(bytes, level);
        case Compression::lz4:
            return lz4(bytes, level);
        case Compression::zstd:
            return zstd(bytes, level);
    }
    return Error{Errc::unsupported, "unknown compression"};
}

Result<std::string> decompress(Compression kind, Bytes bytes, std::size_t bytes_max) {
    switch (kind) {
        case Compression::zlib:
            return inflate(bytes, bytes_max);
        case Compression::lz4:
            return unlz4(bytes, bytes_max);
        case Compression::zstd:
            return unzstd(bytes, bytes_max);
    }
    return Error{Errc::unsupported, "unknown compression"};
}

}  // namespace mqd
