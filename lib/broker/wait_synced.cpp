#include "broker/wait_synced.h"

#include <memory>
#include <optional>

#include "base/mutex.h"

namespace mqd::broker {
namespace {

constexpr std::int64_t sync_timeout_ms = 5000;

struct Outcome {
    Mutex mutex;
    Condition told;
    std::optional<bool> synced GUARDED_BY(mutex);
};

}  // namespace

bool wait_synced(store::Store& store) {
    const auto outcome = std::make_shared<Outcome>();
    store.when_synced(store.end(), sync_timeout_ms, [outcome](bool synced) {
        const Lock lock(outcome->mutex);
        outcome->synced = synced;
        outcome->told.notify_one();
    });
    const Lock lock(outcome->mutex);
    while (!outcome->synced) outcome->told.wait(outcome->mutex);
    return *outcome->synced;
}

}  // namespace mqd::broker
