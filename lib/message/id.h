#pragma once
// Message ids, mqd-remoting(7), MESSAGE IDS: the offset id (where a message lies) and the unique
// key (who made it).

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "message/types.h"

namespace mqd::message {

/// Upper-case hex of IP, i32 port, i64 physical offset: 32 characters, 56 for IPv6.
std::string offset_id(const Host& store_host, PhysicalOffset at);
void append_offset_id(std::string& out, const Host& store_host, PhysicalOffset at);

struct OffsetId {
    Host store_host;
    PhysicalOffset at;
};
std::optional<OffsetId> parse_offset_id(std::string_view id);

/// Makes unique keys of 32 hex digits in the clients' layout. What lies before the counter is
/// drawn at random once a process, so two processes never make the same one.
///
/// Threads: next() from any.
class UniqueKeys {
public:
    static constexpr std::size_t length = 32;
    UniqueKeys();
    /// Writes 32 characters.
    void next(char* out);
    std::string next();

private:
    char prefix_[16];
    std::atomic<std::uint64_t> counter_;
};

}  // namespace mqd::message
