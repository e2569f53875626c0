#pragma once
// Messages by their keys and ids, in a store that nobody serves.
//
// Threads: one at a time.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "message/record.h"
#include "store/check/scan_index.h"

namespace mqd::dump {

/// All topics that messages of the store may be of: those in the table, and those with queues. io
Result<std::vector<std::string>> topics_of(const store::Places& store);

struct KeyHit {
    std::string topic;  ///< the one whose hash led here
    store::IndexHit entry;
};

/// What the index has of `key` in these topics, by log offset. Whether the records have the key
/// is theirs to say. corrupt: the index is damaged, and `into` has what was found all the same. io
Result<> find_key(store::IndexScan& index, store::LogScan* log,
                  const std::vector<std::string>& topics, std::string_view key,
                  std::vector<KeyHit>& into);

/// UNIQ_KEY, else the offset id.
std::string id_of(const message::RecordView& record);

/// The body as its sender wrote it, in `scratch` where it had to be decompressed. corrupt
Result<std::string_view> plain_body(const message::RecordView& record, std::string& scratch);

}  // namespace mqd::dump
