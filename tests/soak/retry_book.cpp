#include "retry_book.h"

namespace mqd::soak {

void RetryBook::giving_back(std::int64_t number, int delivery) {
    Lock lock(lock_);
    ++returned_[number][static_cast<std::size_t>(delivery)].possible;
}

void RetryBook::given_back(std::int64_t number, int delivery, bool was_taken, int lives_passed) {
    Lock lock(lock_);
    auto& returned = returned_[number][static_cast<std::size_t>(delivery)];
    returned.possible += lives_passed;
    if (was_taken) ++returned.taken;
}

void RetryBook::finished(Stream stream, std::int64_t number) {
    Lock lock(lock_);
    finished_.insert({stream, number});
}

std::map<std::int64_t, std::array<RetryBook::Returned, always>> RetryBook::all() const {
    Lock lock(lock_);
    return returned_;
}

std::size_t RetryBook::unfinished(Stream stream, const std::vector<std::int64_t>& numbers) const {
    Lock lock(lock_);
    std::size_t count = 0;
    for (const auto number : numbers)
        if (!finished_.contains({stream, number})) ++count;
    return count;
}

}  // namespace mqd::soak
