// What an SQL92 expression of three terms costs a message that does not match, with the record
// read as a pull reads it: `ninja -C build tests/unit/filter/filter-bench` and run it.

#include <chrono>
#include <cstdio>
#include <string>

#include "filter/sql.h"
#include "message/properties.h"
#include "message/record.h"

using namespace mqd;

namespace {

constexpr int messages = 1'000'000;

Buffer make_records() {
    Buffer out;
    const std::string body(100, 'b');
    for (int i = 0; i < messages; ++i) {
        std::string properties;
        message::append_property(properties, "UNIQ_KEY", "7F00000100002A139A550A5C1E2B0000");
        message::append_property(properties, "KEYS", "order-" + std::to_string(i));
        message::append_property(properties, "TAGS", "TagA");
        message::append_property(properties, "price", std::to_string(i % 100));
        message::append_property(properties, "region", "eu");
        message::append_property(properties, "WAIT", "true");
        message::append_property(properties, "CLUSTER", "DefaultCluster");
        message::Draft draft;
        draft.topic = "orders";
        draft.body = body;
        draft.properties = properties;
        message::encode(draft, out);
    }
    return out;
}

void measure(const Buffer& records, const char* expression) {
    const auto sql = filter::Sql::parse(expression);
    if (!sql) {
        std::printf("%s: %s\n", expression, sql.error().what.c_str());
        return;
    }
    const auto start = std::chrono::steady_clock::now();
    int matched = 0;
    for (Bytes rest = records.bytes(); !rest.empty();) {
        const auto record = message::RecordView::parse(rest);
        if (!record) break;
        rest = rest.subspan(record->bytes.size());
        matched += sql->matches(record->properties) ? 1 : 0;
    }
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
    std::printf("%.3f us a message, %d of %d matched: %s\n", took.count() / messages, matched,
                messages, expression);
}

}  // namespace

int main() {
    const auto records = make_records();
    measure(records, "TRUE");
    measure(records, "price > 100 AND region = 'us' AND TAGS = 'TagB'");
    measure(records, "price > 100 OR region = 'us' OR TAGS = 'TagB'");
    measure(records, "price between 100 and 200 OR region in ('us', 'cn') OR KEYS contains 'x'");
    measure(records, "missing > 100 OR absent = 'us' OR gone is not null");
    return 0;
}
