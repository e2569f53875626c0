#pragma once
// Where a message is put to wait for its delivery.
//
// Threads: a value.

#include <string>

#include "store/store.h"

namespace mqd::broker {

struct Place {
    store::Queue* queue = nullptr;  ///< its topic and id are the record's
    std::string properties;         ///< the message's, with what tells where it is meant to go
};

}  // namespace mqd::broker
