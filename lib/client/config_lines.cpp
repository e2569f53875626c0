#include "client/config_lines.h"

#include "base/parse.h"

namespace mqd::client {

std::string_view config_value(std::string_view config, std::string_view key) {
    for (const auto line : split(config, '\n')) {
        const auto equals = line.find('=');
        if (equals != std::string_view::npos && line.substr(0, equals) == key)
            return trimmed(line.substr(equals + 1));
    }
    return {};
}

}  // namespace mqd::client
