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
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "client/talk.h"
#include "client/waiting.h"
#include "net/io_threads.h"
#include "remoting/channel.h"
#include "wire/bodies/route.h"

namespace mqd::client {

struct Options {
    std::vector<std::string> namesrv;  ///< HOST:PORT each, asked in turn
    std::int64_t timeout_ms = 3000;
    wire::Encoding encoding = wire::Encoding::json;
    Talk talk = {};
    Waiting waiting = {};  ///< how answers are waited for; its timeout is the caller's
};

class Client {
public:
    static Result<std::unique_ptr<Client>> open(Options options);
    virtual ~Client() = default;

    /// From the first name server that has it; the others are asked where one has not. not_found:
    /// no such topic (remote_code 17) on any that answered, which `what` names. unavailable: none
    /// answered; `what` names them all.
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
    /// a connection before and after, never left this machine.
    virtual std::uint64_t disconnects() const = 0;
    /// The same of that address. It has grown before there is another connection.
    virtual std::uint64_t disconnects(const std::string& address) = 0;

    /// One call, waited for. unavailable as Channel, and when Waiting::stop_fd became readable
    /// meanwhile; where it was so from the beginning, the answer has a second. Other response codes
    /// than success become errors: the mapping is errors.h's, `what` has server, code's name and
    /// remark. A long wait is told of.
    template <class H>
    Result<remoting::Answer> call(const std::string& address, std::int32_t code, const H& header,
                                  Bytes body = {}) {
        return checked(address, wait(address, [&](Done done) {
                           channel(address)->call(code, header, body, options().timeout_ms,
                                                  std::move(done));
                       }));
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
        return ask_namesrv(is_there, code, header, body).answer;
    }

    /// Request 106: of the first name server that knows the cluster, or with "" any broker; where
    /// none does, of one that answered. unavailable: none did.
    Result<wire::ClusterInfo> cluster_info(std::string_view cluster = {});
    struct BrokersKnown {
        bool is_known = false;
        std::vector<std::string> asked;  ///< the name servers that answered
    };
    /// Whether any name server knows any broker (request 106). unavailable: none answered.
    Result<BrokersKnown> brokers_known();

    /// Waits until `is_done`, asked first and whenever `fd` is readable; what ends it has a
    /// deadline of its own. A long wait is told, with `why`. unavailable: the tool is to stop, as
    /// call().
    Result<> wait_until(const std::function<bool()>& is_done, int fd,
                        const std::function<std::string()>& why);

    /// The next calls are a part of a longer wait, which tells of them; null: they tell themselves.
    void tell_through(WaitLine* line) { line_ = line; }

protected:
    using Done = std::function<void(Result<remoting::Answer>)>;
    struct NamesrvAnswer {
        Result<remoting::Answer> answer;     ///< one that settles, if any did
        std::vector<std::string> unsettled;  ///< the name servers whose answers did not
    };
    /// Whether an answer, or an error that was answered, makes all others superfluous.
    using Settles = std::function<bool(const Result<remoting::Answer>&)>;
    static bool is_there(const Result<remoting::Answer>& answer) {
        return answer || answer.error().code != Errc::not_found;
    }
    /// Asks one name server after the other until an answer settles it.
    template <class H>
    NamesrvAnswer ask_namesrv(const Settles& settles, std::int32_t code, const H& header,
                              Bytes body = {}) {
        return ask_each(settles, [&](const std::string& address, Done done) {
            channel(address)->call(code, header, body, options().timeout_ms, std::move(done));
        });
    }
    static Result<remoting::Answer> checked(const std::string& address,
                                            Result<remoting::Answer> answer);
    /// With several name servers, the error names them all.
    Error unreached_error(Error last) const;

private:
    NamesrvAnswer ask_each(const Settles& settles,
                           const std::function<void(const std::string&, Done)>& ask);
    Result<remoting::Answer> wait(const std::string& address,
                                  const std::function<void(Done)>& start);
    bool was_silent(const std::string& namesrv);
    void note_silence(const std::string& namesrv, bool is_silent);

    std::atomic<std::size_t> namesrv_ = 0;
    std::atomic<WaitLine*> line_ = nullptr;
    Mutex silent_lock_;
    std::map<std::string, std::int64_t> silent_ms_ GUARDED_BY(silent_lock_);  ///< since when
};

}  // namespace mqd::client
