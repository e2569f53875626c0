#include "front/rocketmq/disk_reads.h"

#include <chrono>
#include <utility>

namespace mqd::front::rocketmq {
namespace {

constexpr auto look_again = std::chrono::milliseconds(20);

}  // namespace

bool DiskReads::add(remoting::Session& session, std::function<void()> start) {
    if (waiting_.size() >= waiting_max) return false;
    waiting_.push_back(std::move(start));
    start_some(session);
    return true;
}

void DiskReads::finished(remoting::Session& session) {
    --running_;
    start_some(session);
}

void DiskReads::start_some(remoting::Session& session) {
    while (running_ < running_max && !waiting_.empty()) {
        if (session.unsent_bytes() > unsent_bytes_max) {
            if (timer_ != nullptr || running_ > 0) return;
            timer_ = session.loop().after(look_again, [this, &session] {
                const auto fired = std::move(timer_);  // it lives until this call is over
                start_some(session);
            });
            return;
        }
        const auto start = std::move(waiting_.front());
        waiting_.pop_front();
        ++running_;
        start();
    }
}

}  // namespace mqd::front::rocketmq
