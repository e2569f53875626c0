#pragma once
// An index file's bytes, mqd-store(5), INDEX FILES: which records have a key, by its hash.
// Big-endian.
//
//   off            type      field               off in an entry  type  field
//   0              i64       begin time, ms      0                i32   key hash
//   8              i64       end time, ms        4                i64   physical offset
//   16             i64       begin offset        12               i32   seconds since begin time
//   24             i64       end offset          16               i32   older entry of its slot, or
//   0 32             i32       slots in use 36             i32       number of the next entry, from
//   1 40             i32 each  slots: the newest entry, or 0 40 + 4*slots   20 each   entries;
//   number 0 is never used
//
// Nothing in a file says how many slots and entries it has: that is configuration.
//
// Threads: pure functions.

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string_view>

#include "base/bytes.h"
#include "message/properties.h"

namespace mqd::store {

struct IndexGeometry {
    std::int32_t slots = 5'000'000;
    std::int32_t entries = 20'000'000;

    static constexpr std::int64_t header_bytes = 40;
    static constexpr std::int64_t slot_bytes = 4;
    static constexpr std::int64_t entry_bytes = 20;

    std::int64_t slot_at(std::int64_t slot) const { return header_bytes + slot_bytes * slot; }
    std::int64_t entry_at(std::int64_t number) const {
        return slot_at(slots) + entry_bytes * number;
    }
    std::int64_t file_bytes() const { return entry_at(entries); }
};

struct IndexHeader {
    std::int64_t begin_ts_ms = 0;
    std::int64_t end_ts_ms = 0;
    std::int64_t begin_at = 0;
    std::int64_t end_at = 0;
    std::int32_t slots_used = 0;
    std::int32_t next = 1;

    static IndexHeader load(const std::byte* from) {
        return {load_be<std::int64_t>(from),      load_be<std::int64_t>(from + 8),
                load_be<std::int64_t>(from + 16), load_be<std::int64_t>(from + 24),
                load_be<std::int32_t>(from + 32), load_be<std::int32_t>(from + 36)};
    }
    void store(std::byte* to) const {
        store_be(to, begin_ts_ms);
        store_be(to + 8, end_ts_ms);
        store_be(to + 16, begin_at);
        store_be(to + 24, end_at);
        store_be(to + 32, slots_used);
        store_be(to + 36, next);
    }
    bool full(const IndexGeometry& geometry) const { return next >= geometry.entries; }
    /// May this be the header of a file with entries?
    bool sound(const IndexGeometry& geometry) const {
        constexpr std::int64_t ts_ms_max = 1LL << 53U;
        return next > 1 && next <= geometry.entries && slots_used > 0 && slots_used < next &&
               slots_used <= geometry.slots && begin_at >= 0 && begin_at <= end_at &&
               begin_ts_ms >= 0 && begin_ts_ms <= end_ts_ms && end_ts_ms < ts_ms_max;
    }
    bool operator==(const IndexHeader&) const = default;
};

struct IndexEntry {
    std::int32_t hash = 0;
    std::int64_t at = 0;
    std::int32_t seconds = 0;
    std::int32_t older = 0;

    static IndexEntry load(const std::byte* from) {
        return {load_be<std::int32_t>(from), load_be<std::int64_t>(from + 4),
                load_be<std::int32_t>(from + 12), load_be<std::int32_t>(from + 16)};
    }
    void store(std::byte* to) const {
        store_be(to, hash);
        store_be(to + 4, at);
        store_be(to + 12, seconds);
        store_be(to + 16, older);
    }
};

/// A key as the index has it.
struct IndexKey {
    std::int32_t hash = 0;
    std::int64_t at = 0;
    std::int64_t ts_ms = 0;
};

/// The hash of `topic#key`. The topic's part is computed once for many keys.
class IndexHash {
public:
    explicit IndexHash(std::string_view topic)
        : prefix_(message::java_hash("#", message::java_hash(topic))) {}
    std::int32_t of(std::string_view key) const {
        const std::int32_t hash = message::java_hash(key, prefix_);
        // Java's Math.abs leaves the smallest integer negative, and the reference makes that 0.
        return hash == std::numeric_limits<std::int32_t>::min() ? 0 : hash < 0 ? -hash : hash;
    }

private:
    std::int32_t prefix_;
};

/// Calls f(key) for each key of a message in the reference's order: its UNIQ_KEY, then the words
/// of its KEYS.
template <class Function>
void for_each_index_key(std::string_view properties, Function f) {
    std::string_view unique, words;
    message::PropertyReader reader(properties);
    while (const auto property = reader.next()) {  // of several the last counts
        if (property->name == message::property::uniq_key) unique = property->value;
        if (property->name == message::property::keys) words = property->value;
    }
    if (!unique.empty()) f(unique);
    while (!words.empty()) {
        const auto word = words.substr(0, words.find(' '));
        words.remove_prefix(std::min(words.size(), word.size() + 1));
        if (!word.empty()) f(word);
    }
}

}  // namespace mqd::store
