#include "message/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/compress.h"
#include "base/crc.h"
#include "base/parse.h"
#include "message/properties.h"
#include "message/sys_flag.h"

namespace mqd::message {
namespace {

constexpr std::size_t host_bytes_v4 = 8;
constexpr std::size_t host_bytes_v6 = 20;
constexpr char pair_end = '\x02';
/// As many as any offset has: the property's place is known before its value is.
constexpr std::size_t inner_base_digits = 19;
constexpr std::string_view crc_begin = "__CRC32#\x01";
constexpr std::size_t crc_digits = 10;
static_assert(crc_begin.size() + crc_digits + 1 == crc_property_bytes);

bool ends_with_crc(std::string_view text) {
    return text.size() >= crc_property_bytes && text.back() == pair_end &&
           text.substr(text.size() - crc_property_bytes).starts_with(crc_begin);
}

/// One of its bytes is another than it would be in any CRC property.
bool is_nearly_crc(std::string_view tail) {
    int wrong = tail.back() != pair_end ? 1 : 0;
    for (std::size_t i = 0; i < crc_begin.size(); ++i) wrong += tail[i] != crc_begin[i] ? 1 : 0;
    for (const char c : tail.substr(crc_begin.size(), crc_digits))
        wrong += c < '0' || c > '9' ? 1 : 0;
    return wrong == 1;
}

/// The digits of the CRC property that `record` ends with, or would end with: the least
/// significant one stands first.
std::array<char, crc_digits> digits_of(Bytes record) {
    auto sum = static_cast<std::uint32_t>(crc31(record.first(record.size() - crc_property_bytes)));
    std::array<char, crc_digits> out;
    for (char& digit : out) {
        digit = static_cast<char>('0' + sum % 10);
        sum /= 10;
    }
    return out;
}

struct PropertyPlan {
    std::string_view properties;
    bool separator = false;
    bool crc_separator = false;
    bool crc = false;
    std::size_t bytes = 0;
};

PropertyPlan plan_properties(const Draft& draft) {
    PropertyPlan plan;
    plan.properties = draft.properties;
    if (ends_with_crc(plan.properties)) plan.properties.remove_suffix(crc_property_bytes);
    const auto open = [](std::string_view text) {
        return !text.empty() && text.back() != pair_end;
    };
    plan.separator = !draft.more_properties.empty() && open(plan.properties);
    plan.bytes = plan.properties.size() + draft.more_properties.size() + (plan.separator ? 1U : 0U);
    if (!draft.append_crc) return plan;
    plan.crc_separator =
        open(draft.more_properties.empty() ? plan.properties : draft.more_properties);
    const std::size_t more = crc_property_bytes + (plan.crc_separator ? 1U : 0U);
    plan.crc = plan.bytes + more <= properties_bytes_max;
    if (plan.crc) plan.bytes += more;
    return plan;
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

void place_inner_base(MutableBytes record, QueueOffset queue_offset) {
    const auto view = RecordView::parse(record);
    if (!view) return;
    const auto base = find_property(view->properties, property::inner_base);
    if (!base || base->size() != inner_base_digits) return;
    const auto at = as_bytes(*base).data() - record.data();
    const auto digits = fmt::format("{:019}", queue_offset.value);
    std::memcpy(record.data() + at, digits.data(), inner_base_digits);
}

const std::byte* read_host(const std::byte* at, bool is_v6, Host& host) {
    host.is_v6 = is_v6;
    // Sizes that the compiler knows cost it no call.
    is_v6 ? std::memcpy(host.ip.data(), at, 16) : std::memcpy(host.ip.data(), at, 4);
    host.port = load_be<std::int32_t>(at + host.ip_bytes());
    return at + host.bytes();
}

/// Empty, or why it is no whole record.
std::string_view read_record(Bytes bytes, RecordView& view) {
    constexpr std::string_view odd_lengths = "its lengths do not add up";
    if (bytes.size() < record_bytes_min) return "fewer than 91 bytes";
    const auto head = RecordHead::read(bytes.data());
    if (!head.is_record()) return "no record magic";
    const auto total = static_cast<std::size_t>(std::max(head.total_bytes, 0));
    if (total < record_bytes_min || total > bytes.size()) return "its size does not fit";

    const std::byte* at = bytes.data();
    view.bytes = bytes.first(total);
    view.v2 = head.magic == magic_v2;
    view.body_crc = load_be<std::int32_t>(at + 8);
    view.queue_id = load_be<std::int32_t>(at + 12);
    view.flag = load_be<std::int32_t>(at + 16);
    view.queue_offset = {load_be<std::int64_t>(at + 20)};
    view.at = {load_be<std::int64_t>(at + 28)};
    view.sys_flag = load_be<std::int32_t>(at + 36);
    view.born_ts_ms = load_be<std::int64_t>(at + 40);
    const bool born_v6 = (view.sys_flag & sys_flag::born_host_v6) != 0;
    const bool store_v6 = (view.sys_flag & sys_flag::store_host_v6) != 0;
    const std::size_t fixed =
        72 + (born_v6 ? host_bytes_v6 : host_bytes_v4) + (store_v6 ? host_bytes_v6 : host_bytes_v4);
    if (total < fixed) return odd_lengths;
    at = read_host(at + 48, born_v6, view.born_host);
    view.store_ts_ms = load_be<std::int64_t>(at);
    at = read_host(at + 8, store_v6, view.store_host);
    view.reconsume_times = load_be<std::int32_t>(at);
    view.prepared_offset = load_be<std::int64_t>(at + 4);

    // From here on each length is the record's own word.
    const auto body_bytes = load_be<std::int32_t>(at + 12);
    if (body_bytes < 0) return "a negative body length";
    ByteReader rest(view.bytes.subspan(fixed));
    view.body = rest.take_text(static_cast<std::size_t>(body_bytes));
    const int topic_bytes = view.v2 ? rest.take<std::int16_t>() : rest.take<std::int8_t>();
    if (topic_bytes < 0) return "a negative topic length";
    view.topic = rest.take_text(static_cast<std::size_t>(topic_bytes));
    const auto property_bytes = rest.take<std::int16_t>();
    if (property_bytes > 0)
        view.properties = rest.take_text(static_cast<std::size_t>(property_bytes));
    return rest.ok() && rest.left() == 0 ? std::string_view() : odd_lengths;
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
    at = put_text(at + 2, properties.properties);
    if (properties.separator) *at++ = static_cast<std::byte>(pair_end);
    at = put_text(at, draft.more_properties);
    if (!properties.crc) return;
    if (properties.crc_separator) *at++ = static_cast<std::byte>(pair_end);
    at = put_text(at, crc_begin);
    std::fill_n(at, crc_digits, std::byte{'0'});
    at[crc_digits] = static_cast<std::byte>(pair_end);
}

void place(MutableBytes record, QueueOffset queue_offset, PhysicalOffset at,
           std::int64_t store_ts_ms) {
    check(record.size() >= record_bytes_min);
    const auto flags = load_be<std::int32_t>(record.data() + 36);
    const std::size_t born = (flags & sys_flag::born_host_v6) != 0 ? host_bytes_v6 : host_bytes_v4;
    store_be(record.data() + 20, queue_offset.value);
    store_be(record.data() + 28, at.value);
    store_be(record.data() + 48 + born, store_ts_ms);
    if ((flags & sys_flag::inner_batch) != 0) place_inner_base(record, queue_offset);
    // A client may have written such a property itself: readers would take it at its word.
    if (!ends_with_crc(as_text(record))) return;
    const auto digits = digits_of(record);
    std::memcpy(record.data() + record.size() - crc_digits - 1, digits.data(), crc_digits);
}

RecordHead RecordHead::read(const std::byte* at) {
    return {load_be<std::int32_t>(at), load_be<std::uint32_t>(at + 4)};
}

Result<RecordView> RecordView::parse(Bytes bytes) {
    Result<RecordView> parsed(std::in_place);
    if (const auto why = read_record(bytes, *parsed); !why.empty())
        parsed = Error{Errc::corrupt, fmt::format("no whole record: {}", why)};
    return parsed;
}

bool RecordView::body_crc_ok() const {
    return body.empty() ? body_crc == 0 : crc31(as_bytes(body)) == body_crc;
}

RecordView::Sum RecordView::sum_of(Bytes record, std::string_view properties) {
    if (properties.size() < crc_property_bytes) return Sum::absent;
    const auto tail = properties.substr(properties.size() - crc_property_bytes);
    // One flipped bit in its name must not make the property another one.
    constexpr std::size_t half = crc_begin.size() / 2;
    if (tail.substr(0, half) != crc_begin.substr(0, half) &&
        tail.substr(half, half) != crc_begin.substr(half, half))
        return Sum::absent;
    if (!ends_with_crc(properties)) return is_nearly_crc(tail) ? Sum::wrong : Sum::absent;
    const auto digits = digits_of(record);
    const auto said = tail.substr(crc_begin.size(), crc_digits);
    return said == std::string_view(digits.data(), digits.size()) ? Sum::right : Sum::wrong;
}

std::int32_t RecordView::transaction_type() const {
    return sys_flag & sys_flag::transaction_mask;
}

Result<std::vector<RecordView>> RecordView::split() const {
    std::vector<RecordView> out;
    BatchReader reader(as_bytes(body));
    while (!reader.at_end()) {
        TRY(const auto item, reader.next());
        RecordView one = *this;
        one.sys_flag &= ~(sys_flag::inner_batch | sys_flag::need_unwrap);
        one.queue_offset = queue_offset + static_cast<std::int64_t>(out.size());
        one.flag = item.flag;
        one.body = item.body;
        one.properties = item.properties;
        out.push_back(one);
    }
    return out;
}

bool RecordView::is_inner_batch() const {
    return (sys_flag & sys_flag::inner_batch) != 0;
}

std::int32_t RecordView::messages() const {
    if (!is_inner_batch()) return 1;
    const auto text = find_property(properties, property::inner_num);
    const auto count = text ? parse_int<std::int32_t>(*text) : std::nullopt;
    return count && *count > 0 && *count <= inner_batch_messages_max ? *count : 1;
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

void append_inner_batch(std::string& properties, std::int32_t messages) {
    append_property(properties, property::inner_num, fmt::to_string(messages));
    append_property(properties, property::inner_base, std::string(inner_base_digits, '0'));
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
