#include "broker/durability.h"

#include <utility>

namespace mqd::broker {

Durability::Wanted Durability::promised(const Settings& settings) {
    return {settings.durability.flush_sync, settings.durability.waits_for_replicas(),
            settings.durability.flush_timeout_ms, settings.durability.slave_timeout_ms};
}

void Durability::when(PhysicalOffset end, const Wanted& wanted, Done done) {
    if (wanted.is_memory()) return done(Outcome::reached);
    if (!wanted.replicas) return when_on_disk(end, wanted.disk_ms, std::move(done));
    // The disk works on it meanwhile, whoever waits.
    when_replicated(end, wanted.replicas_ms,
                    [this, end, wanted, done = std::move(done)](bool reached) {
                        if (!reached) return done(Outcome::replicas_late);
                        if (!wanted.disk) return done(Outcome::reached);
                        when_on_disk(end, wanted.disk_ms, done);
                    });
}

void Durability::when_on_disk(PhysicalOffset end, std::int64_t ms, Done done) {
    store_.when_synced(end, ms, [done = std::move(done)](bool synced) {
        done(synced ? Outcome::reached : Outcome::disk_late);
    });
}

void Durability::when_replicated(PhysicalOffset end, std::int64_t ms,
                                 std::function<void(bool)> done) {
    {
        const Lock lock(mutex_);
        if (!has_thread_) lateness_.start({&waiters_});
        has_thread_ = true;
    }
    waiters_.add(end.value, ms, std::move(done));
}

void Durability::replicated(PhysicalOffset to) {
    std::int64_t before = replicated_;
    while (before < to.value && !replicated_.compare_exchange_weak(before, to.value)) {
    }
    waiters_.reached();
}

void Durability::stop() {
    {
        const Lock lock(mutex_);
        has_thread_ = true;  // none is started any more
    }
    lateness_.stop();
    waiters_.close();
}

}  // namespace mqd::broker
