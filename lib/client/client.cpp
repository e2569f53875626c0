#include "client/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"
#include "client/errors.h"
#include "client/mailbox.h"
#include "wire/codes.h"
#include "wire/headers/topics.h"

namespace mqd::client {
namespace {

/// A name server that has not answered by then is not the only one to be asked.
constexpr std::int64_t patience_ms = 250;
/// Enough to keep a socket busy; what waits here is memory of a tool that is to stay small.
constexpr std::size_t unsent_bytes_max = 2 << 20;

class ClientImpl final : public Client {
public:
    explicit ClientImpl(Options options)
        : options_(std::move(options)), threads_(1, "mqd-client") {}
    ~ClientImpl() override {
        // Channels end before the thread that they live on.
        {
            Lock lock(lock_);
            channels_.clear();
        }
        threads_.stop();
    }

    Result<wire::TopicRouteData> route(std::string_view topic) override;
    std::shared_ptr<remoting::Channel> channel(const std::string& address) override;
    net::Loop& loop() override { return threads_.at(0); }
    const Options& options() const override { return options_; }
    void on_push(PushHandler handler) override { on_push_ = std::move(handler); }
    void greet_with(Greeting greeting) override { greeting_ = std::move(greeting); }
    void on_lost(LostHandler handler) override { on_lost_ = std::move(handler); }
    std::uint64_t disconnects() const override { return disconnects_.load(); }
    std::uint64_t disconnects(const std::string& address) override {
        Lock lock(lock_);
        const auto known = channels_.find(address);
        return known == channels_.end() ? 0 : known->second.disconnects->load();
    }

private:
    const Options options_;
    PushHandler on_push_;
    Greeting greeting_;
    LostHandler on_lost_;
    std::atomic<std::uint64_t> disconnects_ = 0;
    net::IoThreads threads_;
    Mutex lock_;
    struct Known {
        std::shared_ptr<remoting::Channel> channel;
        std::shared_ptr<std::atomic<std::uint64_t>> disconnects;
    };
    std::unordered_map<std::string, Known> channels_ GUARDED_BY(lock_);
};

Result<wire::TopicRouteData> ClientImpl::route(std::string_view topic) {
    wire::GetRouteInfo header;
    header.topic = topic;
    header.accept_standard_json_only = true;
    auto answer = call_namesrv(wire::request_code::get_routeinfo_by_topic, header);
    if (!answer) {
        auto error = std::move(answer).error();
        if (error.remote_code == wire::response_code::topic_not_exist) {
            error.what = fmt::format("topic '{}' does not exist on {} (TOPIC_NOT_EXIST)", topic,
                                     fmt::join(options_.namesrv, ";"));
        }
        return error;
    }
    return wire::TopicRouteData::read(answer->body);
}

std::shared_ptr<remoting::Channel> ClientImpl::channel(const std::string& address) {
    Lock lock(lock_);
    auto& [channel, disconnects] = channels_[address];
    if (!channel) {
        disconnects = std::make_shared<std::atomic<std::uint64_t>>(0);
        remoting::Channel::Options options;
        options.connect_timeout_ms = options_.timeout_ms;
        options.encoding = options_.encoding;
        options.unsent_bytes_max = unsent_bytes_max;
        options.on_request = [this, address](const wire::Command& command) {
            if (on_push_) on_push_(address, command);
        };
        options.on_disconnect = [this, address, of_it = disconnects](const Error&) {
            ++*of_it;
            ++disconnects_;
            if (on_lost_) on_lost_(address);
        };
        options.greeting = [this, address](std::int32_t opaque) {
            return greeting_ ? greeting_(address, opaque) : Buffer();
        };
        channel = remoting::Channel::make(threads_.at(0), address, std::move(options));
    }
    return channel;
}

}  // namespace

Result<std::unique_ptr<Client>> Client::open(Options options) {
    if (options.namesrv.empty()) return Error{Errc::invalid, "no name server is configured"};
    return std::unique_ptr<Client>(std::make_unique<ClientImpl>(std::move(options)));
}

void Client::pass_over(const std::string& namesrv) {
    const auto& servers = options().namesrv;
    std::size_t at = namesrv_;
    if (servers[at] == namesrv) namesrv_.compare_exchange_strong(at, (at + 1) % servers.size());
}

Result<remoting::Answer> Client::ask_namesrvs(
    const std::function<void(remoting::Channel&, Done)>& ask) {
    struct Heard {
        std::size_t server;
        Result<remoting::Answer> answer;
    };
    const auto& servers = options().namesrv;
    const auto mailbox = std::make_shared<Mailbox<Heard>>();
    const std::size_t first = namesrv_;
    std::size_t asked = 0;
    std::int64_t next_ms = 0;
    std::optional<Result<remoting::Answer>> said_no;
    Result<remoting::Answer> last = Error{Errc::invalid, "no name server is configured"};
    std::vector<Heard> taken;
    for (std::size_t heard = 0; heard < servers.size();) {
        if (asked < servers.size() && (asked == heard || monotonic_ms() >= next_ms)) {
            const std::size_t at = (first + asked++) % servers.size();
            ask(*channel(servers[at]), [mailbox, at](Result<remoting::Answer> answer) {
                mailbox->put({at, std::move(answer)});
            });
            next_ms = monotonic_ms() + patience_ms;
        }
        // Whoever has been asked answers within options().timeout_ms: the channel sees to that.
        const std::int64_t left_ms = std::max<std::int64_t>(0, next_ms - monotonic_ms());
        wait_for_either(mailbox->fd(), -1, asked < servers.size() ? left_ms : -1);
        mailbox->take(taken);
        for (auto& [at, answer] : taken) {
            ++heard;
            auto result = checked(servers[at], std::move(answer));
            const auto code = result ? Errc::invalid : result.error().code;
            if (!result && code == Errc::unavailable) {
                last = std::move(result);
                continue;
            }
            // Many that ask at once pass over the same one for one reason.
            std::size_t turn = first;
            namesrv_.compare_exchange_strong(turn, at);
            if (code != Errc::not_found) return result;
            said_no = std::move(result);
        }
        taken.clear();
    }
    return said_no ? std::move(*said_no) : unreached(std::move(last));
}

Result<remoting::Answer> Client::checked(const std::string& address,
                                         Result<remoting::Answer> answer) {
    if (answer && answer->code != wire::response_code::success)
        return error_of(address, answer->code, answer->remark);
    return answer;
}

Result<remoting::Answer> Client::unreached(Result<remoting::Answer> last) const {
    if (last || options().namesrv.size() < 2) return last;
    auto error = std::move(last).error();
    error.what = fmt::format("none of the name servers {} answers; the last: {}",
                             fmt::join(options().namesrv, ";"), error.what);
    return error;
}

}  // namespace mqd::client
