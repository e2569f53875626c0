#include "cli/output.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/check.h"
#include "cli/signals.h"
#include "record/writer.h"

namespace mqd::cli {
namespace {

constexpr std::int64_t give_up_ms = 3000;

}  // namespace

void hold_standard_streams() {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(fd, F_GETFD) >= 0) continue;
        // The lowest that is free, which is this one.
        check(::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) == fd);
    }
}

Result<> write_out(std::string_view text) {
    return record::write_all(STDOUT_FILENO, "standard output", as_bytes(text), nullptr,
                             is_reader_too_slow);
}

bool is_reader_too_slow() {
    return interrupted_ms() > give_up_ms;
}

}  // namespace mqd::cli
