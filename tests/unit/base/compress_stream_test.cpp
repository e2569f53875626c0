#include "base/compress_stream.h"

#include <doctest/doctest.h>
#include <libdeflate.h>

#include <string>

#include "base/compress.h"

using namespace mqd;

namespace {

std::string input() {
    std::string text;
    for (int i = 0; text.size() < 3'500'000; ++i) text += "line " + std::to_string(i * 7919) + "\n";
    return text;
}

Buffer packed(Packing packing, std::string_view text, std::size_t piece) {
    auto stream = CompressStream::open(packing);
    REQUIRE(stream);
    Buffer out;
    for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
        REQUIRE((*stream)->append(as_bytes(text.substr(0, piece)), out));
    REQUIRE((*stream)->finish(out));
    return out;
}

std::string gunzipped(Bytes bytes) {
    auto* const d = libdeflate_alloc_decompressor();
    std::string all;
    std::string member(4 << 20, '\0');
    while (!bytes.empty()) {
        std::size_t in = 0, out = 0;
        REQUIRE(libdeflate_gzip_decompress_ex(d, bytes.data(), bytes.size(), member.data(),
                                              member.size(), &in, &out) == LIBDEFLATE_SUCCESS);
        all += member.substr(0, out);
        bytes = bytes.subspan(in);
    }
    libdeflate_free_decompressor(d);
    return all;
}

}  // namespace

TEST_CASE("what was packed piece by piece comes out whole") {
    const auto text = input();
    for (const std::size_t piece : {std::size_t{1000}, std::size_t{300'000}, text.size()}) {
        CHECK(packed(Packing::none, text, piece).text() == text);
        const auto gzip = packed(Packing::gzip, text, piece);
        CHECK(gzip.size() < text.size() / 2);
        CHECK(gunzipped(gzip.bytes()) == text);
        const auto zstd = packed(Packing::zstd, text, piece);
        CHECK(zstd.size() < text.size() / 2);
        const auto back = decompress(Compression::zstd, zstd.bytes(), text.size() + 1);
        REQUIRE(back);
        CHECK(*back == text);
    }
}

TEST_CASE("nothing at all is packed as a whole file too") {
    CHECK(packed(Packing::none, "", 1).empty());
    CHECK(gunzipped(packed(Packing::gzip, "", 1).bytes()).empty());
    CHECK(packed(Packing::gzip, "", 1).size() > 0);
    CHECK(decompress(Compression::zstd, packed(Packing::zstd, "", 1).bytes(), 10)->empty());
}
