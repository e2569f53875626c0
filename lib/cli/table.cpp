#include "cli/table.h"

#include <algorithm>

#include "cli/output.h"
#include "json/writer.h"
#include "record/value_msgpack.h"

namespace mqd::cli {

std::size_t display_width(std::string_view text) {
    // Bytes that continue a UTF-8 character take no place.
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string TextTable::text() const {
    std::vector<std::size_t> widths;
    for (const auto& row : rows_) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i)
            widths[i] = std::max(widths[i], display_width(row[i]));
    }
    std::string out;
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            out += row[i];
            if (i + 1 < row.size()) out.append(widths[i] - display_width(row[i]) + 2, ' ');
        }
        while (!out.empty() && out.back() == ' ') out.pop_back();
        out += '\n';
    }
    return out;
}

void add_out_option(Parser& parser, RowsOut& out) {
    parser.choice("--out", out,
                  {{"table", RowsOut::table},
                   {"json", RowsOut::json},
                   {"jsonl", RowsOut::jsonl},
                   {"msgpack", RowsOut::msgpack}},
                  "form of the output; json: one array, jsonl: an object a line");
}

void Rows::add(std::vector<std::string> cells, json::Value object) {
    cells_.push_back(std::move(cells));
    objects_.push_back(std::move(object));
}

void Rows::add_lines(std::vector<std::vector<std::string>> lines, json::Value object) {
    for (auto& line : lines) cells_.push_back(std::move(line));
    objects_.push_back(std::move(object));
}

void Rows::totals(std::vector<std::string> lines, json::Value object) {
    total_lines_ = std::move(lines);
    totals_ = std::move(object);
}

std::string Rows::text() const {
    std::string out;
    const auto totals = [this] { return json::Value::object({{"totals", totals_}}); };
    switch (out_) {
        case RowsOut::table: {
            if (!columns_.empty()) {
                TextTable table(columns_);
                for (const auto& row : cells_) table.add(row);
                out = table.text();
            } else {
                for (const auto& row : cells_)
                    for (const auto& line : row) out += line + '\n';
            }
            if (!total_lines_.empty() && !columns_.empty()) out += '\n';
            for (const auto& line : total_lines_) out += line + '\n';
            break;
        }
        case RowsOut::json: {
            auto rows = json::Value::array(objects_);
            out = json::to_text(totals_.is_null()
                                    ? rows
                                    : json::Value::object({{"rows", rows}, {"totals", totals_}})) +
                  '\n';
            break;
        }
        case RowsOut::jsonl:
            for (const auto& object : objects_) out += json::to_text(object) + '\n';
            if (!totals_.is_null()) out += json::to_text(totals()) + '\n';
            break;
        case RowsOut::msgpack: {
            Buffer bytes;
            for (const auto& object : objects_) record::append_msgpack(bytes, object);
            if (!totals_.is_null()) record::append_msgpack(bytes, totals());
            out = bytes.text();
            break;
        }
    }
    return out;
}

Result<> Rows::print() const {
    return write_out(text());
}

}  // namespace mqd::cli
