#include "front/rocketmq/service.h"

#include <fmt/format.h>

#include "front/rocketmq/requests.h"
#include "front/rocketmq/send_request.h"
#include "wire/headers/clients.h"

namespace mqd::front::rocketmq {
namespace {

constexpr std::int32_t go_away_min_version = 476;  // from here clients understand 1500

class SessionCaller final : public broker::Caller {
public:
    explicit SessionCaller(remoting::Session& session) : session_(session) {
        ticket_.session = session.weak_from_this();
    }
    net::Loop& loop() const override { return session_.loop(); }
    std::size_t unsent_bytes() const override { return session_.unsent_bytes(); }
    void post(std::function<void()> call) const override {
        ticket_.post_to_session([call = std::move(call)](const remoting::Session& of) {
            if (of.context != nullptr && of.is_open()) call();
        });
    }

private:
    remoting::Session& session_;
    remoting::Ticket ticket_;
};

/// Only on_open() sets it.
Connection& connection_of(remoting::Session& session) {
    return static_cast<Connection&>(*session.context);
}

}  // namespace

Worker::Worker(Service& service, broker::Broker& broker)
    : topics(broker.topics()),
      traffic(broker.counters().traffic()),
      sends(service, topics, traffic),
      broker_name(broker.settings().identity.name) {}

Connection::Connection(remoting::Session& session, Service& service, Worker& of)
    : Connection(session, service.broker(), of, std::make_shared<SessionCaller>(session)) {}

Connection::Connection(remoting::Session& session, broker::Broker& broker, Worker& of,
                       const std::shared_ptr<const broker::Caller>& caller)
    : worker(of),
      disk_reads(broker.readers(), caller),
      fetches(broker, of.traffic, disk_reads, caller),
      address_(session.remote()) {
    session_.session = session.weak_from_this();
}

void Connection::members_changed(const std::string& group) {
    session_.with_session([group](remoting::Session& session) {
        session.push(wire::request_code::notify_consumer_ids_changed,
                     wire::ConsumerGroupHeader{group});
    });
}

void Connection::close() {
    session_.with_session([](remoting::Session& session) { session.close(); });
}

void refuse_reads(remoting::Session& session, const remoting::Ticket& ticket,
                  std::string_view why) {
    session.reply(ticket, wire::response_code::system_busy, wire::NoHeader{}, {}, why);
}

Service::Service(broker::Broker& broker, const Settings& settings, access::Gate& gate)
    : broker_(broker), settings_(settings), gate_(gate) {}

Result<> Service::set_address(std::string_view ip, std::uint16_t port) {
    const auto host = message::Host::make(ip, port);
    if (!host) return Error{Errc::invalid, fmt::format("'{}' is not an IP address", ip)};
    broker_.set_store_host(*host);
    address_ = host->to_string();
    return {};
}

Worker& Service::worker_of(net::Loop& loop) {
    const Lock lock(mutex_);
    auto& worker = workers_[&loop];
    if (worker == nullptr) worker = std::make_unique<Worker>(*this, broker_);
    return *worker;
}

void Service::on_open(remoting::Session& session) {
    session.context = std::make_shared<Connection>(session, *this, worker_of(session.loop()));
}

void Service::note_lost_oneway(remoting::Session& session, const wire::Command& request,
                               std::string_view why) {
    const Request* known = find_request(request.code);
    if (!request.is_oneway() || known == nullptr || known->kind != Request::Kind::send) return;
    const auto header = wire::read_send_message(request);
    const std::uint32_t count = header ? messages_of(*header, request.body) : 1;
    connection_of(session).worker.sends.lost(session, count, header ? header->topic : "", why);
}

void Service::on_request(remoting::Session& session, const wire::Command& request) {
    const auto state = state_.load(std::memory_order_acquire);
    if (state == State::starting) {
        note_lost_oneway(session, request, "the broker is starting");
        session.reply(request, wire::response_code::system_busy,
                      std::string_view("the broker is starting"));
        return;
    }
    // Who does not wait for an answer cannot repeat anything.
    if (state == State::leaving && request.version >= go_away_min_version && !request.is_oneway()) {
        session.reply(request, wire::response_code::go_away,
                      std::string_view("the broker is stopping"));
        return;
    }
    Connection& connection = connection_of(session);
    const Call call{*this, broker_, session, connection, request};
    const Request* known = find_request(request.code);
    // What a client does after its sends sees them stored.
    if (known == nullptr || known->kind != Request::Kind::send)
        connection.worker.sends.flush(session);
    if (known == nullptr) {
        call.refuse(wire::response_code::request_code_not_supported,
                    fmt::format(" request type {} not supported", request.code));
        return;
    }
    known->serve(call);
}

void Service::on_batch_end(remoting::Session& session) {
    connection_of(session).worker.sends.flush(session);
}

void Service::on_close(remoting::Session& session) {
    if (session.context == nullptr) return;
    Connection& connection = connection_of(session);
    connection.fetches.close();
    connection.disk_reads.clear();
    connection.worker.sends.log_lost();
    broker_.disconnected(connection);
}

}  // namespace mqd::front::rocketmq
