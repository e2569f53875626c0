#include "cli/row_stream.h"

#include <algorithm>

#include "cli/output.h"
#include "json/writer.h"
#include "record/value_msgpack.h"
#include "record/writer.h"

namespace mqd::cli {

Result<> RowStream::add(const std::vector<std::string>& cells, const json::Value& object) {
    switch (out_) {
        case RowsOut::table:
            // Lines of text have no widths to be known first.
            if (columns_.empty() && !settled_) settle();
            if (settled_) {
                put_line(cells);
            } else {
                first_rows_.push_back(cells);
                if (first_rows_.size() == rows_measured) settle();
            }
            break;
        case RowsOut::json:
            buffer_.put_char(any_ ? ',' : '[');
            json::Writer(buffer_).value(object);
            break;
        case RowsOut::jsonl:
            json::Writer(buffer_).value(object);
            buffer_.put_char('\n');
            break;
        case RowsOut::msgpack:
            record::append_msgpack(buffer_, object);
            break;
    }
    any_ = true;
    if (buffer_.size() < block_bytes) return {};
    auto written = record::write_all(fd_, name_, buffer_.bytes(), nullptr, is_reader_too_slow);
    buffer_.clear();
    return written;
}

Result<> RowStream::finish() {
    if (out_ == RowsOut::table && !settled_) settle();
    if (out_ == RowsOut::json) buffer_.put(std::string_view(any_ ? "]\n" : "[]\n"));
    auto written = record::write_all(fd_, name_, buffer_.bytes(), nullptr, is_reader_too_slow);
    buffer_.clear();
    return written;
}

void RowStream::settle() {
    settled_ = true;
    const auto measure = [this](const std::vector<std::string>& cells) {
        widths_.resize(std::max(widths_.size(), cells.size()));
        for (std::size_t i = 0; i < cells.size(); ++i)
            widths_[i] = std::max(widths_[i], display_width(cells[i]));
    };
    measure(columns_);
    for (const auto& row : first_rows_) measure(row);
    if (!columns_.empty()) put_line(columns_);
    for (const auto& row : first_rows_) put_line(row);
    first_rows_.clear();
}

void RowStream::put_line(const std::vector<std::string>& cells) {
    std::size_t last = cells.size();
    while (last > 0 && cells[last - 1].empty()) --last;
    for (std::size_t i = 0; i < last; ++i) {
        buffer_.put(cells[i]);
        if (i + 1 == last) break;
        const auto width = display_width(cells[i]);
        const auto wanted = i < widths_.size() ? widths_[i] : 0;
        buffer_.put(std::string(std::max(wanted, width) - width + 2, ' '));
    }
    buffer_.put_char('\n');
}

}  // namespace mqd::cli
