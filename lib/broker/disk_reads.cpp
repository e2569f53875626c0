#include "broker/disk_reads.h"

#include <chrono>

#include "base/log.h"

namespace mqd::broker {
namespace {

constexpr auto look_again = std::chrono::milliseconds(20);

}  // namespace

void DiskReads::note_failure(const std::exception& bug) {
    log::error("read_failed", {{"error", bug.what()}});
}

bool DiskReads::add(std::function<void()> start) {
    if (waiting_.size() >= waiting_max) return false;
    waiting_.push_back(std::move(start));
    start_some();
    return true;
}

void DiskReads::finished() {
    --running_;
    start_some();
}

void DiskReads::start_some() {
    while (running_ < running_max && !waiting_.empty()) {
        if (caller_->unsent_bytes() > unsent_bytes_max) {
            if (timer_ != nullptr || running_ > 0) return;
            timer_ = caller_->loop().after(look_again, [this] {
                const auto fired = std::move(timer_);  // it lives until this call is over
                start_some();
            });
            return;
        }
        const auto start = std::move(waiting_.front());
        waiting_.pop_front();
        ++running_;
        start();
    }
}

}  // namespace mqd::broker
