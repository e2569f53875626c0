#pragma once
// Compression of a file piece by piece: one Zstandard frame, or gzip members one after the other,
// which every reader of gzip takes for one stream.
//
// Threads: one at a time.

#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace mqd {

enum class Packing { none, gzip, zstd };

class CompressStream {
public:
    /// io: no memory.
    static Result<std::unique_ptr<CompressStream>> open(Packing packing);
    virtual ~CompressStream() = default;

    /// Appends to `out` what of all pieces so far can be written by now.
    virtual Result<> append(Bytes piece, Buffer& out) = 0;
    /// Appends all that is left; the file is whole then, and nothing may follow.
    virtual Result<> finish(Buffer& out) = 0;
};

}  // namespace mqd
