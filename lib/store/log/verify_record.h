#pragma once
// What a record says about itself that can be wrong though its shape and body CRC are right.
//
// Threads: pure functions.

#include <string>

#include "message/record.h"

namespace mqd::store::verifying {

/// What is wrong with fields that have rules, or the CRC over all of them; empty: nothing.
std::string wrong_field(const message::RecordView& record);

/// The costlier looks: bodies unpack, properties and topic are text in pairs.
std::string wrong_inside(const message::RecordView& record);

}  // namespace mqd::store::verifying
