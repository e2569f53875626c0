#pragma once
// Result<T>: a value or an Error, the one way this project reports what went wrong.
// The member names are std::expected's, which g++ 12 has only as C++23.
//
// Threads: a value type.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"

namespace mqd {

/// Told apart by what a caller can do about it.
enum class Errc {
    invalid,      ///< the input is wrong: sending it again does not help
    not_found,    ///< no such topic, group, message, file
    refused,      ///< permission, a full disk, a read-only store
    corrupt,      ///< bytes that fail their check
    io,           ///< the disk or the system said no
    unavailable,  ///< a server that cannot be reached or did not answer in time; try again later
    unsupported,  ///< known, but not something this program does
};

std::string_view to_string(Errc code);

struct Error {
    Errc code = Errc::invalid;
    std::string what;      ///< one line for a person: the thing, where, why
    int remote_code = -1;  ///< the server's response code where one was answered, else -1
};

/// `Error{Errc::io, "<what>: <strerror(errno)>"}`; reads errno before anything else.
Error errno_error(std::string_view what);
Error errno_error(std::string_view what, int error_number);

template <class T = void>
class [[nodiscard]] Result {
public:
    using value_type = T;

    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    /// A value to be filled in: large ones are spared a copy or two.
    explicit Result(std::in_place_t) : state_(std::in_place_index<0>) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool has_value() const { return state_.index() == 0; }
    explicit operator bool() const { return has_value(); }

    T& value() & { return get(); }
    const T& value() const& { return const_cast<Result*>(this)->get(); }
    T&& value() && { return std::move(get()); }
    T& operator*() & { return get(); }
    const T& operator*() const& { return const_cast<Result*>(this)->get(); }
    T&& operator*() && { return std::move(get()); }
    T* operator->() { return &get(); }
    const T* operator->() const { return &const_cast<Result*>(this)->get(); }

    Error& error() & {
        check(!has_value());
        return *std::get_if<1>(&state_);
    }
    const Error& error() const& { return const_cast<Result*>(this)->error(); }
    Error&& error() && { return std::move(error()); }

    template <class U>
    T value_or(U&& other) const& {
        return has_value() ? value() : static_cast<T>(std::forward<U>(other));
    }

private:
    T& get() {
        check(has_value());
        return *std::get_if<0>(&state_);
    }
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    using value_type = void;

    Result() = default;
    Result(Error error) : error_(std::move(error)) {}

    bool has_value() const { return !error_.has_value(); }
    explicit operator bool() const { return has_value(); }
    Error& error() & {
        check(error_.has_value());
        return *error_;
    }
    const Error& error() const& { return const_cast<Result*>(this)->error(); }
    Error&& error() && { return std::move(error()); }

private:
    std::optional<Error> error_;
};

}  // namespace mqd

#define MQD_CONCAT_(a, b) a##b
#define MQD_CONCAT(a, b) MQD_CONCAT_(a, b)

/// `TRY(auto log, CommitLog::open(...));` declares log, or returns the error.
#define TRY(declaration, ...) MQD_TRY_(MQD_CONCAT(mqd_try_, __LINE__), declaration, __VA_ARGS__)
#define MQD_TRY_(name, declaration, ...)                     \
    auto name = __VA_ARGS__;                                 \
    if (!name) return ::mqd::Error(std::move(name).error()); \
    declaration = std::move(*name)
/// `TRY_OK(file.sync());` returns the error if there is one.
#define TRY_OK(...)                                              \
    do {                                                         \
        if (auto mqd_try_ok_ = __VA_ARGS__; !mqd_try_ok_)        \
            return ::mqd::Error(std::move(mqd_try_ok_).error()); \
    } while (false)
