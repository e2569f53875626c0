#pragma once
// What all of the tools' commands share: the name servers, routes, and calls to brokers by
// address. One I/O thread, connections made on demand.
//
// Threads: any.
// Owner:   the tool's main.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "client/talk.h"
#include "net/io_threads.h"
#include "remoting/channel.h"
#include "wire/bodies/route.h"

namespace mqd::client {

struct Options {
    std::vector<std::string> namesrv;  ///< HOST:PORT each, asked in turn
    std::int64_t timeout_ms = 3000;
    wire::Encoding encoding = wire::Encoding::json;
    Talk talk = {};
};

class Client {
public:
    static Result<std::unique_ptr<Client>> open(Options options);
    virtual ~Client() = default;

    /// From the first name server that answers. not_found: no such topic (remote_code 17).
    /// unavailable: none answered; `what` names them.
    virtual Result<wire::TopicRouteData> route(std::string_view topic) = 0;

    virtual std::shared_ptr<remoting::Channel> channel(const std::string& address) = 0;
    virtual net::Loop& loop() = 0;
    virtual const Options& options() const = 0;

    /// Requests of servers (39, 40 and the like) with the server's address, called on the loop's
    /// thread; before the first channel is made.
    using PushHandler = std::function<void(const std::string&, const wire::Command&)>;
    virtual void on_push(PushHandler handler) = 0;
    /// What a server hears first on each connection, by its address; an empty one: nothing. Called
    /// on the loop's thread; before the first channel is made.
    using Greeting = std::function<Buffer(const std::string&, std::int32_t opaque)>;
    virtual void greet_with(Greeting greeting) = 0;
    /// A connection to that address broke. Called on the loop's thread; before the first channel is
    /// made.
    using LostHandler = std::function<void(const std::string&)>;
    virtual void on_lost(LostHandler handler) = 0;
    /// Connections that broke so far: a call that failed with none broken in between, and without
    /// a connection before and behind, never left this machine.
    virtual std::uint64_t disconnects() const = 0;
    /// The same of that address. It has grown before there is another connection.
    virtual std::uint64_t disconnects(const std::string& address) = 0;

    /// One call, waited for. unavailable as Channel; other response codes than success become
    /// errors: the mapping is errors.h's, `what` has server, code's name and remark.
    template <class H>
    Result<remoting::Answer> call(const std::string& address, std::int32_t code, const H& header,
                                  Bytes body = {}) {
        return checked(address,
                       channel(address)->call_and_wait(code, header, body, options().timeout_ms));
    }
    /// The name server whose turn it is.
    const std::string& namesrv() const { return options().namesrv[namesrv_]; }
    /// That one could not answer: the next one's turn, for all who ask. Many that fail at once are
    /// one reason, so another's turn stays.
    void pass_over(const std::string& namesrv);

    /// A question to the name servers: the first answer counts. One that is silent costs a moment,
    /// then the next one is asked as well, and has its turn from then on. That something is not
    /// there (not_found) is believed when all that answer say so.
    template <class H>
    Result<remoting::Answer> call_namesrv(std::int32_t code, const H& header, Bytes body = {}) {
        return ask_namesrvs([&](remoting::Channel& channel, Done done) {
            channel.call(code, header, body, options().timeout_ms, std::move(done));
        });
    }

protected:
    using Done = std::function<void(Result<remoting::Answer>)>;
    Result<remoting::Answer> ask_namesrvs(const std::function<void(remoting::Channel&, Done)>& ask);
    static Result<remoting::Answer> checked(const std::string& address,
                                            Result<remoting::Answer> answer);
    /// With several name servers, the error names them all.
    Result<remoting::Answer> unreached(Result<remoting::Answer> last) const;

private:
    std::atomic<std::size_t> namesrv_ = 0;
};

}  // namespace mqd::client
