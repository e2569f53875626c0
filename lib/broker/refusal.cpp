#include "broker/refusal.h"

namespace mqd::broker {

Refusal::Why Refusal::why_of(Errc code) {
    switch (code) {
        case Errc::invalid:
            return Why::invalid;
        case Errc::not_found:
            return Why::no_topic;
        case Errc::refused:  // by a disk without room; permissions are told where they are known
            return Why::closed;
        case Errc::unavailable:
            return Why::busy;
        case Errc::corrupt:
        case Errc::io:
        case Errc::unsupported:
            break;
    }
    return Why::failed;
}

}  // namespace mqd::broker
