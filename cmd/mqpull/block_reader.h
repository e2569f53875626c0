#pragma once
// A block of records, taken apart message by message as fast as the output wants them.
//
// Threads: one.
// Owner:   Pulling.

#include "client/puller.h"
#include "message/record.h"

namespace mqd::mqpull {

class BlockReader {
public:
    void begin(client::Block block);
    /// Nothing is left of the block, if there was one.
    bool at_end() const { return rest_.empty(); }
    const client::Block& block() const { return block_; }
    /// Not at_end(). The views live until begin(). corrupt: what comes is no record.
    Result<message::RecordView> next();
    void drop_rest() { rest_ = {}; }

private:
    client::Block block_;
    Bytes rest_;
};

}  // namespace mqd::mqpull
