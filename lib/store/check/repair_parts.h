#pragma once
// What the parts of repair() share.
//
// Threads: one.
// Owner:   repair().

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "store/files.h"
#include "store/check/repair.h"
#include "store/check/verify.h"

namespace mqd::store::repairing {

namespace fs = std::filesystem;

class Work {
public:
    Work(Places store, const RepairOptions& how,
         const std::function<void(const std::string&)>& steps);

    const Places root;
    const RepairOptions& options;
    std::vector<Finding> findings;
    RepairReport report;

    // Found by find_geometry(), since nothing but the files' lengths tells.
    std::int64_t log_file_bytes = 0;
    std::int64_t queue_file_bytes = 0, batch_file_bytes = 0;
    std::vector<std::string> batch_topics;
    std::map<std::int32_t, std::int64_t> delays_ms;  ///< by level
    Result<> find_geometry();

    void step(const std::string& line) {
        ++report.steps;
        sink_(line);
    }
    void cannot(const std::string& line) {
        ++report.cannot;
        sink_(line);
    }
    /// True when a finding is about that path, or about something below it.
    bool found(Finding::Part part, std::string_view path) const;

    // What follows does nothing unless asked to apply.

    /// Keeps bytes of the log in a file of their own.
    Result<> keep_bytes(std::int64_t at, Bytes bytes);
    Result<> keep_copy(const std::string& path);
    /// Moves a file or a directory of the store away.
    Result<> move_away(const std::string& path);
    Result<> write(const std::string& path, std::int64_t at, Bytes bytes);
    Result<> write_file(const std::string& path, std::string_view text);
    Result<> resize(const std::string& path, std::int64_t bytes);

private:
    Result<> make_side_dir(const fs::path& below);

    const std::function<void(const std::string&)>& sink_;
    const fs::path side_;
};

/// The log: flipped bits, damage, the tail, files of another length. Gives the offset of the first
/// byte that is another than before, -1: none, or only bits put back.
Result<std::int64_t> repair_log(Work& work);
/// Files of config/ that their .bak or they themselves can replace.
Result<> repair_config(Work& work);
/// Offsets beyond the ends of their queues, when all queues are as they will be.
Result<> repair_offsets(Work& work);
/// Units of lost messages repeat the next one.
Result<> repeat_units(Work& work);

}  // namespace mqd::store::repairing
