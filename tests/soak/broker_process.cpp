#include "broker_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <random>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/parse.h"
#include "client/client.h"

namespace mqd::soak {
namespace {

/// By the clock on the wall: recovery on a machine with other things to do.
constexpr std::int64_t start_within_ms = 60'000;

/// Small files, so that many end; short waits, so that much happens. Offsets are saved each second:
/// Book knows that figure.
constexpr std::string_view configuration = R"(mappedFileSizeCommitLog=16777216
mappedFileSizeConsumeQueue=60000
mappedFileSizeTimerLog=1048576
maxMessageSize=1048576
messageDelayLevel=300ms 1s 2s 100ms 100ms 100ms 150ms 150ms 150ms 200ms 200ms 200ms 250ms 250ms 250ms 300ms 300ms 300ms
transactionTimeOut=1000
transactionCheckInterval=1000
transactionCheckMax=100000
flushConsumerOffsetInterval=1000
)";

bool is_free(int port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(fd >= 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool free = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    return free;
}

/// Below those that the system gives to whoever asks for any: they must still be free after a kill.
int free_ports() {
    std::random_device seed;
    std::uniform_int_distribution<int> any(12'000, 31'000);
    for (;;) {
        const int port = any(seed);
        if (is_free(port) && is_free(port + 1)) return port;
    }
}

}  // namespace

BrokerProcess::BrokerProcess(std::string program, std::string dir, Timeline& timeline)
    : program_(std::move(program)),
      dir_(std::move(dir)),
      timeline_(timeline),
      port_(free_ports()) {}

BrokerProcess::~BrokerProcess() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        reap();
    }
}

Result<> BrokerProcess::start() {
    // Every second life waits for the disk: then there is always something that it has not
    // answered.
    const auto* const flush = starts_ % 2 == 1 ? "SYNC_FLUSH" : "ASYNC_FLUSH";
    std::ofstream(dir_ + "/broker.conf") << configuration << "flushDiskType=" << flush << '\n';
    std::vector<std::string> words{program_,   "--standalone", "--store",       dir_ + "/store",
                                   "--listen", address(),      "--namesrv-port"};
    words.push_back(std::to_string(port_ + 1));
    words.insert(words.end(), {"-c", dir_ + "/broker.conf"});
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);

    const std::string log = dir_ + "/broker.log";
    pid_ = ::fork();
    if (pid_ < 0) return errno_error("fork");
    if (pid_ == 0) {
        // Only what is safe between fork and exec. It ends with us, however we end.
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (fd >= 0) ::dup2(fd, STDERR_FILENO);
        ::execv(argv[0], argv.data());
        ::_exit(127);
    }
    TRY_OK(await_answer());
    if (starts_++ > 0) timeline_.broker_is_back();
    return {};
}

Result<> BrokerProcess::await_answer() {
    TRY(const auto client, client::Client::open({.namesrv = {namesrv()}, .timeout_ms = 3000}));
    const auto until_ms = monotonic_ms() + start_within_ms;
    for (;;) {
        // The broker is registered once the name server knows its template for new topics.
        const auto route = client->route("TBW102");
        if (route && !route->brokers.empty()) return {};
        if (has_died()) {
            reap();
            return Error{Errc::io, "the broker has ended: see " + dir_ + "/broker.log"};
        }
        if (monotonic_ms() > until_ms)
            return Error{Errc::io, "the broker does not answer: " + route.error().what};
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

void BrokerProcess::kill() {
    timeline_.broker_goes();
    check(::kill(pid_, SIGKILL) == 0);
    reap();
}

int BrokerProcess::stop() {
    check(::kill(pid_, SIGTERM) == 0);
    return reap();
}

int BrokerProcess::reap() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0) check(errno == EINTR);
    pid_ = -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool BrokerProcess::has_died() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid_;
}

std::int64_t BrokerProcess::memory_kb() const {
    std::ifstream status(fmt::format("/proc/{}/status", pid_));
    for (std::string line; std::getline(status, line);) {
        if (!line.starts_with("RssAnon:")) continue;
        const auto words = trimmed(std::string_view(line).substr(8));
        return parse_int<std::int64_t>(words.substr(0, words.find(' '))).value_or(0);
    }
    return 0;
}

}  // namespace mqd::soak
