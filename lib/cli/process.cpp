#include "cli/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "cli/exit.h"
#include "cli/signals.h"

namespace mqd::cli {
namespace {

// The process groups that run, for a signal handler: 0 is free.
std::array<std::atomic<pid_t>, Process::running_max> groups;
static_assert(std::atomic<pid_t>::is_always_lock_free);

void pass_on(int signal) {
    for (const auto& group : groups)
        if (const pid_t pid = group.load(); pid > 0) ::kill(-pid, signal);
}

int free_slot() {
    for (std::size_t i = 0; i < groups.size(); ++i)
        if (groups[i].load() == 0) return static_cast<int>(i);
    return -1;
}

struct Descriptor {
    explicit Descriptor(int descriptor) : fd(descriptor) {}
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int fd;
};

Result<> fill(int fd, Bytes bytes) {
    while (!bytes.empty()) {
        const auto n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno_error("a command's input");
        bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    if (::lseek(fd, 0, SEEK_SET) != 0) return errno_error("a command's input");
    return {};
}

/// glibc 2.36 has pidfd_open(), but declares it for C only.
int open_pidfd(pid_t pid) {
    return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

/// What posix_spawn wants beside the command; the kernel's defaults for the signals that the tool
/// has changed.
class Attributes {
public:
    /// `output` -1: the tool's.
    Attributes(int input, int output) {
        check(::posix_spawn_file_actions_init(&actions_) == 0);
        check(::posix_spawnattr_init(&attributes_) == 0);
        sigset_t defaults;
        ::sigemptyset(&defaults);
        ::sigaddset(&defaults, SIGPIPE);
        // They fail only for lack of memory.
        check(::posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO) == 0);
        if (output >= 0)
            check(::posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO) == 0);
        check(::posix_spawnattr_setsigdefault(&attributes_, &defaults) == 0);
        check(::posix_spawnattr_setpgroup(&attributes_, 0) == 0);
        check(::posix_spawnattr_setflags(
                  &attributes_,
                  static_cast<short>(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF)) == 0);
    }
    ~Attributes() {
        ::posix_spawn_file_actions_destroy(&actions_);
        ::posix_spawnattr_destroy(&attributes_);
    }
    Attributes(const Attributes&) = delete;
    Attributes& operator=(const Attributes&) = delete;

    const posix_spawn_file_actions_t* actions() const { return &actions_; }
    const posix_spawnattr_t* attributes() const { return &attributes_; }

private:
    posix_spawn_file_actions_t actions_{};
    posix_spawnattr_t attributes_{};
};

std::vector<char*> environment_with(const std::vector<std::string>& more) {
    std::vector<char*> all;
    for (char** one = environ; *one != nullptr; ++one) {
        const std::string_view text(*one);
        const auto name = text.substr(0, text.find('=') + 1);
        bool is_replaced = name.empty();
        for (const auto& other : more) is_replaced = is_replaced || other.starts_with(name);
        if (!is_replaced) all.push_back(*one);
    }
    for (const auto& one : more) all.push_back(const_cast<char*>(one.c_str()));
    all.push_back(nullptr);
    return all;
}

}  // namespace

Result<Process> Process::start(const std::string& command, Bytes input,
                               const std::vector<std::string>& environment, Prints prints) {
    const int slot = free_slot();
    if (slot < 0) return Error{Errc::io, "too many commands are running"};
    const Descriptor file(::memfd_create("mqd-input", MFD_CLOEXEC));
    if (file.fd < 0) return errno_error("a command's input");
    TRY_OK(fill(file.fd, input));

    Descriptor output(prints == Prints::kept ? ::memfd_create("mqd-output", MFD_CLOEXEC) : -1);
    if (prints == Prints::kept && output.fd < 0) return errno_error("a command's output");

    const Attributes attributes(file.fd, output.fd);
    char shell[] = "sh", option[] = "-c";
    char* const arguments[] = {shell, option, const_cast<char*>(command.c_str()), nullptr};
    pid_t pid = -1;
    const int failed = ::posix_spawn(&pid, "/bin/sh", attributes.actions(), attributes.attributes(),
                                     arguments, environment_with(environment).data());
    if (failed != 0) return errno_error("cannot run a command", failed);
    before_abrupt_end(pass_on);
    groups[static_cast<std::size_t>(slot)].store(pid);
    Process process(pid, open_pidfd(pid), slot, std::exchange(output.fd, -1));
    // It runs, and how it ends would not be known: the caller must not think that it did not.
    if (process.fd_ < 0) return errno_error("cannot wait for a command");
    return process;
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      fd_(std::exchange(other.fd_, -1)),
      slot_(std::exchange(other.slot_, -1)),
      output_(std::exchange(other.output_, -1)),
      status_(other.status_) {}

Process& Process::operator=(Process&& other) noexcept {
    if (this == &other) return *this;
    release();
    if (output_ >= 0) ::close(output_);
    pid_ = std::exchange(other.pid_, -1);
    fd_ = std::exchange(other.fd_, -1);
    slot_ = std::exchange(other.slot_, -1);
    output_ = std::exchange(other.output_, -1);
    status_ = other.status_;
    return *this;
}

Process::~Process() {
    release();
    if (output_ >= 0) ::close(output_);
}

void Process::release() {
    if (fd_ >= 0) ::close(fd_);
    if (slot_ >= 0) groups[static_cast<std::size_t>(slot_)].store(0);
    fd_ = slot_ = -1;
}

std::optional<int> Process::status() {
    if (status_ || pid_ < 0) return status_;
    int how = 0;
    pid_t ended = 0;
    do {
        ended = ::waitpid(pid_, &how, WNOHANG);
    } while (ended < 0 && errno == EINTR);
    if (ended == 0) return std::nullopt;
    // Not ours any more: somebody else has waited for it, and how it ended cannot be known.
    if (ended < 0) {
        status_ = exit_status::failed;
    } else {
        status_ = WIFSIGNALED(how) ? exit_status::signal_base + WTERMSIG(how) : WEXITSTATUS(how);
    }
    release();
    return status_;
}

Result<std::string> Process::output(std::size_t bytes_max) const {
    check(output_ >= 0);
    struct stat is = {};
    if (::fstat(output_, &is) != 0) return errno_error("a command's output");
    if (static_cast<std::size_t>(is.st_size) > bytes_max)
        return Error{Errc::invalid, fmt::format("the command printed {} bytes; {} are allowed",
                                                is.st_size, bytes_max)};
    std::string text(static_cast<std::size_t>(is.st_size), '\0');
    for (std::size_t done = 0; done < text.size();) {
        const auto n =
            ::pread(output_, text.data() + done, text.size() - done, static_cast<off_t>(done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno_error("a command's output");
        if (n == 0) text.resize(done);  // cut short by what it left running
        done += static_cast<std::size_t>(n);
    }
    return text;
}

std::string environment_variable(std::string_view name, std::string_view value) {
    return fmt::format("{}={}", name, value.substr(0, value.find('\0')));
}

Result<> check_command(const std::string& command) {
    constexpr std::string_view blanks = " \t\n";
    const auto begin = command.find_first_not_of(blanks);
    if (begin == std::string::npos) return Error{Errc::invalid, "the command is empty"};
    const auto word = command.substr(begin, command.find_first_of(blanks, begin) - begin);
    const bool is_plain = word.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                              "_./+,:@-") == std::string::npos &&
                          word.front() != '-';
    if (!is_plain) return {};
    TRY(auto process, Process::start("command -v " + word + " > /dev/null 2>&1", {}, {}));
    while (!process.status()) {
        pollfd ended = {process.fd(), POLLIN, 0};  // the shell only looks the word up
        [[maybe_unused]] const int n = ::poll(&ended, 1, -1);
    }
    if (process.status() == exit_status::done) return {};
    return Error{Errc::not_found, fmt::format("there is no command '{}'", word)};
}

}  // namespace mqd::cli
