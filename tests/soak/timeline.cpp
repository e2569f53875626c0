#include "timeline.h"

#include <chrono>

namespace mqd::soak {
namespace {

constexpr std::int64_t nap_ms = 50;

}  // namespace

Timeline::Timeline()
    : thread_([this] {
          while (!stops_) {
              std::this_thread::sleep_for(std::chrono::milliseconds(nap_ms));
              now_ms_ += nap_ms;
          }
      }) {}

Timeline::~Timeline() {
    stops_ = true;
    thread_.join();
}

void Timeline::broker_goes() {
    {
        Lock lock(lock_);
        outages_.push_back({now_ms()});
    }
    ++life_;
}

void Timeline::broker_is_back() {
    ++life_;
    Lock lock(lock_);
    outages_.back().to_ms = now_ms();
}

std::vector<Outage> Timeline::outages() const {
    Lock lock(lock_);
    return outages_;
}

}  // namespace mqd::soak
