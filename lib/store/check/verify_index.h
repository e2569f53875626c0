#pragma once
// The geometry of index files, which nothing in them tells (mqd-store(5), GEOMETRY).
//
// Threads: pure functions.

#include <functional>
#include <optional>
#include <vector>

#include "store/index/index_format.h"

namespace mqd::store::verifying {

/// The hashes of a record's keys by its place in the log; empty when no record begins there.
using KeysAt = std::function<std::vector<std::int32_t>(std::int64_t at)>;

/// The geometry by which an index file's first and last entry are where its header says: the
/// default if it may be that, else the only one that fits. Nothing when none does.
std::optional<IndexGeometry> index_geometry(Bytes file, const KeysAt& keys_at);

}  // namespace mqd::store::verifying
