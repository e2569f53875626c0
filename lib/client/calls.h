#pragma once
// Many calls at once, to any servers, and one wait for all of their answers.
//
// Threads: the tool's one thread; answers come to it through a Mailbox.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/client.h"
#include "client/errors.h"
#include "client/mailbox.h"
#include "wire/codes.h"

namespace mqd::client {

class Calls {
public:
    explicit Calls(Client& client) : client_(client) {}

    template <class H>
    void add(const std::string& address, std::int32_t code, const H& header, Bytes body = {}) {
        addresses_.push_back(address);
        client_.channel(address)->call(
            code, header, body, client_.options().timeout_ms,
            [mailbox = mailbox_, i = addresses_.size() - 1](Result<remoting::Answer> answer) {
                mailbox->put({i, std::move(answer)});
            });
    }
    /// In the order of the calls; errors as Client::call().
    std::vector<Result<remoting::Answer>> wait() {
        std::vector<std::optional<Result<remoting::Answer>>> found(addresses_.size());
        std::vector<Came> came;
        for (std::size_t waiting = found.size(); waiting > 0; waiting -= came.size()) {
            came.clear();
            wait_for_either(mailbox_->fd(), -1, -1);
            mailbox_->take(came);
            for (auto& [i, answer] : came) found[i] = checked(addresses_[i], std::move(answer));
        }
        std::vector<Result<remoting::Answer>> answers;
        for (auto& one : found) answers.push_back(std::move(*one));
        addresses_.clear();
        return answers;
    }

private:
    struct Came {
        std::size_t call;
        Result<remoting::Answer> answer;
    };
    static Result<remoting::Answer> checked(const std::string& address,
                                            Result<remoting::Answer> answer) {
        if (answer && answer->code != wire::response_code::success)
            return error_of(address, answer->code, answer->remark);
        return answer;
    }

    Client& client_;
    std::shared_ptr<Mailbox<Came>> mailbox_ = std::make_shared<Mailbox<Came>>();
    std::vector<std::string> addresses_;
};

}  // namespace mqd::client
