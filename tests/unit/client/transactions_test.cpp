#include "client/transactions.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "fake_servers.h"
#include "wire/bodies/heartbeat.h"
#include "wire/headers/messages.h"

using namespace mqd;
using namespace mqd::client;
using mqd::testing::FakeServers;

namespace {

bool comes_true(const std::function<bool()>& condition) {
    for (int i = 0; i < 5000; ++i) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
}

/// The next event, which must come.
Transactions::Event event_of(Transactions& transactions) {
    std::vector<Transactions::Event> events;
    REQUIRE(comes_true([&] { return !(events = transactions.take()).empty(); }));
    REQUIRE(events.size() == 1);
    return std::move(events.front());
}

}  // namespace

TEST_CASE("a broker asks whom it knows as a producer of the group, and hears the decision") {
    FakeServers servers;
    servers.on_other = [&](remoting::Session& session, const wire::Command& request) {
        if (request.code == wire::request_code::heart_beat) {
            const auto heartbeat = wire::HeartbeatData::read(as_text(request.body));
            REQUIRE(heartbeat);
            CHECK(heartbeat->producer_groups == std::vector<std::string>{"P"});
            session.reply(request, 0, wire::NoHeader{});
            wire::CheckTransactionState question;
            question.msg_id = "ID";
            question.transaction_id = "TX";
            question.tran_state_table_offset = 7;
            question.commit_log_offset = 700;
            const std::string record = "the record";
            session.push(wire::request_code::check_transaction_state, question, as_bytes(record));
            return;
        }
        REQUIRE(request.code == wire::request_code::end_transaction);
        const auto header = wire::read_header<wire::EndTransaction>(request);
        REQUIRE(header);
        CHECK(header->producer_group == "P");
        CHECK(header->msg_id == "ID");
        CHECK(header->transaction_id == "TX");
        CHECK(header->tran_state_table_offset == 7);
        CHECK(header->from_transaction_check);
        const bool commits = header->commit_or_rollback == wire::transaction_state::commit;
        const bool is_right = header->commit_log_offset == (commits ? 700 : 701);
        session.reply(request, is_right ? 0 : 1, wire::NoHeader{});
    };
    const auto client = servers.client();
    Transactions transactions(*client, "P");
    transactions.set_brokers({servers.address});
    const auto asked = event_of(transactions);
    const auto& question = std::get<Transactions::Question>(asked);
    CHECK(question.half.address == servers.address);
    CHECK(question.record == "the record");

    transactions.end(question.half, true, true, 1);
    const auto committed = event_of(transactions);
    CHECK(std::get<Transactions::Ended>(committed).number == 1);
    CHECK(std::get<Transactions::Ended>(committed).result.has_value());
    transactions.end(question.half, false, true, 2);
    const auto refused = event_of(transactions);
    CHECK(std::get<Transactions::Ended>(refused).number == 2);
    CHECK(std::get<Transactions::Ended>(refused).result.error().remote_code == 1);
}

TEST_CASE("a broker that was away is told of the producer again") {
    FakeServers servers;
    std::atomic<int> beats = 0;
    servers.on_other = [&](remoting::Session& session, const wire::Command& request) {
        if (request.code != wire::request_code::heart_beat) return session.close();
        session.reply(request, 0, wire::NoHeader{});
        ++beats;
    };
    const auto client = servers.client();
    Transactions transactions(*client, "P");
    transactions.set_brokers({servers.address});
    transactions.set_brokers({servers.address});
    REQUIRE(comes_true([&] { return beats == 1; }));
    Half half;
    half.address = servers.address;
    transactions.end(half, true, false, 1);
    const auto lost = event_of(transactions);
    CHECK(std::get<Transactions::Ended>(lost).result.error().code == Errc::unavailable);
    CHECK(comes_true([&] {
        transactions.take();
        return beats == 3;  // the connection's first frame, and the one that made it
    }));
}
