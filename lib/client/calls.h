#pragma once
// Many calls at once, to any servers, and one wait for all of their answers, which is told if it is
// long.
//
// Threads: the tool's one thread; answers come to it through a Mailbox.

#include <fmt/format.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
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
    /// In the order of the calls; errors as Client::call(), for all when the tool is to stop.
    std::vector<Result<remoting::Answer>> wait() {
        std::vector<std::optional<Result<remoting::Answer>>> found(addresses_.size());
        std::size_t waiting = found.size();
        const auto are_all_here = [&] {
            std::vector<Came> came;
            mailbox_->take(came);
            for (auto& [i, answer] : came) found[i] = checked(addresses_[i], std::move(answer));
            waiting -= came.size();
            return waiting == 0;
        };
        Result<> waited;
        if (waiting > 0)
            waited = client_.wait_until(are_all_here, mailbox_->fd(), [&] { return why(found); });
        std::vector<Result<remoting::Answer>> answers;
        for (auto& one : found)
            answers.push_back(one ? std::move(*one) : Result<remoting::Answer>(waited.error()));
        // What still comes is nobody's.
        mailbox_ = std::make_shared<Mailbox<Came>>();
        addresses_.clear();
        return answers;
    }

private:
    struct Came {
        std::size_t call;
        Result<remoting::Answer> answer;
    };
    std::string why(const std::vector<std::optional<Result<remoting::Answer>>>& found) const {
        std::set<std::string_view> silent;
        for (std::size_t i = 0; i < found.size(); ++i)
            if (!found[i]) silent.insert(addresses_[i]);
        return fmt::format("no answer from {}", fmt::join(silent, ", "));
    }
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
