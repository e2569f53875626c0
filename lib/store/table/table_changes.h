#pragma once
// What has changed in a table since its file was saved: R/config/<name>.changes, one change a
// line, so that a change costs its own bytes and not the table's, and is never lost with the
// process. A line is the CRC-32 of the rest in eight hexadecimal digits, a space, and a table of
// the same form as the file's with nothing but the changed members; null takes a member out. The
// change's data version tells whether the file has it already. RocketMQ passes over the file; a
// clean stop leaves none.
//
// Threads: one at a time.
// Owner:   the table.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"
#include "store/files.h"

namespace mqd::store {

class TableChanges {
public:
    /// `table` is the table's own file.
    TableChanges(Files& files, const std::filesystem::path& table);

    /// After the others; `change` without a line end. refused: no space; io: both leave what was
    /// there before.
    Result<> append(std::string_view change);
    /// What was appended is on disk. io
    Result<> sync();
    /// The table's file has them all. io, refused
    Result<> clear();
    Result<> remove();  ///< the same for good: the file too

private:
    Result<> open();

    Files& files_;
    const std::filesystem::path path_;
    std::unique_ptr<File> file_;  // from the first change on
    std::int64_t end_ = 0;
    bool synced_ = true;
    bool cleared_ = false;  // an earlier life may have left some
};

struct ChangesRead {
    std::vector<json::Value> changes;
    struct Damage {
        std::int64_t at;  ///< byte of the file
        std::string what;
    };
    /// Lines that were passed over. After a crash of the machine the last one may be cut off.
    std::vector<Damage> damaged;
};
/// Both empty when there is no file. io
Result<ChangesRead> read_changes(Files& files, const std::filesystem::path& table);

/// The table with those of the changes that are newer than it, made to its member `top`.
json::Value apply_changes(json::Value content, std::span<const json::Value> changes,
                          std::string_view top);
/// The same with what read_changes() gives; damaged ones are said in the log. io
Result<json::Value> with_changes(Files& files, const std::filesystem::path& table,
                                 json::Value content, std::string_view top);

}  // namespace mqd::store
