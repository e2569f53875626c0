#pragma once
// Message body compression: zlib by libdeflate, LZ4 frames, Zstandard (mqd-remoting(7),
// COMPRESSION).
//
// Threads: any; a (de)compressor is kept per thread.

#include <cstddef>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace mqd {

enum class Compression { zlib, lz4, zstd };

/// The whole of `bytes` compressed.
Result<std::string> compress(Compression kind, Bytes bytes, int level);

/// The original bytes. corrupt: not of that kind, or damaged. invalid: more than `bytes_max`
/// would come out (a length in the input is never believed).
Result<std::string> decompress(Compression kind, Bytes bytes, std::size_t bytes_max);

}  // namespace mqd
