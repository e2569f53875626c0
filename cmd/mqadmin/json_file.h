#pragma once
// Configurations in a file, for the commands that make many at once.
//
// Threads: any.

#include <string>
#include <string_view>

#include "base/result.h"
#include "json/value.h"

namespace mqd::admin {

/// The array of objects that the file holds, each with a text in `name_field`. not_found, io: the
/// file; invalid: it holds something else, or nothing.
Result<json::Value> objects_in(const std::string& file, std::string_view name_field);

}  // namespace mqd::admin
