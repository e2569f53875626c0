#include "broker/disk_reads.h"

#include <doctest/doctest.h>

#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "plain_front.h"

using namespace mqd;
using namespace mqd::test;

namespace {

struct Reads {
    net::IoThreads threads{1, "test"};
    store::ReaderThreads readers{1};
    std::shared_ptr<LoopCaller> caller = std::make_shared<LoopCaller>(threads.at(0));
    broker::DiskReads reads{readers, caller};

    ~Reads() {
        readers.stop();
        threads.at(0).run_and_wait([this] {
            caller->close();
            reads.clear();
        });
        threads.stop();
    }
    template <class Read>
    std::future<std::string> run(Read read) {
        auto said = std::make_shared<std::promise<std::string>>();
        threads.at(0).post([this, read = std::move(read), said]() mutable {
            reads.run(
                std::move(read), [said](std::string found) { said->set_value(std::move(found)); },
                [said](std::string_view why) { said->set_value("refused: " + std::string(why)); });
        });
        return said->get_future();
    }
};

std::string get(std::future<std::string>& of) {
    if (of.wait_for(std::chrono::seconds(30)) != std::future_status::ready) return "nothing";
    return of.get();
}

}  // namespace

TEST_CASE("a read that throws is refused, and its place is free again") {
    Reads of;
    std::vector<std::future<std::string>> all;
    for (int i = 0; i < 20; ++i)
        all.push_back(of.run([]() -> std::string { throw std::runtime_error("no memory"); }));
    for (auto& one : all) CHECK(get(one).starts_with("refused: the broker could not read"));
    auto next = of.run([] { return std::string("bytes"); });
    CHECK(get(next) == "bytes");
}

TEST_CASE("a connection's 1004 reads are taken, and the next one is refused") {
    Reads of;
    std::promise<void> open;
    const std::shared_future<void> opened = open.get_future();
    std::vector<std::future<std::string>> all;
    for (int i = 0; i < 1004; ++i)
        all.push_back(of.run([opened] {
            opened.wait();
            return std::string("bytes");
        }));
    auto next = of.run([] { return std::string("bytes"); });
    CHECK(get(next).starts_with("refused: too many"));
    open.set_value();
    for (auto& one : all) CHECK(get(one) == "bytes");
}
