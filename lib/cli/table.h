#pragma once
// Rows as a table for people or as records for programs (`--out table|json|jsonl|msgpack`).
//
// Threads: one at a time.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/parser.h"
#include "json/value.h"

namespace mqd::cli {

/// Columns padded to their widest cell, two blanks between them, nothing ever cut.
class TextTable {
public:
    explicit TextTable(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
    void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    std::string text() const;

private:
    std::vector<std::vector<std::string>> rows_;
};

enum class RowsOut { table, json, jsonl, msgpack };

/// `--out`, which has no short form: many commands have an -o of their own.
void add_out_option(Parser& parser, RowsOut& out);

class Rows {
public:
    /// The table's header; no columns: in the table a row is its cells, one a line.
    Rows(RowsOut out, std::vector<std::string> columns) : out_(out), columns_(std::move(columns)) {}

    /// The same row in both forms. `object`: its fields, with names that never change.
    void add(std::vector<std::string> cells, json::Value object);
    /// One object that takes several lines of the table.
    void add_lines(std::vector<std::vector<std::string>> lines, json::Value object);
    /// Sums over all rows: `lines` below the table, `object` as {"totals": {...}} after them.
    void totals(std::vector<std::string> lines, json::Value object);
    std::size_t size() const { return objects_.size(); }

    /// To standard output. io
    Result<> print() const;
    std::string text() const;

private:
    RowsOut out_;
    std::vector<std::string> columns_;
    std::vector<std::vector<std::string>> cells_;
    std::vector<json::Value> objects_;
    std::vector<std::string> total_lines_;
    json::Value totals_;
};

/// Columns that `text` takes on a terminal, as far as counting characters can tell.
std::size_t display_width(std::string_view text);

}  // namespace mqd::cli
