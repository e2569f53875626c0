#include "store/log/verify_record.h"

#include <fmt/format.h>

#include "base/parse.h"
#include "message/properties.h"
#include "message/sys_flag.h"

namespace mqd::store::verifying {
namespace {

constexpr std::size_t body_bytes_max = 256 << 20;
constexpr std::int32_t known_flags = 0x7ff;

bool is_port(std::int32_t port) {
    return port >= 0 && port <= 65535;
}

}  // namespace

std::string wrong_field(const message::RecordView& record) {
    using namespace message;
    if (record.sum() == RecordView::Sum::wrong) return "the record fails the CRC in its properties";
    const auto flags = record.sys_flag;
    if ((flags & ~known_flags) != 0)
        return fmt::format("unknown bits in its sys flag, {:#x}", static_cast<unsigned>(flags));
    if ((flags & sys_flag::compression_mask) != 0 && (flags & sys_flag::compressed) == 0)
        return "a kind of compression, but no compressed body";
    if ((flags & sys_flag::compressed) != 0 && !sys_flag::compression(flags))
        return "an unknown kind of compression";
    if (record.queue_id < 0) return fmt::format("queue {}", record.queue_id);
    if (record.queue_offset.value < 0)
        return fmt::format("queue offset {}", record.queue_offset.value);
    if (record.store_ts_ms <= 0) return fmt::format("store time {}", record.store_ts_ms);
    if (record.reconsume_times < 0)
        return fmt::format("reconsume times {}", record.reconsume_times);
    if (!is_port(record.born_host.port)) return "the port of its born host is none";
    if (!is_port(record.store_host.port)) return "the port of its store host is none";
    if (record.topic.empty()) return "no topic";
    return {};
}

std::string wrong_inside(const message::RecordView& record) {
    using namespace message;
    if (!is_utf8(record.topic)) return "its topic is no text";
    if (!is_utf8(record.properties)) return "its properties are no text";
    std::string_view rest = record.properties;
    while (!rest.empty()) {
        const auto end = rest.find('\x02');
        const auto piece = rest.substr(0, end);
        rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
        if (piece.find('\x01') == std::string_view::npos || piece.front() == '\x01')
            return "a property without a name or without a value";
    }
    if (record.is_inner_batch() !=
        find_property(record.properties, property::inner_num).has_value())
        return "its sys flag and its properties do not agree on a batch inside";
    if (const auto body = record.plain_body(body_bytes_max); !body)
        return fmt::format("its body cannot be unpacked: {}", body.error().what);
    return {};
}

}  // namespace mqd::store::verifying
