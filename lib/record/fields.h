#pragma once
// A stored message's properties sorted into the keys of the record table (mqd-record(5)), once
// for all forms of output, and its hosts and ids as text.
//
// Threads: one at a time; the views live as long as the message and until the next call.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "message/record.h"
#include "record/record.h"

namespace mqd::record {

struct Fields {
    std::string_view keys;  ///< as stored, separated by blanks
    std::string_view tags;
    std::string_view shard;
    std::string_view unique_key;
    std::vector<Property> user;
    std::vector<Property> system;
};

class FieldReader {
public:
    const Fields& read(std::string_view properties);
    /// Upper-case hex, message::offset_id().
    std::string_view offset_id(const message::RecordView& message);
    std::string_view born_host(const message::RecordView& message);
    std::string_view store_host(const message::RecordView& message);

private:
    enum class Kind : std::uint8_t { user, system, keys, tags, shard, unique_key };
    // Property names repeat from message to message; finding one among the reserved names costs
    // ten times as much as finding it here.
    struct Known {
        std::string name;
        Kind kind = Kind::user;
    };
    struct HostText {
        message::Host host;
        std::string text;
    };
    Kind kind_of(std::string_view name);
    static std::string_view text_of(const message::Host& host, HostText& last);

    Fields fields_;
    std::array<Known, 64> known_;
    HostText born_, store_;
    message::Host id_host_;
    std::string id_;
};

/// Calls `take` with each word of KEYS.
template <class Take>
void for_each_key(std::string_view keys, Take take) {
    while (!keys.empty()) {
        const auto end = keys.find(' ');
        if (end != 0) take(keys.substr(0, end));
        if (end == std::string_view::npos) return;
        keys.remove_prefix(end + 1);
    }
}

}  // namespace mqd::record
