#include "block_reader.h"

#include <fmt/format.h>

#include <utility>

namespace mqd::mqpull {

void BlockReader::begin(client::Block block) {
    block_ = std::move(block);
    rest_ = as_bytes(block_.records);
}

Result<const message::RecordView*> BlockReader::peek() {
    if (!head_) {
        TRY(head_, next());
    }
    return &*head_;
}

Result<message::RecordView> BlockReader::next() {
    if (head_) return *std::exchange(head_, std::nullopt);
    if (batch_next_ < batch_.size()) return batch_[batch_next_++];
    auto message = next_record();
    if (message) return message;
    const client::Queue& queue = block_.queue->queue;
    return Error{Errc::corrupt, fmt::format("{} sent a wrong record of {}: {}", queue.address,
                                            queue.to_string(), message.error().what)};
}

Result<message::RecordView> BlockReader::next_record() {
    auto message = message::RecordView::parse(rest_);
    if (!message) return message;
    rest_ = rest_.subspan(message->bytes.size());
    is_part_ = message->is_inner_batch();
    if (!is_part_) return message;
    TRY(batch_, message->split());
    batch_next_ = 0;
    if (batch_.empty()) return Error{Errc::corrupt, "a batch without messages"};
    return batch_[batch_next_++];
}

void BlockReader::drop_rest() {
    head_.reset();
    rest_ = {};
    batch_.clear();
    batch_next_ = 0;
}

}  // namespace mqd::mqpull
