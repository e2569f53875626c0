#include "record/replace_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "base/path_error.h"
#include "record/writer.h"

namespace mqd::record {

Result<> replace_file(const std::string& path, std::string_view text) {
    const std::string beside = path + ".tmp";
    const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) return path_error(beside);
    auto written = record::write_all(fd, beside, as_bytes(text));
    if (::close(fd) != 0 && written) written = errno_error(beside);
    if (written && ::rename(beside.c_str(), path.c_str()) != 0) written = path_error(path);
    if (!written) ::unlink(beside.c_str());
    return written;
}

}  // namespace mqd::record
