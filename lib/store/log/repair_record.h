#pragma once
// Records in repair: flipped bits put back, and fillings for what cannot be read.
//
// Threads: pure functions.

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "message/record.h"

namespace mqd::store::repairing {

/// What a record must be like to count as mended, besides its shape, place and CRCs.
using Accept = std::function<bool(const message::RecordView&)>;

/// The one bit of `bytes` by whose flipping they are one whole record at `at` that `accept` takes;
/// nothing when there is no such bit, or more than one.
std::optional<std::size_t> flipped_bit(Bytes bytes, std::int64_t at, const Accept& accept);

/// `bytes` long, for the log at `at`: records that get neither unit nor key. Empty when that is
/// shorter than any record.
std::vector<std::byte> filling(std::int64_t at, std::int64_t bytes, std::int64_t store_ts_ms);

}  // namespace mqd::store::repairing
