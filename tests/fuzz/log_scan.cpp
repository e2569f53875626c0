// A commit log file of any bytes: the scan goes over all of it, without gap or overlap, and what it
// calls a record is one.

#include "store/check/scan.h"
#include "temp_file.h"

using namespace mqd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const fuzz::TempFile file("00000000000000000000");
    const Bytes input = std::as_bytes(std::span(data, size));
    const auto scan = store::LogScan::open(file.write(input));
    check(scan.has_value());
    const auto again = store::LogScan::open(file.write(input));
    using Kind = store::LogItem::Kind;
    std::int64_t at = 0;
    for (;;) {
        const auto item = (*scan)->next();
        check(item.has_value() && item->at.value == at);
        if (item->kind == Kind::full || item->kind == Kind::zeros || item->kind == Kind::torn) {
            check(at + item->bytes <= static_cast<std::int64_t>(size));
            break;
        }
        check(item->bytes > 0);
        const auto here = (*again)->record_at(item->at);
        if (item->kind == Kind::record) {
            check(item->record.at == item->at && item->record.body_crc_ok());
            check(here.has_value() && here->bytes.size() == item->record.bytes.size());
        } else {
            check(!here.has_value());
        }
        at += item->bytes;
    }
    check((*scan)->seek_time(0).has_value());
    return 0;
}
