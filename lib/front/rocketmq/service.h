#pragma once
// The broker's end of the remoting protocol: a request comes in, the gate is asked, its handler
// (requests.h) calls the broker, an answer goes out. Sends are different: those of one read are
// collected and stored together (send_batch.h).
//
// Threads: as remoting::Service. State of a thread is in its Worker, of a connection in its
//          Connection; neither is locked.
// Owner:   main; the Broker outlives it, the Server does not.

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "access/gate.h"
#include "base/mutex.h"
#include "base/result.h"
#include "broker/broker.h"
#include "broker/disk_reads.h"
#include "broker/fetch.h"
#include "front/rocketmq/settings.h"
#include "front/rocketmq/sends.h"
#include "remoting/session.h"

namespace mqd::front::rocketmq {

class Service;

/// What one I/O thread keeps for itself.
struct Worker {
    Worker(Service& service, broker::Broker& broker);
    broker::TopicCache topics;
    broker::TrafficCache traffic;
    Sends sends;
    const std::string& broker_name;
};

/// A client's connection; the session's context, and the broker's Peer.
class Connection final : public broker::Peer, public remoting::SessionContext {
public:
    Connection(remoting::Session& session, Service& service, Worker& of);

    const std::string& address() const override { return address_; }
    void members_changed(const std::string& group) override;
    void check_transaction(const std::shared_ptr<const broker::HalfCheck>& check) override;
    void close() override;
    /// To reach the session from any thread.
    const remoting::Ticket& ticket() const { return session_; }

    // The session's thread only.
    Worker& worker;
    broker::SubscriptionRef last_filter;  ///< the last one that a pull brought along
    broker::DiskReads disk_reads;
    broker::Fetches fetches;
    std::int64_t oneways_lost = 0;  ///< one-way messages of its that were not stored

private:
    Connection(remoting::Session& session, broker::Broker& broker, Worker& of,
               const std::shared_ptr<const broker::Caller>& caller);

    const std::string address_;
    remoting::Ticket session_;
};

/// To a request that cannot be read from the disk now.
void refuse_reads(remoting::Session& session, const remoting::Ticket& ticket, std::string_view why);

/// Who asked, for what goes on after the call.
struct Asker {
    access::Gate& gate;
    std::string account, address;

    access::Caller caller() const { return {account, address}; }
    Result<> may(access::Actions any_of, std::initializer_list<access::Resource> all) const {
        return gate.allow(caller(), any_of, all);
    }
};

/// One request on its way through a handler.
struct Call {
    Service& service;
    broker::Broker& broker;
    remoting::Session& session;
    Connection& connection;
    const wire::Command& request;
    std::string_view account = {};  ///< empty: nobody has to show one

    access::Caller caller() const { return {account, connection.address()}; }
    Asker asker() const;
    /// As Gate::allow(): for what the request's row (needs.h) cannot know.
    Result<> may(access::Actions any_of, std::initializer_list<access::Resource> all) const;
    /// After a refusal of the gate.
    void forbid(const Error& why) const { refuse(wire::response_code::no_permission, why.what); }

    template <class H>
    Result<H> header() const {
        return wire::read_header<H>(request);
    }
    std::string_view body() const { return as_text(request.body); }
    /// Null: the broker follows another one, which has been answered.
    broker::Lease leading() const {
        auto lease = broker.leading();
        if (lease == nullptr)
            refuse(wire::response_code::service_not_available, "the broker follows another one");
        return lease;
    }

    void reply() const { session.reply(request, wire::response_code::success); }
    template <class H>
    void reply(const H& with) const {
        session.reply(request, wire::response_code::success, with);
    }
    void reply_body(std::string_view with) const {
        session.reply(request, wire::response_code::success, wire::NoHeader{}, as_bytes(with));
    }
    void refuse(std::int32_t code, std::string_view remark) const {
        session.reply(request, code, remark);
    }
    /// A request whose header or body cannot be read (mqd-remoting(7), FIELDS).
    void refuse(const Error& unreadable) const {
        refuse(wire::response_code::system_error, unreadable.what);
    }
};

class Service final : public remoting::Service {
public:
    Service(broker::Broker& broker, const Settings& settings, access::Gate& gate);

    /// Where clients find the broker; before open(). invalid: not an IP address.
    Result<> set_address(std::string_view ip, std::uint16_t port);
    /// Requests are answered from here on; before, the broker says that it is starting.
    void open() { state_.store(State::open, std::memory_order_release); }
    /// From here on clients that know what it means are answered GO_AWAY, 1500: they repeat the
    /// request over a new connection or at another broker. The others are served to the end.
    void send_away() { state_.store(State::leaving, std::memory_order_release); }
    /// False while a name server refuses the broker: what its status says of it.
    void set_active(bool is) { is_active_ = is; }
    bool is_active() const { return is_active_; }
    /// `ip:port` that clients are told.
    const std::string& address() const { return address_; }

    broker::Broker& broker() const { return broker_; }
    const Settings& settings() const { return settings_; }
    access::Gate& gate() const { return gate_; }

    /// GET_BROKER_CONFIG's text.
    std::string config_text;

    void on_open(remoting::Session& session) override;
    void on_request(remoting::Session& session, const wire::Command& request) override;
    void on_batch_end(remoting::Session& session) override;
    void on_close(remoting::Session& session) override;

    /// Of a send that is not taken; others that are one-way tell nobody anything.
    void note_lost_oneway(remoting::Session& session, const wire::Command& request,
                          std::string_view why);

private:
    Worker& worker_of(net::Loop& loop);

    broker::Broker& broker_;
    const Settings& settings_;
    access::Gate& gate_;
    std::string address_;
    enum class State { starting, open, leaving };
    std::atomic<State> state_ = State::starting;
    std::atomic<bool> is_active_ = true;

    Mutex mutex_;
    std::map<net::Loop*, std::unique_ptr<Worker>> workers_ GUARDED_BY(mutex_);
};

inline Asker Call::asker() const {
    return {service.gate(), std::string(account), connection.address()};
}
inline Result<> Call::may(access::Actions any_of,
                          std::initializer_list<access::Resource> all) const {
    return service.gate().allow(caller(), any_of, all);
}

}  // namespace mqd::front::rocketmq
