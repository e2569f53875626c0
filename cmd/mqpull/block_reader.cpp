#include "block_reader.h"

#include <fmt/format.h>

#include <utility>

namespace mqd::mqpull {

void BlockReader::begin(client::Block block) {
    block_ = std::move(block);
    rest_ = as_bytes(block_.records);
}

Result<message::RecordView> BlockReader::next() {
    auto message = message::RecordView::parse(rest_);
    if (!message) {
        const client::Queue& queue = block_.queue->queue;
        return Error{Errc::corrupt, fmt::format("{} sent, of {}: {}", queue.address,
                                                queue.to_string(), message.error().what)};
    }
    rest_ = rest_.subspan(message->bytes.size());
    return message;
}

}  // namespace mqd::mqpull
