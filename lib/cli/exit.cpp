#include "cli/exit.h"

namespace mqd::cli {
namespace {

// Response codes whose meaning is finer than their Errc (mqd-remoting(7), RESPONSE CODES).
constexpr int code_no_permission = 16;
constexpr int code_topic_not_exist = 17;
constexpr int code_query_not_found = 22;
constexpr int code_group_not_exist = 26;

}  // namespace

int exit_status_of(const Error& error) {
    switch (error.remote_code) {
        case code_no_permission:
            return exit_status::refused;
        case code_topic_not_exist:
        case code_query_not_found:
        case code_group_not_exist:
            return exit_status::not_found;
        default:
            break;
    }
    const bool answered = error.remote_code >= 0;
    switch (error.code) {
        case Errc::invalid:
        case Errc::unsupported:
            return answered ? exit_status::failed : exit_status::usage;
        case Errc::not_found:
            return exit_status::not_found;
        case Errc::refused:
            return answered ? exit_status::failed : exit_status::refused;
        case Errc::unavailable:
            return exit_status::unreachable;
        case Errc::corrupt:
        case Errc::io:
            break;
    }
    return exit_status::failed;
}

}  // namespace mqd::cli
