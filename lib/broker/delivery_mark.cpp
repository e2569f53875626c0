#include "broker/delivery_mark.h"

#include <array>

#include "base/crc.h"
#include "base/log.h"
#include "message/properties.h"

namespace mqd::broker {
namespace {

std::int32_t checksum(Bytes bytes) {
    return static_cast<std::int32_t>(crc31(bytes));
}

}  // namespace

std::optional<DeliveryMark::Slot> DeliveryMark::read(Bytes bytes) {
    ByteReader in(bytes);
    Slot slot;
    slot.sequence = in.take<std::int64_t>();
    slot.log_end = in.take<std::int64_t>();
    slot.delivering = in.take<std::int32_t>() != 0;
    const auto count = in.take<std::int32_t>();
    if (!in.ok() || slot.sequence <= 0 || count < 0 || static_cast<std::size_t>(count) > values_max)
        return std::nullopt;
    for (std::int32_t i = 0; i < count; ++i) slot.values.push_back(in.take<std::int64_t>());
    const auto covered = bytes.size() - in.left();
    const auto crc = in.take<std::int32_t>();
    if (!in.ok() || crc != checksum(bytes.first(covered))) return std::nullopt;
    return slot;
}

Result<std::optional<DeliveryMark::Left>> DeliveryMark::load() {
    auto file = files_.open(path_, store::OpenMode::read_only);
    if (!file && file.error().code == Errc::not_found) return std::optional<Left>();
    if (!file) return std::move(file).error();
    std::optional<Slot> newest;
    std::array<std::byte, slot_bytes> bytes{};
    for (const std::int64_t at : {std::int64_t{0}, slot_bytes}) {
        TRY(const auto got, (*file)->read(at, bytes));
        auto slot = read(Bytes(bytes).first(got));
        if (slot && (!newest || slot->sequence > newest->sequence)) newest = std::move(slot);
    }
    if (!newest) return std::optional<Left>();
    sequence_ = newest->sequence;
    // A power cut has taken what the mark speaks of.
    if (newest->log_end > store_.end().value) return std::optional<Left>();
    Left left{std::move(newest->values), {}};
    if (!newest->delivering) return std::optional(std::move(left));
    // It ended in an append, so this is the last the log got.
    PhysicalOffset at{newest->log_end};
    while (const auto slice = store_.next_record(at)) {
        const auto record = message::RecordView::parse(slice->bytes);
        if (!record) break;
        if (record->prepared_offset > 0 && record->transaction_type() == 0)
            left.delivered.push_back({record->prepared_offset});
        at = record->at + static_cast<std::int64_t>(slice->bytes.size());
    }
    return std::optional(std::move(left));
}

Result<> DeliveryMark::write(bool delivering, std::span<const std::int64_t> values) {
    check(values.size() <= values_max);
    if (file_ == nullptr) {
        TRY(file_, files_.open(path_, store::OpenMode::create));
        TRY_OK(file_->resize(2 * slot_bytes));
    }
    ++sequence_;
    bytes_.clear();
    bytes_.put_be(sequence_);
    bytes_.put_be(store_.end().value);
    bytes_.put_be(static_cast<std::int32_t>(delivering ? 1 : 0));
    bytes_.put_be(static_cast<std::int32_t>(values.size()));
    for (const auto value : values) bytes_.put_be(value);
    bytes_.put_be(checksum(bytes_.bytes()));
    return file_->write(sequence_ % 2 * slot_bytes, bytes_.bytes());
}

}  // namespace mqd::broker
