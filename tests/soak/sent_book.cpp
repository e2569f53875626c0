#include "sent_book.h"

namespace mqd::soak {

std::int64_t SentBook::begin(Stream stream, std::int64_t due_ms) {
    Lock lock(lock_);
    auto& sent = sent_[static_cast<std::size_t>(stream)];
    sent.emplace_back().due_ms = due_ms;
    return static_cast<std::int64_t>(sent.size()) - 1;
}

void SentBook::acknowledged(Stream stream, std::int64_t number, int attempts, std::int32_t queue,
                            std::int64_t offset) {
    Lock lock(lock_);
    auto& sent = sent_[static_cast<std::size_t>(stream)][static_cast<std::size_t>(number)];
    sent.attempts = attempts;
    sent.acknowledged = true;
    sent.queue = queue;
    sent.offset = offset;
}

void SentBook::lost_sight(Stream stream, std::int64_t number) {
    Lock lock(lock_);
    sent_[static_cast<std::size_t>(stream)][static_cast<std::size_t>(number)].attempts = 1;
}

std::vector<Sent> SentBook::all(Stream stream) const {
    Lock lock(lock_);
    return sent_[static_cast<std::size_t>(stream)];
}

}  // namespace mqd::soak
