#include "client/ack_watch.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "client/errors.h"
#include "wire/codes.h"

namespace mqd::client {

bool AckWatch::agrees(const std::string& address) {
    if (ack_ == Ack::one) return true;
    Broker& broker = brokers_[address];
    if (!broker.agrees && !broker.is_asked && broker.ask_at_ms <= monotonic_ms())
        ask(address, broker);
    return broker.agrees;
}

Result<> AckWatch::ask_and_wait(const std::string& address) {
    if (ack_ == Ack::one) return {};
    Broker& broker = brokers_[address];
    if (broker.agrees) return {};
    return take(address, broker,
                client_.call(address, wire::request_code::get_broker_config, wire::NoHeader{}));
}

bool AckWatch::look() {
    const bool is_due = due_ms_ >= 0 && due_ms_ <= monotonic_ms();
    if (asked_ == 0 && !is_due) return false;
    if (is_due) due_ms_ = -1;
    mailbox_->take(answers_);
    bool has_more = false;
    for (auto& [address, answer] : answers_) {
        --asked_;
        Broker& broker = brokers_.at(address);
        broker.is_asked = false;
        if (answer && answer->code != wire::response_code::success)
            answer = error_of(address, answer->code, answer->remark);
        const auto agreed = take(address, broker, answer);
        has_more |= agreed.has_value();
        if (agreed || agreed.error().what == broker.told) continue;
        broker.told = agreed.error().what;
        client_.options().talk(Talk::trouble, "nothing is sent to {}: {}", address, broker.told);
    }
    answers_.clear();
    return has_more || is_due;
}

void AckWatch::ask(const std::string& address, Broker& broker) {
    broker.is_asked = true;
    ++asked_;
    client_.channel(address)->call(wire::request_code::get_broker_config, wire::NoHeader{}, {},
                                   client_.options().timeout_ms,
                                   [mailbox = mailbox_, address](Result<remoting::Answer> answer) {
                                       mailbox->put({address, std::move(answer)});
                                   });
}

Result<> AckWatch::take(const std::string& address, Broker& broker,
                        const Result<remoting::Answer>& answer) {
    broker.ask_at_ms = monotonic_ms() + every_ms_;
    if (due_ms_ < 0 || broker.ask_at_ms < due_ms_) due_ms_ = broker.ask_at_ms;
    if (!answer) return answer.error();
    TRY(const auto wait_ms, ack_wait_ms(ack_, address, answer->body));
    wait_ms_ = std::max(wait_ms_, wait_ms);
    broker.agrees = true;
    return {};
}

}  // namespace mqd::client
