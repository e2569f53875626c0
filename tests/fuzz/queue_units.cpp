// Files of a queue, a batch queue and an extension, of any bytes: reading and seeking end, and give
// nothing that cannot be.

#include <array>

#include "store/check/scan_units.h"
#include "temp_file.h"

using namespace mqd;

namespace {

void read_all(const std::filesystem::path& path, std::size_t size) {
    const auto scan = store::QueueScan::open_file(path);
    if (!scan) {
        check(scan.error().code == Errc::corrupt);
        return;
    }
    std::size_t units = 0;
    std::int64_t last = -1;
    for (;; ++units) {
        const auto unit = (*scan)->next();
        check(unit.has_value() && units <= size);
        if (!*unit) break;
        check((*unit)->offset >= 0 && (*unit)->bytes > 0);
        if ((*unit)->extension) check((*unit)->extension->bitmap.size() + 20 <= size);
        last = (*unit)->offset;
    }
    check((*scan)->seek_back(1).has_value());
    const auto again = (*scan)->next();
    check(again.has_value() && again->has_value() == (units > 0));
    if (units > 0) check((*again)->offset == last);
    for (const std::int64_t offset : {std::int64_t{0}, last, std::int64_t{1} << 62U}) {
        check((*scan)->seek(offset).has_value());
        check((*scan)->next().has_value());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const std::array<fuzz::TempFile, 4> files{
        fuzz::TempFile("consumequeue/T/0/00000000000000000000"),
        fuzz::TempFile("batchconsumequeue/T/0/00000000000000000000"),
        fuzz::TempFile("consumequeue_ext/T/0/00000000000000000000"), fuzz::TempFile("copy")};
    for (const auto& file : files) read_all(file.write(std::as_bytes(std::span(data, size))), size);
    return 0;
}
