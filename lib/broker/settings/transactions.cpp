#include "broker/settings/transactions.h"

#include "config/config.h"

namespace mqd::broker {

void TransactionSettings::describe(config::Config& c) {
    c.boolean("rejectTransactionMessage", reject, "half messages are refused");
    c.duration("transactionTimeOut", timeout_ms, 0, 86'400'000,
               "how long producers have to end a transaction before they are asked");
    c.integer("transactionCheckMax", check_max, 0, 1'000'000,
              "how often they are asked before it is given up");
    c.duration("transactionCheckInterval", check_interval_ms, 10, 86'400'000,
               "and how much time lies between");
    c.duration("transactionMetricFlushInterval", counts_interval_ms, 100, 600'000,
               "how often the counts of open transactions are saved");
}

}  // namespace mqd::broker
