// How a client waits for answers, and whom of the name servers it asks.

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "client/client.h"
#include "client/errors.h"
#include "client/mailbox.h"
#include "wire/codes.h"

namespace mqd::client {
namespace {

/// After so long without an answer the next name server is asked as well.
constexpr std::int64_t beside_ms = 250;
/// One that was silent then is not waited for again.
constexpr std::int64_t silence_ms = 30'000;
/// For the answers that a tool waits for when it is told to stop: what it has read is to be sent,
/// and what it has asked for may have been done.
constexpr std::int64_t stop_ms = 1000;

/// Lives as long as the `done` that holds it: a loop that has ended drops it uncalled.
class Reply {
public:
    explicit Reply(std::function<void(Result<remoting::Answer>)> put) : put_(std::move(put)) {}
    ~Reply() {
        if (put_) put_(Error{Errc::unavailable, "this program is stopping"});
    }
    Reply(const Reply&) = delete;
    Reply& operator=(const Reply&) = delete;
    void operator()(Result<remoting::Answer> answer) {
        std::exchange(put_, nullptr)(std::move(answer));
    }

private:
    std::function<void(Result<remoting::Answer>)> put_;
};

/// Calls `put` once, whatever becomes of the question.
std::function<void(Result<remoting::Answer>)> once(
    std::function<void(Result<remoting::Answer>)> put) {
    return [reply = std::make_shared<Reply>(std::move(put))](Result<remoting::Answer> answer) {
        (*reply)(std::move(answer));
    };
}

/// Waits for one of several answers, tells of the wait, and ends it when the tool is to stop.
class Wait {
public:
    /// `line`: of the wait that this one is a part of, or null.
    Wait(const Options& options, WaitLine* line, std::function<std::string()> why)
        : stop_fd_(is_readable(options.waiting.stop_fd) ? -1 : options.waiting.stop_fd),
          deadline_ms_(stop_fd_ != options.waiting.stop_fd ? monotonic_ms() + stop_ms : -1),
          why_(std::move(why)),
          own_line_(options.waiting),
          line_(line != nullptr ? *line : own_line_) {}
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

    /// Until `fd` is readable, or `until_ms` (-1: never). unavailable: the tool is to stop.
    Result<> until(int fd, std::int64_t until_ms) {
        line_.waits(why_());
        for (const auto other_ms : {deadline_ms_, line_.due_ms()})
            if (other_ms >= 0 && (until_ms < 0 || other_ms < until_ms)) until_ms = other_ms;
        const std::int64_t now_ms = monotonic_ms();
        wait_for_either(fd, stop_fd_,
                        until_ms < 0 ? -1 : std::max<std::int64_t>(0, until_ms - now_ms));
        if (is_readable(fd)) return {};
        if (is_readable(stop_fd_)) {
            stop_fd_ = -1;
            deadline_ms_ = monotonic_ms() + stop_ms;
        }
        if (deadline_ms_ >= 0 && monotonic_ms() >= deadline_ms_)
            return Error{Errc::unavailable, "interrupted: " + why_()};
        return {};
    }
    void goes_on() { own_line_.goes_on(); }

private:
    int stop_fd_;               ///< -1: the tool has been told to stop, or nobody would tell
    std::int64_t deadline_ms_;  ///< -1: none
    const std::function<std::string()> why_;
    WaitLine own_line_;
    WaitLine& line_;
};

}  // namespace

Result<remoting::Answer> Client::wait(const std::string& address,
                                      const std::function<void(Done)>& start) {
    using Box = Mailbox<Result<remoting::Answer>>;
    const auto box = std::make_shared<Box>();
    Wait wait(options(), line_, [&] { return fmt::format("no answer from {}", address); });
    start(once([box](Result<remoting::Answer> answer) { box->put(std::move(answer)); }));
    std::vector<Result<remoting::Answer>> answers;
    for (;;) {
        TRY_OK(wait.until(box->fd(), -1));
        box->take(answers);
        if (answers.empty()) continue;
        if (answers.front()) wait.goes_on();
        return std::move(answers.front());
    }
}

Result<> Client::wait_until(const std::function<bool()>& is_done, int fd,
                            const std::function<std::string()>& why) {
    Wait wait(options(), line_, why);
    while (!is_done()) TRY_OK(wait.until(fd, -1));
    wait.goes_on();
    return {};
}

void Client::pass_over(const std::string& namesrv) {
    const auto& servers = options().namesrv;
    std::size_t at = namesrv_;
    if (servers[at] == namesrv) namesrv_.compare_exchange_strong(at, (at + 1) % servers.size());
}

bool Client::was_silent(const std::string& namesrv) {
    Lock lock(silent_lock_);
    const auto found = silent_ms_.find(namesrv);
    return found != silent_ms_.end() && monotonic_ms() < found->second + silence_ms;
}

void Client::note_silence(const std::string& namesrv, bool is_silent) {
    Lock lock(silent_lock_);
    if (is_silent) {
        silent_ms_[namesrv] = monotonic_ms();
    } else {
        silent_ms_.erase(namesrv);
    }
}

Client::NamesrvAnswer Client::ask_each(const Settles& settles,
                                       const std::function<void(const std::string&, Done)>& ask) {
    struct Came {
        std::size_t server;
        Result<remoting::Answer> answer;
    };
    using Box = Mailbox<Came>;
    const auto box = std::make_shared<Box>();
    const auto& servers = options().namesrv;
    const std::size_t first = namesrv_;
    std::vector<std::size_t> waited_for;  // in the order in which they were asked
    std::size_t asked = 0;
    std::int64_t next_ms = 0;
    NamesrvAnswer all{Error{Errc::unavailable, "no name server is configured"}, {}};
    std::optional<Error> unreached;
    Wait wait(options(), line_,
              [&] { return fmt::format("no answer from {}", fmt::join(servers, ";")); });
    // Who has not answered by the time that another has, or at the end, is not waited for again.
    const auto settled = [&](Result<remoting::Answer> answer) {
        for (const auto server : waited_for) {
            pass_over(servers[server]);
            note_silence(servers[server], true);
        }
        wait.goes_on();
        all.answer = std::move(answer);
        return std::move(all);
    };
    std::vector<Came> answers;
    for (;;) {
        const bool is_time = monotonic_ms() >= next_ms;
        if (asked < servers.size() && (waited_for.empty() || is_time)) {
            const std::size_t server = (first + asked++) % servers.size();
            waited_for.push_back(server);
            next_ms = monotonic_ms() + beside_ms;
            ask(servers[server], once([box, server](Result<remoting::Answer> answer) {
                    box->put({server, std::move(answer)});
                }));
            continue;
        }
        const bool are_all_asked = asked == servers.size();
        if (are_all_asked && waited_for.empty()) break;
        // With something answered, those that were silent before have had their moment.
        if (are_all_asked && is_time && !all.unsettled.empty() &&
            std::all_of(waited_for.begin(), waited_for.end(),
                        [&](std::size_t server) { return was_silent(servers[server]); }))
            break;
        const auto waited = wait.until(box->fd(), is_time ? -1 : next_ms);
        if (!waited) return NamesrvAnswer{waited.error(), {}};
        box->take(answers);
        for (auto& [server, came] : answers) {
            std::erase(waited_for, server);
            auto answer = checked(servers[server], std::move(came));
            if (!answer && answer.error().code == Errc::unavailable) {
                pass_over(servers[server]);
                note_silence(servers[server], true);
                unreached = std::move(answer).error();
                continue;
            }
            note_silence(servers[server], false);
            if (settles(answer)) return settled(std::move(answer));
            all.unsettled.push_back(servers[server]);
            all.answer = std::move(answer);
        }
        answers.clear();
    }
    if (!all.unsettled.empty()) return settled(std::move(all.answer));
    if (unreached) all.answer = unreached_error(std::move(*unreached));
    return all;
}

Result<wire::ClusterInfo> Client::cluster_info(std::string_view cluster) {
    const auto settles = [&](const Result<remoting::Answer>& answer) {
        const auto info = answer ? wire::ClusterInfo::read(answer->body)
                                 : Result<wire::ClusterInfo>(answer.error());
        if (!info) return false;
        return cluster.empty() ? !info->brokers.empty()
                               : info->clusters.contains(std::string(cluster));
    };
    const auto asked =
        ask_namesrv(settles, wire::request_code::get_broker_cluster_info, wire::NoHeader{});
    if (!asked.answer) return asked.answer.error();
    return wire::ClusterInfo::read(asked.answer->body);
}

Result<Client::BrokersKnown> Client::brokers_known() {
    const auto settles = [](const Result<remoting::Answer>& answer) {
        const auto info = answer ? wire::ClusterInfo::read(answer->body)
                                 : Result<wire::ClusterInfo>(answer.error());
        return !info || !info->brokers.empty();  // who cannot say may know some
    };
    auto asked =
        ask_namesrv(settles, wire::request_code::get_broker_cluster_info, wire::NoHeader{});
    if (!asked.answer && asked.answer.error().code == Errc::unavailable)
        return std::move(asked.answer).error();
    return BrokersKnown{settles(asked.answer), std::move(asked.unsettled)};
}

Result<remoting::Answer> Client::checked(const std::string& address,
                                         Result<remoting::Answer> answer) {
    if (answer && answer->code != wire::response_code::success)
        return error_of(address, answer->code, answer->remark);
    return answer;
}

Error Client::unreached_error(Error last) const {
    if (options().namesrv.size() > 1)
        last.what = fmt::format("none of the name servers {} answers; the last error: {}",
                                fmt::join(options().namesrv, ";"), last.what);
    return last;
}

}  // namespace mqd::client
