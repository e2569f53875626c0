// Every kind of input that mqsend reads: whatever the bytes are, they come out as records and
// refused records one behind the other, and the same ones however few bytes a read gives.

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/check.h"
#include "record/reader.h"

using namespace mqd;

namespace {

struct Seen {
    std::vector<std::string> records;
    std::string refused;
    bool operator==(const Seen&) const = default;
};

void put(std::string& out, std::string_view name, std::string_view text) {
    out.append(name).append("=").append(text).append(";");
}

std::string text_of(const record::Record& record) {
    std::string out;
    put(out, "topic", record.topic);
    put(out, "tags", record.tags);
    for (const auto& key : record.keys) put(out, "key", key);
    for (const auto& [name, value] : record.properties) put(out, name, value);
    put(out, "body", record.body);
    return out;
}

Seen read_all(int fd, std::size_t size, record::ReaderOptions options) {
    check(lseek(fd, 0, SEEK_SET) == 0);
    Seen seen;
    options.refused = [&seen](std::string_view piece) { seen.refused += piece; };
    record::Reader reader(fd, "in", std::move(options));
    std::uint64_t number = 0, end = 0;
    for (;;) {
        const auto next = reader.next();
        if (next && *next == nullptr) return seen;
        check(next.has_value() || next.error().code == Errc::corrupt);
        check(reader.number() > number);
        check(reader.begin_at() >= end && reader.begin_at() <= reader.end_at());
        check(reader.end_at() <= size);
        number = reader.number();
        end = reader.end_at();
        if (next) check(reader.raw().size() <= size);
        seen.records.push_back(next ? text_of(**next) : "refused");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using record::Input;
    const int fd = memfd_create("input", MFD_CLOEXEC);
    check(fd >= 0);
    check(write(fd, data, size) == static_cast<ssize_t>(size));
    for (const auto input :
         {Input::lines, Input::nul, Input::json, Input::msgpack, Input::journal, Input::file}) {
        record::ReaderOptions options;
        options.input = input;
        options.record_bytes_max = 256;
        if (input == Input::lines) options.key_delimiter = ":";
        if (input == Input::nul) options.split_long = options.skip_empty = true;
        const auto whole = read_all(fd, size, options);
        options.read_bytes_max = 7;
        check(read_all(fd, size, options) == whole);
    }
    close(fd);
    return 0;
}
