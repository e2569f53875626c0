// Records, batch bodies and property strings, each read from the same input.

#include <string>
#include <vector>

#include "base/check.h"
#include "message/properties.h"
#include "message/record.h"

using namespace mqd;

namespace {

void read_properties(std::string_view text) {
    std::string again;
    message::PropertyReader reader(text);
    while (const auto property = reader.next()) {
        check(message::find_property(text, property->name).has_value());
        message::append_property(again, property->name, property->value);
    }
    message::PropertyReader once(text);
    message::PropertyReader twice(again);
    while (const auto property = once.next()) {
        const auto same = twice.next();
        check(same && same->name == property->name && same->value == property->value);
    }
    check(!twice.next());
    static_cast<void>(message::tags_code(text));
    static_cast<void>(message::without_property(text, message::property::tags));
}

void read_batch(Bytes body) {
    Buffer again;
    std::vector<message::BatchItem> items;
    message::BatchReader reader(body);
    while (!reader.at_end()) {
        const auto item = reader.next();
        if (!item) break;
        items.push_back(*item);
        message::append_batch_item(again, *item);
        read_properties(item->properties);
    }
    message::BatchReader twice(again.bytes());
    for (const auto& item : items) {
        const auto same = twice.next();
        check(same && same->flag == item.flag && same->body == item.body &&
              same->properties == item.properties);
    }
    check(twice.at_end());
}

void read_records(Bytes bytes) {
    while (!bytes.empty()) {
        const auto record = message::RecordView::parse(bytes);
        if (!record) {
            check(record.error().code == Errc::corrupt);
            return;
        }
        check(!record->bytes.empty() && record->bytes.size() <= bytes.size());
        read_properties(record->properties);
        static_cast<void>(record->body_crc_ok());
        static_cast<void>(record->plain_body(1 << 20).has_value());
        static_cast<void>(record->born_host.to_string());
        bytes = bytes.subspan(record->bytes.size());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes input = std::as_bytes(std::span(data, size));
    read_records(input);
    read_batch(input);
    read_properties(as_text(input));
    static_cast<void>(message::java_hash(as_text(input)));
    return 0;
}
