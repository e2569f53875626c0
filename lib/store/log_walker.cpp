#include "store/log_walker.h"

#include <algorithm>

namespace mqd::store {
namespace {

constexpr std::int64_t sector_bytes = 512;  // what a disk writes whole or not at all

bool all_zero(Bytes bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

/// Mostly no checksum covers topic and properties, so a write that a crash has cut short, or of
/// which only some sectors were written, may have left what passes for a record. Where it is not
/// written a file is zero: properties never end so, nor do they have a whole sector of zeros.
bool has_hole(const message::RecordView& record, std::int64_t base) {
    if (record.properties.empty()) return false;
    if (record.bytes.back() == std::byte{0}) return true;
    const std::int64_t begin = record.at.value - base;
    const std::int64_t end = begin + static_cast<std::int64_t>(record.bytes.size());
    const std::int64_t text = begin + (as_bytes(record.topic).data() - record.bytes.data());
    for (std::int64_t at = (text / sector_bytes + 1) * sector_bytes; at < end; at += sector_bytes) {
        const std::int64_t bytes = std::min(sector_bytes, end - at);
        if (all_zero(record.bytes.subspan(static_cast<std::size_t>(at - begin),
                                          static_cast<std::size_t>(bytes))))
            return true;
    }
    return false;
}

bool stands(const message::RecordView& record, std::int64_t base, LogWalker::Check check) {
    if (check == LogWalker::Check::lengths) return true;
    const auto sum = record.sum();  // covers the body too
    if (sum == message::RecordView::Sum::absent)
        return check == LogWalker::Check::crc && record.body_crc_ok() && !has_hole(record, base);
    return sum == message::RecordView::Sum::right;
}

}  // namespace

LogWalker::Step LogWalker::next(std::int64_t limit, Check check) {
    for (;;) {
        if (at_ >= limit) return Step::end;
        if (!file_ || at_ < file_->base || at_ >= file_->limit()) {
            file_ = log_.file_at(at_);
            if (!file_) return Step::end;
        }
        const Bytes rest =
            file_->bytes.subspan(static_cast<std::size_t>(at_ - file_->base),
                                 static_cast<std::size_t>(std::min(file_->limit(), limit) - at_));
        if (rest.size() < 8) return Step::bad;
        const auto head = message::RecordHead::read(rest.data());
        if (head.is_blank()) {
            if (head.total_bytes != file_->limit() - at_) return Step::bad;
            at_ = file_->limit();
            continue;
        }
        auto record = message::RecordView::parse(rest);
        if (!record || record->at.value != at_) return Step::bad;
        if (!stands(*record, file_->base, check)) return Step::bad;
        record_ = *record;
        at_ += static_cast<std::int64_t>(record_.bytes.size());
        return Step::record;
    }
}

void LogWalker::skip_file() {
    if (file_) at_ = file_->limit();
}

}  // namespace mqd::store
