#pragma once
// Which store this is, whatever address, directory or name it is given: R/config/mqd.identity,
//
//     {"store":"5b1f6a52-..."}
//
// made with the store and never changed. Name servers tell two brokers of one name by it.
//
// Threads: one, at the start.

#include <string>

#include "base/result.h"
#include "broker/settings.h"
#include "store/files.h"

namespace mqd::broker {

/// The store's uuid, which it is given if it has none. Only with the store open. corrupt, io
Result<std::string> store_uuid(store::Files& files, const Settings& settings);

}  // namespace mqd::broker
