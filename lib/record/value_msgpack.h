#pragma once
// A JSON value as msgpack, for rows that are no messages.
//
// Threads: a pure function.

#include "base/bytes.h"
#include "json/value.h"

namespace mqd::record {

void append_msgpack(Buffer& out, const json::Value& value);

}  // namespace mqd::record
