#include "message/record.h"

#include <fmt/format.h>

#include "base/compress.h"
#include "base/crc.h"
#include "message/properties.h"
#include "message/sys_flag.h"

namespace mqd::message {
namespace {

constexpr std::size_t host_bytes_v4 = 8;
constexpr std::size_t host_bytes_v6 = 20;
constexpr char pair_end = '\x02';

struct PropertyPlan {
    bool separator;
    std::size_t bytes;
};

PropertyPlan plan_properties(const Draft& draft) {
    const bool separator = !draft.properties.empty() && !draft.more_properties.empty() &&
                           draft.properties.back() != pair_end;
    return {separator,
            draft.properties.size() + draft.more_properties.size() + (separator ? 1U : 0U)};
}

std::byte* put_host(std::byte* at, const Host& host) {
    std::memcpy(at, host.ip.data(), host.ip_bytes());
    at += host.ip_bytes();
    store_be<std::int32_t>(at, host.port);
    return at + 4;
}

std::byte* put_text(std::byte* at, std::string_view text) {
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    return at + text.size();
}

Host take_host(ByteReader& in, bool v6) {
    Host host;
    host.is_v6 = v6;
    const auto ip = in.take_bytes(host.ip_bytes());
    if (!ip.empty()) std::memcpy(host.ip.data(), ip.data(), ip.size());
    host.port = in.take<std::int32_t>();
    return host;
}

}  // namespace

std::size_t encoded_bytes(const Draft& draft) {
    const std::size_t topic_length_bytes = draft.topic.size() > topic_bytes_max_v1 ? 2 : 1;
    return 72 + draft.born_host.bytes() + draft.store_host.bytes() + draft.body.size() +
           topic_length_bytes + draft.topic.size() + 2 + plan_properties(draft).bytes;
}

void encode(const Draft& draft, Buffer& out) {
    const auto properties = plan_properties(draft);
    check(properties.bytes <= properties_bytes_max && draft.topic.size() <= 255);
    const std::size_t bytes = encoded_bytes(draft);
    const bool v2 = draft.topic.size() > topic_bytes_max_v1;
    std::int32_t flags = draft.sys_flag & ~(sys_flag::born_host_v6 | sys_flag::store_host_v6);
    if (draft.born_host.is_v6) flags |= sys_flag::born_host_v6;
    if (draft.store_host.is_v6) flags |= sys_flag::store_host_v6;

    std::byte* at = out.extend(bytes);
    store_be(at, static_cast<std::int32_t>(bytes));
    store_be(at + 4, v2 ? magic_v2 : magic_v1);
    store_be(at + 8, draft.body.empty() ? 0 : crc31(as_bytes(draft.body)));
    store_be(at + 12, draft.queue_id);
    store_be(at + 16, draft.flag);
    store_be<std::int64_t>(at + 20, 0);
    store_be<std::int64_t>(at + 28, 0);
    store_be(at + 36, flags);
    store_be(at + 40, draft.born_ts_ms);
    at = put_host(at + 48, draft.born_host);
    store_be<std::int64_t>(at, 0);
    at = put_host(at + 8, draft.store_host);
    store_be(at, draft.reconsume_times);
    store_be(at + 4, draft.prepared_offset);
    store_be(at + 12, static_cast<std::int32_t>(draft.body.size()));
    at = put_text(at + 16, draft.body);
    if (v2) {
        store_be(at, static_cast<std::int16_t>(draft.topic.size()));
        at += 2;
    } else {
        *at++ = static_cast<std::byte>(draft.topic.size());
    }
    at = put_text(at, draft.topic);
    store_be(at, static_cast<std::int16_t>(properties.bytes));
    at = put_text(at + 2, draft.properties);
    if (properties.separator) *at++ = static_cast<std::byte>(pair_end);
    put_text(at, draft.more_properties);
}

void place(MutableBytes record, QueueOffset queue_offset, PhysicalOffset at,
           std::int64_t store_ts_ms) {
    check(record.size() >= record_bytes_min);
    const auto flags = load_be<std::int32_t>(record.data() + 36);
    const std::size_t born = (flags & sys_flag::born_host_v6) != 0 ? host_bytes_v6 : host_bytes_v4;
    store_be(record.data() + 20, queue_offset.value);
    store_be(record.data() + 28, at.value);
    store_be(record.data() + 48 + born, store_ts_ms);
}

RecordHead RecordHead::read(const std::byte* at) {
    return {load_be<std::int32_t>(at), load_be<std::uint32_t>(at + 4)};
}

Result<RecordView> RecordView::parse(Bytes bytes) {
    const auto corrupt = [](std::string_view why) {
        return Error{Errc::corrupt, fmt::format("no whole record: {}", why)};
    };
    if (bytes.size() < record_bytes_min) return corrupt("fewer than 91 bytes");
    const auto head = RecordHead::read(bytes.data());
    if (!head.is_record()) return corrupt("no record magic");
    if (head.total_bytes < static_cast<std::int32_t>(record_bytes_min) ||
        static_cast<std::size_t>(head.total_bytes) > bytes.size())
        return corrupt("its size does not fit");

    RecordView view;
    view.bytes = bytes.first(static_cast<std::size_t>(head.total_bytes));
    view.v2 = head.magic == magic_v2;
    ByteReader in(view.bytes.subspan(8));
    view.body_crc = in.take<std::int32_t>();
    view.queue_id = in.take<std::int32_t>();
    view.flag = in.take<std::int32_t>();
    view.queue_offset = {in.take<std::int64_t>()};
    view.at = {in.take<std::int64_t>()};
    view.sys_flag = in.take<std::int32_t>();
    view.born_ts_ms = in.take<std::int64_t>();
    view.born_host = take_host(in, (view.sys_flag & sys_flag::born_host_v6) != 0);
    view.store_ts_ms = in.take<std::int64_t>();
    view.store_host = take_host(in, (view.sys_flag & sys_flag::store_host_v6) != 0);
    view.reconsume_times = in.take<std::int32_t>();
    view.prepared_offset = in.take<std::int64_t>();
    const auto body_bytes = in.take<std::int32_t>();
    if (body_bytes < 0) return corrupt("a negative body length");
    view.body = in.take_text(static_cast<std::size_t>(body_bytes));
    const int topic_bytes = view.v2 ? in.take<std::int16_t>() : in.take<std::int8_t>();
    if (topic_bytes < 0) return corrupt("a negative topic length");
    view.topic = in.take_text(static_cast<std::size_t>(topic_bytes));
    const auto property_bytes = in.take<std::int16_t>();
    if (property_bytes > 0)
        view.properties = in.take_text(static_cast<std::size_t>(property_bytes));
    if (!in.ok() || in.left() != 0) return corrupt("its lengths do not add up");
    return view;
}

bool RecordView::body_crc_ok() const {
    return body.empty() ? body_crc == 0 : crc31(as_bytes(body)) == body_crc;
}

std::int32_t RecordView::transaction_type() const {
    return sys_flag & sys_flag::transaction_mask;
}

Result<std::string> RecordView::plain_body(std::size_t bytes_max) const {
    if ((sys_flag & sys_flag::compressed) == 0) return std::string(body);
    const auto kind = sys_flag::compression(sys_flag);
    if (!kind) return Error{Errc::corrupt, "the body is compressed by an unknown kind"};
    return decompress(*kind, as_bytes(body), bytes_max);
}

void append_batch_item(Buffer& out, const BatchItem& item) {
    const std::size_t bytes = batch_item_overhead_bytes + item.body.size() + item.properties.size();
    std::byte* at = out.extend(bytes);
    store_be(at, static_cast<std::int32_t>(bytes));
    store_be<std::int32_t>(at + 4, 0);
    store_be<std::int32_t>(at + 8, 0);
    store_be(at + 12, item.flag);
    store_be(at + 16, static_cast<std::int32_t>(item.body.size()));
    at = put_text(at + 20, item.body);
    store_be(at, static_cast<std::int16_t>(item.properties.size()));
    put_text(at + 2, item.properties);
}

Result<BatchItem> BatchReader::next() {
    const auto corrupt = [this] {
        rest_ = {};
        return Error{Errc::corrupt, "a batch item's lengths do not add up"};
    };
    if (rest_.size() < batch_item_overhead_bytes) return corrupt();
    const auto total = load_be<std::int32_t>(rest_.data());
    if (total < static_cast<std::int32_t>(batch_item_overhead_bytes) ||
        static_cast<std::size_t>(total) > rest_.size())
        return corrupt();
    ByteReader in(rest_.first(static_cast<std::size_t>(total)).subspan(12));
    BatchItem item;
    item.flag = in.take<std::int32_t>();
    const auto body_bytes = in.take<std::int32_t>();
    if (body_bytes < 0) return corrupt();
    item.body = in.take_text(static_cast<std::size_t>(body_bytes));
    const auto property_bytes = in.take<std::int16_t>();
    if (property_bytes < 0) return corrupt();
    item.properties = in.take_text(static_cast<std::size_t>(property_bytes));
    if (!in.ok() || in.left() != 0) return corrupt();
    rest_ = rest_.subspan(static_cast<std::size_t>(total));
    return item;
}

}  // namespace mqd::message
