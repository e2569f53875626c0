#pragma once
// A block of records, taken apart message by message as fast as the output wants them; the messages
// of an inner batch one by one. A broker gives the whole batch for any offset inside it.
//
// Threads: one.
// Owner:   Pulling.

#include <cstddef>
#include <optional>
#include <vector>

#include "client/puller.h"
#include "message/record.h"

namespace mqd::mqpull {

class BlockReader {
public:
    void begin(client::Block block);
    /// Nothing is left of the block, if there was one.
    bool at_end() const { return !head_ && rest_.empty() && batch_next_ == batch_.size(); }
    const client::Block& block() const { return block_; }
    /// Not at_end(). The views live until begin(). corrupt: what comes is no record.
    Result<message::RecordView> next();
    /// What next() will give.
    Result<const message::RecordView*> peek();
    /// Whether the last message that next() gave was one of a batch that is stored as one record.
    bool is_part() const { return is_part_; }
    void drop_rest();

private:
    Result<message::RecordView> next_record();

    client::Block block_;
    std::optional<message::RecordView> head_;  // peeked at
    Bytes rest_;
    std::vector<message::RecordView> batch_;  // those from batch_next_ on are still to come
    std::size_t batch_next_ = 0;
    bool is_part_ = false;  // the last one read, which may be head_
};

}  // namespace mqd::mqpull
