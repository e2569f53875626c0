#include "sending/transacted_outlet.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <memory>

#include "../client/fake_servers.h"
#include "base/clock.h"
#include "client/mailbox.h"
#include "message/id.h"

using namespace mqd;
using namespace mqd::sending;
using mqd::testing::FakeServers;

namespace {

/// A broker that hears the ends of transactions as it is told to.
struct World {
    FakeServers servers;
    std::atomic<int> ends = 0;
    std::atomic<int> resets = 0;        ///< so many of the first cost their connection
    std::atomic<bool> is_mute = false;  ///< none is answered
    std::unique_ptr<client::Client> client;
    std::unique_ptr<Fates> fates;
    std::unique_ptr<client::Transactions> transactions;
    std::unique_ptr<TransactedOutlet> outlet;

    explicit World(std::int64_t timeout_ms) {
        servers.offset_id = message::offset_id(*message::Host::parse("127.0.0.1:10911"), {700});
        servers.on_other = [this](remoting::Session& session, const wire::Command& request) {
            if (request.code != wire::request_code::end_transaction)
                return session.reply(request, 0, wire::NoHeader{});
            if (++ends <= resets) return session.close();
            if (!is_mute) session.reply(request, 0, wire::NoHeader{});
        };
        client = servers.client();
        fates = *Fates::open(Print::nothing, "", {}, "");
        transactions = std::make_unique<client::Transactions>(*client, "P");
        TransactedOutlet::Options options;
        options.command = "true";
        options.timeout_ms = timeout_ms;
        outlet = std::make_unique<TransactedOutlet>(*client, client::Producer::Options(),
                                                    *transactions, *fates, options);
    }
    Tally run() {
        client::Message message;
        message.topic = "T";
        message.body = "a";
        REQUIRE(outlet->send(message, 0));
        for (;;) {
            const auto done = outlet->finish(false);
            REQUIRE(done);
            if (*done) break;
            // Whatever is waited for has somebody who ends it.
            const auto due_ms = outlet->due_ms();
            REQUIRE(due_ms >= 0);
            client::wait_for_either(outlet->fd(), -1,
                                    std::max<std::int64_t>(0, due_ms - monotonic_ms()));
        }
        Tally tally;
        outlet->count(tally);
        return tally;
    }
};

}  // namespace

TEST_CASE("an end that a reset took is sent again until it is answered") {
    World world(60'000);
    world.resets = 3;
    const auto tally = world.run();
    CHECK(tally.acknowledged == 1);
    CHECK(tally.unknown == 0);
    CHECK(world.ends >= 4);
}

TEST_CASE("an end that nobody answers is unknown when its time is over") {
    World world(300);
    world.is_mute = true;
    const auto tally = world.run();
    CHECK(tally.acknowledged == 0);
    CHECK(tally.unknown == 1);
    CHECK(world.ends >= 1);
}
