#pragma once
// The STORE of each command: a store's directory, or the configuration file of its broker, whose
// storePath keys say where it lies.
//
// Threads: pure functions.

#include <string>

#include "base/result.h"
#include "store/table/places.h"

namespace mqd::dump {

/// A file that is no configuration (.conf, .properties, .toml) is taken as it is: a file of a
/// store. invalid: the configuration cannot be read. corrupt: the store's config/mqd.places.
Result<store::Places> find_store(const std::string& path);

}  // namespace mqd::dump
