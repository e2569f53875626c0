#pragma once
// One message in one of the output forms, appended to a buffer straight from its stored form.
//
// Threads: one at a time.

#include <string_view>

#include "base/bytes.h"
#include "message/record.h"
#include "record/fields.h"
#include "record/format.h"

namespace mqd::record {

class Encoder {
public:
    explicit Encoder(Format format) : format_(std::move(format)) {}

    /// `broker` may be empty: not known. `body` is the one its sender wrote, so decompressed.
    void append(Buffer& out, const message::RecordView& message, std::string_view broker,
                std::string_view body);
    const Format& format() const { return format_; }

private:
    void append_json(Buffer& out, const message::RecordView& message, std::string_view broker,
                     std::string_view body);
    void append_msgpack(Buffer& out, const message::RecordView& message, std::string_view broker,
                        std::string_view body);
    void append_pattern(Buffer& out, const message::RecordView& message, std::string_view broker,
                        std::string_view body);

    Format format_;
    FieldReader reader_;
};

}  // namespace mqd::record
