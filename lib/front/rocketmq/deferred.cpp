#include "front/rocketmq/deferred.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "front/rocketmq/requests.h"

namespace mqd::front::rocketmq {
namespace {

// The dispatcher needs well below a millisecond unless the machine is very busy.
constexpr std::int64_t wait_max_ms = 1000;

/// A command that outlives its frame.
class OwnCommand {
public:
    explicit OwnCommand(const wire::Command& command)
        : command_(command), remark_(command.remark), body_(as_text(command.body)) {
        for (const auto& field : command.ext) texts_.emplace_back(field.key, field.value);
        for (const auto& [key, value] : texts_) ext_.push_back({key, value});
        command_.remark = remark_;
        command_.body = as_bytes(body_);
        command_.ext = ext_;
    }
    OwnCommand(const OwnCommand&) = delete;
    OwnCommand& operator=(const OwnCommand&) = delete;
    const wire::Command& get() const { return command_; }

private:
    wire::Command command_;
    const std::string remark_, body_;
    std::vector<std::pair<std::string, std::string>> texts_;
    std::vector<wire::ExtField> ext_;  // views of texts_
};

/// What the store calls: the request is handled on its session's thread, if that still lives. Never
/// within the call, which may be an append of another session's sends.
std::function<void(bool)> handle_later(const Call& call, void (*handle)(const Call&)) {
    auto own = std::make_shared<const OwnCommand>(call.request);
    return [&service = call.service, handle, own, account = std::string(call.account),
            ticket = call.session.ticket(call.request)](bool) {
        ticket.post_to_session([&service, handle, own, account](remoting::Session& of) {
            if (of.context == nullptr || !of.is_open()) return;  // closed meanwhile
            auto& connection = static_cast<Connection&>(*of.context);
            handle({service, service.broker(), of, connection, own->get(), account});
        });
    };
}

}  // namespace

void handle_when_dispatched(const Call& call, void (*handle)(const Call&)) {
    auto& store = call.broker.store();
    store.when_dispatched(store.shown(), wait_max_ms, handle_later(call, handle));
}

void handle_when_shown(const Call& call, PhysicalOffset at, void (*handle)(const Call&)) {
    auto& store = call.broker.store();
    if (at < store.shown() || store.end() <= at) return handle(call);
    // One byte of a record is on disk when all of it is.
    store.when_synced(at + 1, wait_max_ms, handle_later(call, handle));
}

}  // namespace mqd::front::rocketmq
