#pragma once
// What the log says about transactions when a store is opened, after whatever end (mqd-store(5),
// PROGRESS OF TRANSACTIONS): the op records from the saved progress on name what is settled, and
// what a crash kept from being named is found out otherwise.
//
// Threads: at the start, one.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "broker/half_ledger.h"
#include "store/store.h"

namespace mqd::broker {

struct RecoveredTransactions {
    HalfLedger ledger;
    std::vector<std::int64_t> unnamed;         ///< settled, but no op record says so yet
    std::map<std::string, std::int64_t> open;  ///< by topic
};

/// `half` and `op` are where the two queues' progress was saved.
RecoveredTransactions recover_transactions(store::Store& store, std::int64_t half, std::int64_t op);

}  // namespace mqd::broker
