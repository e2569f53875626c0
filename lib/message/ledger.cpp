#include "message/ledger.h"

#include <algorithm>

#include "base/check.h"

namespace mqd::message {

void Ledger::take(std::int64_t offset) {
    check(offset >= passed_);
    open_.push_back({offset, false});
    passed_ = offset + 1;
}

void Ledger::settle(std::int64_t offset) {
    const auto entry =
        std::lower_bound(open_.begin(), open_.end(), offset,
                         [](const Entry& e, std::int64_t wanted) { return e.offset < wanted; });
    if (entry == open_.end() || entry->offset != offset) return;
    entry->is_done = true;
    while (!open_.empty() && open_.front().is_done) open_.pop_front();
}

void Ledger::pass(std::int64_t next) {
    passed_ = std::max(passed_, next);
}

}  // namespace mqd::message
