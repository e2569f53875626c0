#pragma once
// What a server's response code means to a tool, the one place that says so (mqd-remoting(7),
// RESPONSE CODES and RETRYING SENDS).
//
// Threads: pure functions.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mqd::client {

/// 17, 22, 26, 206 not_found; 16 refused; 1, 2, 14 and 1500 unavailable; 3 unsupported; the rest
/// invalid.
Errc errc_of(std::int32_t response_code);

/// `<server>: <remark> (<NAME>)` with the code.
Error error_of(std::string_view server, std::int32_t response_code, std::string_view remark);

}  // namespace mqd::client
