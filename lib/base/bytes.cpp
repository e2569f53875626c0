#include "base/bytes.h"

#include <algorithm>
#include <new>

namespace mqd {

void Buffer::grow(std::size_t needed) {
    const std::size_t capacity = std::max<std::size_t>({needed, capacity_ + capacity_ / 2, 256});
    void* grown = std::realloc(data_.get(), capacity);
    if (grown == nullptr) throw std::bad_alloc();
    static_cast<void>(data_.release());
    data_.reset(static_cast<std::byte*>(grown));
    capacity_ = capacity;
}

}  // namespace mqd
