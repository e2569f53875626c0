#pragma once
// Calls that the broker makes to clients: replies to requests, and what administrators ask of
// consumers (mqd-remoting(7), ASKING MEMBERS).
//
// Threads: any; `done` comes on any.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "front/rocketmq/service.h"

namespace mqd::front::rocketmq {

/// How long a client has to answer. Its caller's own patience is rarely longer than 3 s.
inline constexpr std::int64_t client_answer_ms = 10'000;
/// Bytes unsent to a client beyond which it is asked nothing more: it does not read.
inline constexpr std::size_t client_unsent_bytes_max = 4 << 20;

using Answered = std::function<void(Result<remoting::Answer>)>;

/// Calls `done` once, whatever becomes of the session: the last holder gives an error instead.
class AnsweredOnce {
public:
    explicit AnsweredOnce(Answered done) : done_(std::move(done)) {}
    ~AnsweredOnce() {
        if (done_) done_(Error{Errc::unavailable, "the client's connection is gone"});
    }
    AnsweredOnce(const AnsweredOnce&) = delete;
    AnsweredOnce& operator=(const AnsweredOnce&) = delete;
    void give(Result<remoting::Answer> answer) {
        if (const auto done = std::exchange(done_, nullptr)) done(std::move(answer));
    }

private:
    Answered done_;
};

/// The header's texts are its own, since the call is made later. unavailable: not a client of this
/// protocol, gone, does not read, or no answer in time. invalid: longer than a frame may be.
template <class Header>
void ask_client(const broker::PeerRef& peer, std::int32_t code, Header header,
                std::shared_ptr<const std::string> body, Answered done) {
    const auto once = std::make_shared<AnsweredOnce>(std::move(done));
    const auto client = std::dynamic_pointer_cast<Connection>(peer);
    if (client == nullptr) return;
    const auto call = [once, code, header = std::move(header),
                       body = std::move(body)](remoting::Session& session) {
        if (!session.is_open()) return;
        if (session.unsent_bytes() > client_unsent_bytes_max)
            return once->give(Error{Errc::unavailable, "the client does not read"});
        session.call(code, header, as_bytes(*body), client_answer_ms,
                     [once](Result<remoting::Answer> answer) { once->give(std::move(answer)); });
    };
    client->ticket().with_session(call);
}

}  // namespace mqd::front::rocketmq
