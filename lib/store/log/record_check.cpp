#include "store/log/record_check.h"

#include "base/crc.h"
#include "message/properties.h"
#include "message/record.h"
#include "message/sys_flag.h"

namespace mqd::store {
namespace {

using message::RecordView;

/// A record's parts, found without building a RecordView: this is on the path of every message
/// that is pulled.
struct Parts {
    bool fit = false;
    Bytes body;
    std::string_view topic, properties;
};

Parts parts_of(Bytes record) {
    Parts out;
    if (record.size() < message::record_bytes_min) return out;
    const auto head = message::RecordHead::read(record.data());
    if (!head.is_record() || head.total_bytes < 0 ||
        static_cast<std::size_t>(head.total_bytes) != record.size())
        return out;
    const auto flags = load_be<std::int32_t>(record.data() + 36);
    constexpr std::size_t v6_more = 12;
    std::size_t at = 84;  // of the body's length, with two IPv4 hosts
    if ((flags & message::sys_flag::born_host_v6) != 0) at += v6_more;
    if ((flags & message::sys_flag::store_host_v6) != 0) at += v6_more;
    ByteReader in(record.subspan(std::min(at, record.size())));
    const auto body_bytes = in.take<std::int32_t>();
    if (body_bytes < 0) return out;
    out.body = in.take_bytes(static_cast<std::size_t>(body_bytes));
    const bool v2 = head.magic == message::magic_v2;
    const int topic_bytes = v2 ? in.take<std::int16_t>() : in.take<std::int8_t>();
    if (topic_bytes < 0) return out;
    out.topic = in.take_text(static_cast<std::size_t>(topic_bytes));
    const auto property_bytes = in.take<std::int16_t>();
    if (property_bytes > 0) out.properties = in.take_text(static_cast<std::size_t>(property_bytes));
    out.fit = in.ok() && in.left() == 0;
    return out;
}

RecordFault check_parts(Bytes record, const Parts& parts, std::int64_t at, bool demand_sum) {
    if (!parts.fit) return RecordFault::shape;
    if (load_be<std::int64_t>(record.data() + 28) != at) return RecordFault::position;
    const auto sum = RecordView::sum_of(record, parts.properties);
    if (sum == RecordView::Sum::right) return RecordFault::none;
    if (sum == RecordView::Sum::wrong || demand_sum) return RecordFault::sum;
    const auto body_crc = load_be<std::int32_t>(record.data() + 8);
    const bool same = parts.body.empty() ? body_crc == 0 : crc31(parts.body) == body_crc;
    return same ? RecordFault::none : RecordFault::body;
}

}  // namespace

std::string_view text_of(RecordFault fault) {
    switch (fault) {
        case RecordFault::none:
            return "none";
        case RecordFault::shape:
            return "no record, or its lengths do not add up";
        case RecordFault::position:
            return "its position is another";
        case RecordFault::body:
            return "the body's CRC is another";
        case RecordFault::sum:
            return "the record's CRC is another";
        case RecordFault::identity:
            break;
    }
    return "it is another message";
}

RecordFault check_record(Bytes record, std::int64_t at, bool demand_sum) {
    return check_parts(record, parts_of(record), at, demand_sum);
}

RecordFault check_record(Bytes record, std::int64_t at, const Identity& wanted, bool demand_sum) {
    const auto parts = parts_of(record);
    const auto fault = check_parts(record, parts, at, demand_sum);
    if (fault != RecordFault::none) return fault;
    if (load_be<std::int32_t>(record.data() + 12) == wanted.queue_id &&
        load_be<std::int64_t>(record.data() + 20) == wanted.offset && parts.topic == wanted.topic) {
        if (wanted.count == 0) return RecordFault::none;
        const auto view = RecordView::parse(record);
        return view && view->messages() == wanted.count ? RecordFault::none : RecordFault::identity;
    }
    return wanted.count == 0 && message::find_property(parts.properties, "INNER_MULTI_DISPATCH")
               ? RecordFault::none
               : RecordFault::identity;
}

}  // namespace mqd::store
