#include "front/rocketmq/deferred.h"

#include <chrono>

#include "base/clock.h"
#include "front/rocketmq/requests.h"

namespace mqd::front::rocketmq {
namespace {

// The dispatcher needs well below a millisecond unless the machine is very busy.
constexpr auto look_again = std::chrono::milliseconds(1);
// What it could not do by then is not waited for: the disk may be full.
constexpr std::int64_t wait_max_ms = 1000;

}  // namespace

Deferred::Deferred(Service& service, remoting::Session& session, const Request& request,
                   const wire::Command& command)
    : service_(service),
      session_(session),
      request_(request),
      command_(command),
      remark_(command.remark),
      body_(as_text(command.body)),
      until_(service.broker().store().end()),
      give_up_ms_(monotonic_ms() + wait_max_ms) {
    for (const auto& field : command.ext) texts_.emplace_back(field.key, field.value);
    for (const auto& [key, value] : texts_) ext_.push_back({key, value});
}

wire::Command Deferred::command() const {
    wire::Command out = command_;
    out.remark = remark_;
    out.body = as_bytes(body_);
    out.ext = ext_;
    return out;
}

void Deferred::run() {
    const bool seen = service_.broker().store().dispatched() >= until_;
    if (!seen && monotonic_ms() < give_up_ms_) {
        timer_ = session_.loop().after(look_again, [weak = weak_from_this()] {
            const auto self = weak.lock();
            if (self == nullptr) return;
            const auto fired = std::move(self->timer_);  // it lives until this call is over
            self->run();
        });
        return;
    }
    is_done_ = true;
    const auto connection = std::static_pointer_cast<Connection>(session_.context);
    const auto request = command();
    request_.handle({service_, service_.broker(), session_, *connection, request});
}

}  // namespace mqd::front::rocketmq
