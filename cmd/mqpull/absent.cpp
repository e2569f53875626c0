#include "absent.h"

#include <algorithm>
#include <iterator>

#include "base/clock.h"

namespace mqd::mqpull {
namespace {

constexpr std::int64_t ask_every_ms = 1000;

}  // namespace

void Absent::add(std::vector<client::Queue> queues, Error why) {
    if (queues.empty()) return;
    std::move(queues.begin(), queues.end(), std::back_inserter(queues_));
    why_ = std::move(why);
    ask_at_ms_ = monotonic_ms() + ask_every_ms;
    line_.waits(why_.what);
}

std::vector<Absent::Come> Absent::take() {
    std::vector<Come> come;
    if (!any()) return come;
    if (question_ && question_->is_answered()) settle(come);
    if (queues_.empty() && !question_) {
        line_.goes_on();
    } else {
        line_.waits(why_.what);
    }
    if (!question_ && !queues_.empty() && monotonic_ms() >= ask_at_ms_) {
        question_.emplace(client_, std::move(queues_), from_);
        queues_.clear();
    }
    return come;
}

void Absent::settle(std::vector<Come>& come) {
    const auto& asked = question_->queues();
    auto answers = question_->answers();
    for (std::size_t i = 0; i < asked.size(); ++i) {
        if (answers[i]) {
            come.push_back({asked[i], *answers[i]});
        } else {
            queues_.push_back(asked[i]);
            why_ = std::move(answers[i]).error();
        }
    }
    question_.reset();
    ask_at_ms_ = monotonic_ms() + ask_every_ms;
}

std::pair<std::vector<client::Queue>, Error> Absent::give_up() {
    if (question_) {
        const auto& asked = question_->queues();
        queues_.insert(queues_.end(), asked.begin(), asked.end());
        question_.reset();
    }
    line_.gives_up();
    return {std::exchange(queues_, {}), why_};
}

std::int64_t Absent::due_ms() const {
    if (!any()) return -1;
    const std::int64_t told_ms = line_.due_ms();
    if (question_) return told_ms;
    return told_ms < 0 ? ask_at_ms_ : std::min(ask_at_ms_, told_ms);
}

}  // namespace mqd::mqpull
