#include "crash_check.h"

#include <algorithm>
#include <cstdlib>

namespace mqd::store::test {
namespace {

/// The log up to its end and the queues, as bytes.
std::map<std::string, std::string> state_of(const Store& store, const FaultyFiles& files,
                                            const Options& options) {
    auto out = files.contents(options.root / "consumequeue");
    for (auto& [name, bytes] : files.contents(options.root / "commitlog"))
        if (std::strtoll(name.c_str(), nullptr, 10) < store.end().value)
            out["log " + name] = std::move(bytes);
    return out;
}

std::string differing(const std::map<std::string, std::string>& a,
                      const std::map<std::string, std::string>& b) {
    for (const auto& [name, bytes] : a) {
        if (!b.contains(name)) return name;
        const auto& other = b.at(name);
        const auto [here, there] =
            std::mismatch(bytes.begin(), bytes.end(), other.begin(), other.end());
        if (here != bytes.end() || there != other.end())
            return fmt::format("{} at {} of {}", name, here - bytes.begin(), bytes.size());
    }
    for (const auto& [name, bytes] : b)
        if (!a.contains(name)) return name;
    return {};
}

class Recovered {
public:
    Recovered(Disk disk, const Options& options, const Ledger& ledger, Moment moment)
        : options_(options), ledger_(ledger), moment_(moment), files_(std::move(disk)) {
        files_.boot.front() = moment.only_killed ? moment.boot : 'f';
    }

    std::string run() {
        std::string problems = verify_texts(files_, options_, ledger_, moment_);
        problems += open();
        if (!store_) return problems;
        problems += verify(*store_, files_, options_, ledger_, moment_, found_);
        const auto state = state_of(*store_, files_, options_);
        const FoundById found = found_;
        store_.reset();

        problems += open();
        if (!store_) return problems;
        problems += verify(*store_, files_, options_, ledger_, moment_, found_);
        if (const auto what = differing(state, state_of(*store_, files_, options_)); !what.empty())
            problems += fmt::format("the second recovery changed {}; ", what);
        if (found != found_) problems += "the second recovery found something else; ";
        problems += go_on();
        return problems;
    }

private:
    std::string open() {
        clock_.advance(100'000'000);
        auto store = Store::open(files_, clock_, options_);
        if (!store) return fmt::format("does not open: {}; ", store.error().what);
        store_ = std::move(*store);
        return settled(*store_) ? "" : "does not settle; ";
    }

    /// Numbering goes on in every queue that there has ever been, and the stop is a clean one.
    std::string go_on() {
        std::map<std::pair<std::string, std::int32_t>, std::int64_t> queues;
        for (const Sent& sent : ledger_.messages) queues[{sent.topic, sent.queue}] = 0;
        for (const auto& [id, found] : found_) {
            auto& count = queues[{found.topic, found.queue}];
            count = std::max(count, found.offset + 1);
        }
        std::string problems;
        for (const auto& [queue, count] : queues) {
            const auto unit = append(*store_, queue.first, queue.second, "x");
            if (!unit.stored || unit.queue_offset.value != count)
                problems += fmt::format("{}/{} goes on at {} of {}; ", queue.first, queue.second,
                                        unit.queue_offset.value, count);
        }
        if (!settled(*store_)) problems += "does not settle; ";
        for (const auto& [queue, count] : queues)
            if (store_->queue(queue.first, queue.second)->max().value != count + 1)
                problems += fmt::format("{}/{} lacks its last; ", queue.first, queue.second);
        if (const auto ok = store_->close(); !ok)
            problems += fmt::format("does not close: {}; ", ok.error().what);
        return problems;
    }

    const Options& options_;
    const Ledger& ledger_;
    const Moment moment_;
    FaultyFiles files_;
    HandClock clock_;
    std::unique_ptr<Store> store_;
    FoundById found_;
};

}  // namespace

std::string check_recovery(Disk disk, const Options& options, const Ledger& ledger, Moment moment) {
    return Recovered(std::move(disk), options, ledger, moment).run();
}

void in_parallel(const std::function<void()>& work) {
    constexpr int workers = 16;  // they mostly wait for the threads of their stores
    std::vector<std::thread> threads;
    for (int i = 0; i < workers; ++i) threads.emplace_back(work);
    for (auto& thread : threads) thread.join();
}

}  // namespace mqd::store::test
