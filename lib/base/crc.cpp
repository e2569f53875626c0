#include "base/crc.h"

#include <libdeflate.h>

namespace mqd {

std::uint32_t crc32(Bytes bytes) {
    return libdeflate_crc32(0, bytes.data(), bytes.size());
}

}  // namespace mqd
