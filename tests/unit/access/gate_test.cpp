// The gate: questions, answers and the log.

#include "access/gate.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>

#include "../recording_gate.h"
#include "base/clock.h"
#include "base/parse.h"

using namespace mqd;
using namespace mqd::access;
using mqd::test::RecordingGate;

namespace {

const Caller app{"app", "10.0.0.1:4711"};

/// What goes to stderr while it lives.
class Stderr {
public:
    Stderr() : file_(std::tmpfile()), saved_(dup(STDERR_FILENO)) {
        REQUIRE(file_ != nullptr);
        dup2(fileno(file_), STDERR_FILENO);
    }
    ~Stderr() {
        dup2(saved_, STDERR_FILENO);
        close(saved_);
        std::fclose(file_);
    }
    Stderr(const Stderr&) = delete;
    Stderr& operator=(const Stderr&) = delete;
    std::string text() const {
        std::string out(1 << 16, '\0');
        const auto bytes = pread(fileno(file_), out.data(), out.size(), 0);
        REQUIRE(bytes >= 0);
        out.resize(static_cast<std::size_t>(bytes));
        return out;
    }

private:
    std::FILE* file_;
    int saved_;
};

}  // namespace

TEST_CASE("the open gate lets everybody pass") {
    OpenGate gate;
    CHECK(gate.allow({}, Action::super, {Resource::cluster("C")}));
    CHECK(gate.allow({}, Action::pub, std::span<const Resource>()));
}

TEST_CASE("a retry topic is its group, a dead letter topic is a topic") {
    CHECK(Resource::topic("T") == Resource{Resource::Kind::topic, "T"});
    CHECK(Resource::topic("%RETRY%G") == Resource::group("G"));
    CHECK(Resource::topic("%RETRY%") == Resource::group(""));
    CHECK(Resource::topic("%RETRY") == Resource{Resource::Kind::topic, "%RETRY"});
    CHECK(Resource::topic("x%RETRY%G").kind == Resource::Kind::topic);
    CHECK(Resource::topic("%DLQ%G").text() == "Topic:%DLQ%G");
    CHECK(Resource::broker("b").text() == "Broker:b");
    CHECK(Resource::cluster("").text() == "Cluster:");
}

TEST_CASE("actions are spelled as in policies, and each counts for itself") {
    constexpr auto some = Action::get | Action::sub;
    CHECK(some.text() == "Sub/Get");
    CHECK(some.has(Action::get));
    CHECK(some.has(Action::sub));
    CHECK_FALSE(some.has(Action::pub));
    const Actions all = Actions(Action::pub) | Action::sub | Action::create | Action::update |
                        Action::remove | Action::get | Action::list | Action::super;
    CHECK(all.text() == "Pub/Sub/Create/Update/Delete/Get/List/Super");
}

TEST_CASE("a refusal names the user, the action, the resource, the address and the reason") {
    const Stderr quiet;
    RecordingGate gate;
    gate.refuse("Sub/Get Group:G");
    const auto may =
        gate.allow(app, Action::sub | Action::get, {Resource::topic("T"), Resource::group("G")});
    REQUIRE_FALSE(may);
    CHECK(may.error().code == Errc::refused);
    CHECK(
        may.error().what ==
        "User:app has no permission to Sub/Get on Group:G from 10.0.0.1:4711, a test forbids it.");
    CHECK(gate.take() == std::vector<std::string>{"Sub/Get Topic:T", "Sub/Get Group:G"});

    gate.refuse("all");
    const auto nobody = gate.allow({{}, "[::1]:1"}, Action::super, {Resource::cluster("C")});
    REQUIRE_FALSE(nobody);
    CHECK(nobody.error().what ==
          "A client without an account has no permission to Super on Cluster:C from [::1]:1, a "
          "test forbids it.");
}

TEST_CASE("a group's own retry topic is asked for once, another's beside the group") {
    RecordingGate gate;
    CHECK(gate.allow_to_group(app, Action::sub, "T", "G"));
    CHECK(gate.take() == std::vector<std::string>{"Sub Topic:T", "Sub Group:G"});
    CHECK(gate.allow_to_group(app, Action::sub, "%RETRY%G", "G"));
    CHECK(gate.take() == std::vector<std::string>{"Sub Group:G"});
    CHECK(gate.allow_to_group(app, Action::sub, "%RETRY%H", "G"));
    CHECK(gate.take() == std::vector<std::string>{"Sub Group:H", "Sub Group:G"});
    CHECK(gate.allow_to_group(app, Action::sub, "G", "G"));  // a topic of that name
    CHECK(gate.take() == std::vector<std::string>{"Sub Topic:G", "Sub Group:G"});
}

TEST_CASE("refusals are logged at once, then one line a second, and each is counted") {
    const Stderr log;
    const auto begin_ms = monotonic_ms();
    constexpr std::size_t refusals = 200;
    {
        RecordingGate gate;
        gate.refuse("all");
        for (std::size_t i = 0; i < refusals; ++i)
            CHECK_FALSE(gate.allow(app, Action::pub, {Resource::topic("T")}));
        CHECK(log.text().find("access_refused count=1 account=app client=10.0.0.1:4711 action=Pub "
                              "resource=Topic:T why=\"a test forbids it\"") != std::string::npos);
    }
    const auto seconds = static_cast<std::size_t>((monotonic_ms() - begin_ms) / 1000);
    const auto all = log.text();
    std::size_t lines = 0, counted = 0;
    for (std::size_t at = 0; (at = all.find(" count=", at)) != std::string::npos; ++lines) {
        at += 7;
        counted +=
            parse_int<std::size_t>(all.substr(at, all.find_first_of(" \n", at) - at)).value();
    }
    CHECK(counted == refusals);
    CHECK(lines <= seconds + 2);  // the first, one each second, and the rest at the end
}
