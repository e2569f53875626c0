#pragma once
// Waiting for the disk, for threads that may.

#include "store/store.h"

namespace mqd::broker {

/// Until all that was appended so far is on disk; false when that took too long or failed.
///
/// Threads: any but the store's own.
bool wait_synced(store::Store& store);

}  // namespace mqd::broker
