#pragma once
// Rows without end, for people or for programs (`--out table|json|jsonl|msgpack`): written as they
// come. The same forms as Rows (table.h), which keeps all of them.
//
// Threads: one at a time.
// Owner:   the tool's command.

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "cli/table.h"
#include "json/value.h"

namespace mqd::cli {

class RowStream {
public:
    /// No columns: in the table a row is a line of text. Writes to `fd`, which stays the caller's;
    /// `name` stands in messages.
    RowStream(RowsOut out, std::vector<std::string> columns, int fd = 1,
              std::string name = "standard output")
        : out_(out), fd_(fd), name_(std::move(name)), columns_(std::move(columns)) {}

    /// The same row in both forms. io
    Result<> add(const std::vector<std::string>& cells, const json::Value& object);
    /// What is still kept back, and the end. A table or an array without rows is written too. io
    Result<> finish();

private:
    void settle();
    void put_line(const std::vector<std::string>& cells);

    // The first rows tell how wide a table's columns are; a later cell that is wider takes its
    // place, and nothing is cut.
    static constexpr std::size_t rows_measured = 1000;
    static constexpr std::size_t block_bytes = 64 << 10;

    RowsOut out_;
    int fd_;
    std::string name_;
    std::vector<std::string> columns_;
    std::vector<std::size_t> widths_;
    std::vector<std::vector<std::string>> first_rows_;
    bool settled_ = false;
    bool any_ = false;
    Buffer buffer_;
};

}  // namespace mqd::cli
