#pragma once
// Bytes: views, big-endian integers (every binary integer of RocketMQ is big-endian), and a
// growing output buffer.

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/check.h"

namespace mqd {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline Bytes as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view as_text(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <std::integral T>
constexpr T byte_swapped(T value) {
    using U = std::make_unsigned_t<T>;
    const U u = static_cast<U>(value);
    if constexpr (sizeof(T) == 1) {
        return value;
    } else if constexpr (sizeof(T) == 2) {
        return static_cast<T>(__builtin_bswap16(u));
    } else if constexpr (sizeof(T) == 4) {
        return static_cast<T>(__builtin_bswap32(u));
    } else {
        return static_cast<T>(__builtin_bswap64(u));
    }
}

/// Reads a big-endian integer; the caller has checked that sizeof(T) bytes are there.
template <std::integral T>
inline T load_be(const void* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    if constexpr (std::endian::native == std::endian::little) value = byte_swapped(value);
    return value;
}

template <std::integral T>
inline void store_be(void* at, T value) {
    if constexpr (std::endian::native == std::endian::little) value = byte_swapped(value);
    std::memcpy(at, &value, sizeof value);
}

/// Takes big-endian fields off the front of bytes from outside. A take past the end gives zero
/// or nothing and makes ok() false for good: check it once after the last field.
class ByteReader {
public:
    explicit ByteReader(Bytes bytes) : rest_(bytes) {}

    template <std::integral T>
    T take() {
        if (rest_.size() < sizeof(T)) return fail(), T{};
        const T value = load_be<T>(rest_.data());
        rest_ = rest_.subspan(sizeof(T));
        return value;
    }
    Bytes take_bytes(std::size_t n) {
        if (rest_.size() < n) return fail(), Bytes{};
        const Bytes out = rest_.first(n);
        rest_ = rest_.subspan(n);
        return out;
    }
    std::string_view take_text(std::size_t n) { return as_text(take_bytes(n)); }

    std::size_t left() const { return rest_.size(); }
    bool ok() const { return ok_; }
    void fail() {
        ok_ = false;
        rest_ = {};
    }

private:
    Bytes rest_;
    bool ok_ = true;
};

/// A growing byte buffer that never clears what it hands out, unlike std::vector<char>: resize is
/// on the path of every message.
class Buffer {
public:
    Buffer() = default;
    Buffer(Buffer&& other) noexcept
        : data_(std::move(other.data_)),
          size_(std::exchange(other.size_, 0)),
          capacity_(std::exchange(other.capacity_, 0)) {}
    Buffer& operator=(Buffer&& other) noexcept {
        data_ = std::move(other.data_);
        size_ = std::exchange(other.size_, 0);
        capacity_ = std::exchange(other.capacity_, 0);
        return *this;
    }

    std::byte* data() { return data_.get(); }
    const std::byte* data() const { return data_.get(); }
    std::size_t size() const { return size_; }
    std::size_t capacity() const { return capacity_; }
    bool empty() const { return size_ == 0; }
    Bytes bytes() const { return {data(), size_}; }
    MutableBytes bytes() { return {data(), size_}; }
    std::string_view text() const { return as_text(bytes()); }
    void clear() { size_ = 0; }
    void truncate(std::size_t size) {
        check(size <= size_);
        size_ = size;
    }
    /// Gives memory back when a rare big message has left more than `bytes_max` behind.
    void shrink_if_above(std::size_t bytes_max) {
        if (size_ == 0 && capacity_ > bytes_max) {
            data_.reset();
            capacity_ = 0;
        }
    }

    void reserve(std::size_t capacity) {
        if (capacity > capacity_) grow(capacity);
    }
    /// Room for `n` more bytes after the end, uninitialised; commit() makes them part of it.
    MutableBytes room(std::size_t n) {
        if (capacity_ - size_ < n) grow(size_ + n);
        return {data() + size_, capacity_ - size_};
    }
    void commit(std::size_t n) {
        check(n <= capacity_ - size_);
        size_ += n;
    }
    /// The next `n` bytes, already counted; the caller fills them.
    std::byte* extend(std::size_t n) {
        std::byte* at = room(n).data();
        size_ += n;
        return at;
    }

    void put(Bytes bytes) {
        if (bytes.empty()) return;
        std::memcpy(extend(bytes.size()), bytes.data(), bytes.size());
    }
    void put(std::string_view text) { put(as_bytes(text)); }
    void put_char(char c) { *extend(1) = static_cast<std::byte>(c); }
    template <std::integral T>
    void put_be(T value) {
        store_be(extend(sizeof(T)), value);
    }

private:
    void grow(std::size_t needed);

    struct Free {
        void operator()(std::byte* p) const { std::free(p); }
    };
    std::unique_ptr<std::byte, Free> data_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace mqd
