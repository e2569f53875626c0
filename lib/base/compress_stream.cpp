#include "base/compress_stream.h"

#include <fmt/format.h>
#include <libdeflate.h>
#include <zstd.h>

#include <utility>

namespace mqd {
namespace {

constexpr int gzip_level = 6;
constexpr int zstd_level = 3;
/// libdeflate wants a whole member at once; with this much its ratio is gzip's own.
constexpr std::size_t member_bytes = 1 << 20;

class Plain final : public CompressStream {
public:
    Result<> append(Bytes piece, Buffer& out) override {
        out.put(piece);
        return {};
    }
    Result<> finish(Buffer&) override { return {}; }
};

struct FreeDeflate {
    void operator()(libdeflate_compressor* c) const { libdeflate_free_compressor(c); }
};

class Gzip final : public CompressStream {
public:
    explicit Gzip(libdeflate_compressor* compressor) : compressor_(compressor) {}

    Result<> append(Bytes piece, Buffer& out) override {
        input_.put(piece);
        if (input_.size() < member_bytes) return {};
        return put_member(out);
    }
    Result<> finish(Buffer& out) override {
        if (input_.empty() && has_member_) return {};
        return put_member(out);
    }

private:
    Result<> put_member(Buffer& out) {
        const auto room =
            out.room(libdeflate_gzip_compress_bound(compressor_.get(), input_.size()));
        const std::size_t n = libdeflate_gzip_compress(compressor_.get(), input_.data(),
                                                       input_.size(), room.data(), room.size());
        if (n == 0) return Error{Errc::io, "gzip: no room to compress"};
        out.commit(n);
        input_.clear();
        input_.shrink_if_above(4 * member_bytes);
        has_member_ = true;
        return {};
    }

    std::unique_ptr<libdeflate_compressor, FreeDeflate> compressor_;
    Buffer input_;
    bool has_member_ = false;
};

struct FreeZstd {
    void operator()(ZSTD_CCtx* c) const { ZSTD_freeCCtx(c); }
};

class Zstd final : public CompressStream {
public:
    explicit Zstd(ZSTD_CCtx* context) : context_(context) {}

    Result<> append(Bytes piece, Buffer& out) override { return run(piece, out, ZSTD_e_continue); }
    Result<> finish(Buffer& out) override { return run({}, out, ZSTD_e_end); }

private:
    Result<> run(Bytes piece, Buffer& out, ZSTD_EndDirective until) {
        ZSTD_inBuffer in{piece.data(), piece.size(), 0};
        for (;;) {
            const auto room = out.room(ZSTD_CStreamOutSize());
            ZSTD_outBuffer into{room.data(), room.size(), 0};
            const std::size_t left = ZSTD_compressStream2(context_.get(), &into, &in, until);
            if (ZSTD_isError(left) != 0)
                return Error{Errc::io, fmt::format("zstd: {}", ZSTD_getErrorName(left))};
            out.commit(into.pos);
            const bool is_done = until == ZSTD_e_end ? left == 0 : in.pos == in.size;
            if (is_done) return {};
        }
    }

    std::unique_ptr<ZSTD_CCtx, FreeZstd> context_;
};

}  // namespace

Result<std::unique_ptr<CompressStream>> CompressStream::open(Packing packing) {
    std::unique_ptr<CompressStream> stream;
    if (packing == Packing::none) {
        stream = std::make_unique<Plain>();
    } else if (packing == Packing::gzip) {
        auto* const compressor = libdeflate_alloc_compressor(gzip_level);
        if (compressor != nullptr) stream = std::make_unique<Gzip>(compressor);
    } else {
        auto* const context = ZSTD_createCCtx();
        if (context != nullptr) {
            auto zstd = std::make_unique<Zstd>(context);
            const auto set = ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, zstd_level) |
                             ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
            if (ZSTD_isError(set) == 0) stream = std::move(zstd);
        }
    }
    if (!stream) return Error{Errc::io, "no memory to compress"};
    return stream;
}

}  // namespace mqd
