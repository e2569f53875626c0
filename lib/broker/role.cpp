#include "broker/role.h"

#include <utility>

#include "base/check.h"

namespace mqd::broker {

void Leading::start(bool with_timers) {
    delay->start();
    if (with_timers) timers->start();
    transactions->start();
}

void Leading::stop() {
    delay->stop();
    timers->stop();
    transactions->stop();
}

Result<> Leading::close() {
    TRY_OK(transactions->save_counts());
    auto progress = transactions->save_progress();
    TRY_OK(delay->save());
    TRY_OK(timers->close());
    return progress;
}

void Role::give(std::unique_ptr<Leading> leading) {
    const Lock lock(mutex_);
    check(!is_leased_ && leading_ == nullptr);
    leading_ = std::move(leading);
    is_leased_ = true;
    lease_ = Lease(leading_.get(), [this](Leading*) {
        const Lock back(mutex_);
        is_leased_ = false;
        returned_.notify_all();
    });
}

std::unique_ptr<Leading> Role::take_away() {
    Lease ours;
    {
        const Lock lock(mutex_);
        ours = std::move(lease_);
        lease_ = nullptr;
    }
    ours.reset();  // outside the lock, which the last one's return takes
    const Lock lock(mutex_);
    while (is_leased_) returned_.wait(mutex_);
    return std::move(leading_);
}

}  // namespace mqd::broker
