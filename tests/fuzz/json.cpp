// JSON trees: what was read is written as strict text, which is read again as the same.

#include "base/check.h"
#include "base/bytes.h"
#include "json/value.h"
#include "json/writer.h"

using namespace mqd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto value = json::parse(as_text(std::as_bytes(std::span(data, size))));
    if (!value) {
        check(value.error().code == Errc::invalid);
        return 0;
    }
    // Bytes that are no UTF-8 are repaired by the first writing, which may make two keys equal.
    const auto once = json::parse(json::to_text(*value));
    check(once.has_value());
    const auto text = json::to_text(*once);
    const auto twice = json::parse(text);
    check(twice.has_value() && json::to_text(*twice) == text);
    const auto pretty = json::parse(json::to_text(*once, true));
    check(pretty.has_value() && json::to_text(*pretty) == text);

    for (const auto& [name, member] : value->members()) {
        check(value->has(name));
        static_cast<void>(member.as_int());
        static_cast<void>(member.as_real());
        static_cast<void>(member.as_bool());
        static_cast<void>(member.as_text());
    }
    return 0;
}
