// An index file of any bytes: whatever geometry is found lies inside them, and chains end.

#include <array>

#include "store/files.h"
#include "store/index/index_file.h"
#include "store/index/index_geometry.h"
#include "temp_file.h"

using namespace mqd;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const fuzz::TempFile file("20261121001655447");
    const Bytes input = std::as_bytes(std::span(data, size));
    const auto geometry =
        store::index_geometry(input, [](std::int64_t) { return std::vector<std::int32_t>(); });
    if (geometry) {
        check(geometry->slots > 0 && geometry->entries > 1);
        check(geometry->file_bytes() == static_cast<std::int64_t>(size));
    }
    const auto opened = store::posix_files().open(file.write(input), store::OpenMode::read_only);
    check(opened.has_value());
    for (const auto& shape :
         {geometry.value_or(store::IndexGeometry{}), store::IndexGeometry{3, 9}}) {
        for (const std::int32_t hash : {0, 1, 2, 3, 0x7fffffff}) {
            std::int32_t before = std::numeric_limits<std::int32_t>::max();
            static_cast<void>(store::read_index_chain(
                **opened, shape, hash, [&](std::int32_t number, const store::IndexEntry& entry) {
                    check(number < before && entry.hash == hash);
                    before = number;
                    return true;
                }));
        }
    }
    return 0;
}
