#pragma once
// A configuration file of the store (R/config/<name>): loaded with its .bak as a second chance,
// saved so that a crash leaves the old or the new text and never a part (mqd-store(5), SAVING):
// temporary file, sync, the old one to .bak, rename, directory sync. A damaged file is never
// written over: it is set aside as <name>.damaged, or .damaged.2 and so on.
//
// Threads: one at a time for one file.

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/files.h"

namespace mqd::store {

/// The text of the file if `accepts` takes it, else of its .bak, which is said in the log; the
/// file is set aside then, so that the .bak stays until there is a new one to follow. not_found:
/// neither file is there. corrupt: neither is accepted, and both stay; `what` names them and why.
/// refused: the file is there and may not be read, which says nothing about what is in it.
Result<std::string> load_config(Files& files, const std::filesystem::path& path,
                                const std::function<Result<>(std::string_view)>& accepts);

/// The same for whoever only looks at a store: nothing is set aside. Why the .bak was taken goes to
/// `say`, if there is one.
Result<std::string> peek_config(Files& files, const std::filesystem::path& path,
                                const std::function<Result<>(std::string_view)>& accepts,
                                const std::function<void(std::string_view)>& say = nullptr);

/// What the .bak is of after a save: the text before, as RocketMQ has it, or the very same. The
/// latter is for a table whose changes are kept beside it and dropped once it is saved: the text
/// before may be older than many of them.
enum class Spare { previous, same };
/// refused: no space; io. The old text stays then, unless it was the .bak that failed; a new
/// attempt may be made.
Result<> save_config(Files& files, const std::filesystem::path& path, std::string_view text,
                     Spare spare = Spare::previous);

/// For whoever goes on although neither was accepted: both are set aside. io
Result<> set_aside_config(Files& files, const std::filesystem::path& path);

}  // namespace mqd::store
