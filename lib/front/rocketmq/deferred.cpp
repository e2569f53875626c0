#include "front/rocketmq/deferred.h"

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

}  // namespace

void handle_when_dispatched(Service& service, remoting::Session& session, const Request& request,
                            const wire::Command& command) {
    auto own = std::make_shared<const OwnCommand>(command);
    auto& store = service.broker().store();
    store.when_dispatched(
        store.end(), wait_max_ms,
        [&service, &request, own, ticket = session.ticket(command)](bool) {
            ticket.with_session([&service, &request, own](remoting::Session& of) {
                if (of.context == nullptr || !of.is_open()) return;  // closed meanwhile
                auto& connection = static_cast<Connection&>(*of.context);
                request.handle({service, service.broker(), of, connection, own->get()});
            });
        });
}

}  // namespace mqd::front::rocketmq
