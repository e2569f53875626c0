#pragma once
// A block of records, taken apart message by message as fast as the output wants them; the messages
// of an inner batch one by one. A broker gives the whole batch for any offset inside it.
//
// Threads: one.
// Owner:   Pulling.

#include <cstddef>
#include <vector>

#include "client/puller.h"
#include "message/record.h"

namespace mqd::mqpull {

class BlockReader {
public:
    void begin(client::Block block);
    /// Nothing is left of the block, if there was one.
    bool at_end() const { return rest_.empty() && batch_next_ == batch_.size(); }
    const client::Block& block() const { return block_; }
    /// Not at_end(). The views live until begin(). corrupt: what comes is no record.
    Result<message::RecordView> next();
    void drop_rest();

private:
    Result<message::RecordView> next_record();

    client::Block block_;
    Bytes rest_;
    std::vector<message::RecordView> batch_;  // those from batch_next_ on are still to come
    std::size_t batch_next_ = 0;
};

}  // namespace mqd::mqpull
