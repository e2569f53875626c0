#include "base/path_error.h"

#include <cerrno>

namespace mqd {
namespace {

Errc errc_of(int error_number) {
    switch (error_number) {
        case ENOENT:
        case ENOTDIR:
            return Errc::not_found;
        case EACCES:
        case EPERM:
        case EROFS:
            return Errc::refused;
        default:
            return Errc::io;
    }
}

}  // namespace

Error path_error(std::string_view path) {
    const int error_number = errno;
    auto error = errno_error(path, error_number);
    error.code = errc_of(error_number);
    return error;
}

}  // namespace mqd
