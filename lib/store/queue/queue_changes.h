#pragma once
// QueueChanges: what has become of queues other than by appending and by expiry, kept until
// somebody listens.
//
// Threads: any; the listener is called without a lock, one call at a time for each queue.
// Owner:   the store.

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "store/store.h"

namespace mqd::store {

class QueueChanges {
public:
    using Listener = std::function<void(const QueueChange&)>;

    /// Who is told from now on, first of what has been kept.
    void listen(Listener listener) {
        const auto fresh = std::make_shared<const Listener>(std::move(listener));
        std::vector<QueueChange> kept;
        {
            const Lock lock(lock_);
            listener_ = fresh;
            kept = std::exchange(kept_, {});
        }
        for (const auto& change : kept) (*fresh)(change);
    }
    void tell(QueueChange change) {
        std::shared_ptr<const Listener> listener;
        {
            const Lock lock(lock_);
            if (!listener_) return kept_.push_back(std::move(change));
            listener = listener_;
        }
        (*listener)(change);
    }

private:
    Mutex lock_;
    std::shared_ptr<const Listener> listener_ GUARDED_BY(lock_);
    std::vector<QueueChange> kept_ GUARDED_BY(lock_);
};

}  // namespace mqd::store
