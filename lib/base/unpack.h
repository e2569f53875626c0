#pragma once
// What CompressStream and its likes have packed: gzip members one after the other, or Zstandard
// frames.
//
// Threads: pure functions.

#include <functional>

#include "base/bytes.h"
#include "base/compress_stream.h"
#include "base/result.h"

namespace mqd {

/// What the first four bytes show.
Packing packing_of(Bytes bytes);

/// Hands on what was packed, piece by piece. corrupt: damaged, or its end is missing; what came
/// before that has been handed on. Else what `put` gives.
Result<> unpack(Packing packing, Bytes packed, const std::function<Result<>(Bytes)>& put);

}  // namespace mqd
