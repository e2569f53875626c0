#pragma once
// Cuts what a stream has read into commands.
//
// Threads: pure; `decoder` belongs to the calling thread.

#include <cstddef>

#include "base/result.h"
#include "wire/command.h"

namespace mqd::remoting {

/// Calls `on_command(const wire::Command&)` for each whole frame of `bytes` in turn until that
/// returns false. Gives the bytes used up. invalid: no legal frame follows; close the connection.
template <class OnCommand>
Result<std::size_t> for_each_command(Bytes bytes, wire::Decoder& decoder, OnCommand on_command) {
    std::size_t used = 0;
    for (bool more = true; more;) {
        const Bytes rest = bytes.subspan(used);
        const auto frame = wire::frame_bytes(rest);
        if (!frame) return frame.error();
        if (*frame == 0 || *frame > rest.size()) break;
        const auto command = decoder.decode(rest.first(*frame));
        if (!command) return command.error();
        used += *frame;
        more = on_command(*command);
    }
    return used;
}

}  // namespace mqd::remoting
