#pragma once
// A message as the tools take it in, mqd-record(5). What a message looks like on the way out is
// made straight from its stored form, see encoder.h.
//
// Threads: a value type; the views belong to the Reader that gave it.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace mqd::record {

struct Property {
    std::string_view name, value;
};

struct Record {
    std::string_view topic;  ///< empty: not said
    std::string_view body;
    std::vector<std::string_view> keys;
    std::string_view tags;
    std::vector<Property> properties;  ///< the user's own; the last of a name counts
    std::string_view shard;
    std::int32_t flag = 0;
    std::optional<std::int32_t> delay_level;
    std::optional<std::int64_t> deliver_at_ms;

    void clear() {
        auto kept_keys = std::move(keys);
        auto kept_properties = std::move(properties);
        kept_keys.clear();
        kept_properties.clear();
        *this = Record{};
        keys = std::move(kept_keys);
        properties = std::move(kept_properties);
    }
};

}  // namespace mqd::record
