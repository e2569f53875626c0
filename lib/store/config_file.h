#pragma once
// A configuration file of the store (R/config/<name>): loaded with its .bak as a second chance,
// saved so that a crash leaves the old or the new text and never a part (spec store.md 7.1):
// temporary file, sync, the old one to .bak, rename, directory sync.
//
// Threads: one at a time for one file.

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/files.h"

namespace mqd::store {

/// The text of the file if `accepts` takes it, else of its .bak. not_found: neither file is
/// there. corrupt: neither is accepted; `what` names both and why.
Result<std::string> load_config(Files& files, const std::filesystem::path& path,
                                const std::function<Result<>(std::string_view)>& accepts);

Result<> save_config(Files& files, const std::filesystem::path& path, std::string_view text);

}  // namespace mqd::store
