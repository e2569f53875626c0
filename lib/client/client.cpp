#include "client/client.h"

#include <fmt/format.h>

#include <unordered_map>
#include <utility>

#include "base/mutex.h"
#include "wire/codes.h"
#include "wire/headers/topics.h"

namespace mqd::client {
namespace {

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
    auto asked = ask_namesrv(is_there, wire::request_code::get_routeinfo_by_topic, header);
    if (!asked.answer) {
        auto error = std::move(asked.answer).error();
        if (error.remote_code == wire::response_code::topic_not_exist) {
            error.what = fmt::format("topic '{}' does not exist on {} (TOPIC_NOT_EXIST)", topic,
                                     fmt::join(asked.unsettled, ";"));
        }
        return error;
    }
    return wire::TopicRouteData::read(asked.answer->body);
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

}  // namespace mqd::client
