#include "broker/half_ledger.h"

#include <bit>
#include <limits>

#include "base/check.h"

namespace mqd::broker {
namespace {

constexpr std::int64_t unknown_op = std::numeric_limits<std::int64_t>::max();

constexpr std::uint64_t bit_of(std::int64_t half) {
    return std::uint64_t{1} << (half & 63);
}

}  // namespace

HalfLedger::HalfLedger(std::int64_t half, std::int64_t op)
    : begin_(half / bits * bits), first_open_(half), op_begin_(op) {
    check(half >= 0 && op >= 0);
}

bool HalfLedger::is_settled(std::int64_t half) const {
    if (half < first_open_) return true;
    const auto word = static_cast<std::size_t>((half - begin_) / bits);
    return word < words_.size() && (words_[word] & bit_of(half)) != 0;
}

void HalfLedger::settle(std::int64_t half) {
    if (half < first_open_) return;
    const auto word = static_cast<std::size_t>((half - begin_) / bits);
    if (word >= words_.size()) words_.resize(word + 1);
    words_[word] |= bit_of(half);
    if (half != first_open_) return;
    first_open_ = next_open(half);
    while (!words_.empty() && begin_ + bits <= first_open_) {
        words_.pop_front();
        begin_ += bits;
    }
    if (words_.empty()) begin_ = first_open_ / bits * bits;
}

std::int64_t HalfLedger::next_open(std::int64_t half) const {
    if (half < first_open_) half = first_open_;
    for (auto word = static_cast<std::size_t>((half - begin_) / bits); word < words_.size();
         ++word) {
        const std::uint64_t open = ~words_[word] & ~(bit_of(half) - 1);
        const std::int64_t base = begin_ + static_cast<std::int64_t>(word) * bits;
        if (open != 0) return base + std::countr_zero(open);
        half = base + bits;
    }
    return half;
}

void HalfLedger::op_written(std::int64_t op, std::int64_t half_last) {
    if (op < op_begin_) return;
    const auto index = static_cast<std::size_t>(op - op_begin_);
    if (index >= op_last_.size()) op_last_.resize(index + 1, unknown_op);
    op_last_[index] = half_last;
}

std::int64_t HalfLedger::op_progress() {
    while (!op_last_.empty() && op_last_.front() < first_open_) {
        op_last_.pop_front();
        ++op_begin_;
    }
    return op_begin_;
}

void HalfLedger::moved(std::int64_t first, std::int64_t half) {
    if (moved_.size() < moved_max || moved_.contains(first)) moved_[first] = half;
}

std::optional<std::int64_t> HalfLedger::moved_to(std::int64_t first) const {
    const auto found = moved_.find(first);
    return found == moved_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace mqd::broker
