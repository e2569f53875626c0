#pragma once
// How many slots and entries an index file has, which nothing in it tells (mqd-store(5), GEOMETRY).
//
// Threads: pure functions.

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "store/index/index_format.h"

namespace mqd::store {

/// The hashes of the keys of the record at `at`; empty when none can be read there.
using IndexHashesAt = std::function<std::vector<std::int32_t>(std::int64_t at)>;

/// The geometry by which every entry of the file hangs in the chain of its hash and the record of
/// the first one, if it is still there, has such a key: the defaults if the file has their size
/// and may be that, else the only way to share its bytes that fits. Nothing when none does, or
/// when the file has no entries. The file may be growing meanwhile.
std::optional<IndexGeometry> index_geometry(Bytes file, const IndexHashesAt& hashes_at);

}  // namespace mqd::store
