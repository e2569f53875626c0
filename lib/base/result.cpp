#include "base/result.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace mqd {

void check_failed(const char* file, int line, const char* function) {
    std::fprintf(stderr, "bug: a check failed at %s:%d in %s\n", file, line, function);
    std::abort();
}

std::string_view to_string(Errc code) {
    switch (code) {
        case Errc::invalid:
            return "invalid";
        case Errc::not_found:
            return "not found";
        case Errc::refused:
            return "refused";
        case Errc::corrupt:
            return "corrupt";
        case Errc::io:
            return "io";
        case Errc::unavailable:
            return "unavailable";
        case Errc::unsupported:
            return "unsupported";
    }
    return "unknown";
}

Error errno_error(std::string_view what, int error_number) {
    std::string text(what);
    text += ": ";
    text += std::generic_category().message(error_number);
    return Error{Errc::io, std::move(text)};
}

Error errno_error(std::string_view what) {
    const int error_number = errno;
    return errno_error(what, error_number);
}

}  // namespace mqd
