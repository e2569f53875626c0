#pragma once
// One message as queryMsgById and its like print it.
//
// Threads: one at a time.

#include "../admin.h"
#include "message/record.h"

namespace mqd::admin {

/// A block of `name: value` lines in the table, an object with the body as text otherwise. A body
/// that cannot be decompressed is shown as it is, with a warning.
void add_message(Admin& admin, cli::Rows& rows, const message::RecordView& record);

/// The records of an answer's body, one after the other. corrupt: bytes that are no record.
Result<std::vector<message::RecordView>> records_in(std::string_view body);

}  // namespace mqd::admin
