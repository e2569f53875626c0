#include "store/log_walker.h"

#include <algorithm>

namespace mqd::store {
namespace {

bool stands(const message::RecordView& record, LogWalker::Check check) {
    if (check == LogWalker::Check::lengths) return true;
    const auto sum = record.sum();  // covers the body too
    if (sum == message::RecordView::Sum::absent)
        return check == LogWalker::Check::crc && record.body_crc_ok();
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
        if (!stands(*record, check)) return Step::bad;
        record_ = *record;
        at_ += static_cast<std::int64_t>(record_.bytes.size());
        return Step::record;
    }
}

void LogWalker::skip_file() {
    if (file_) at_ = file_->limit();
}

}  // namespace mqd::store
