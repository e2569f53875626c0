#pragma once
// A small file that is there as a whole or not at all.
//
// Threads: any.

#include <string>
#include <string_view>

#include "base/result.h"

namespace mqd::record {

/// Writes PATH.tmp and puts it in the place of PATH. io, not_found: the folder is missing.
Result<> replace_file(const std::string& path, std::string_view text);

}  // namespace mqd::record
