#include "json_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <sstream>

namespace mqd::admin {

Result<json::Value> objects_in(const std::string& file, std::string_view name_field) {
    std::ifstream in(file, std::ios::binary);
    if (!in) {
        const int why = errno;
        auto error = errno_error(file, why);
        if (why == ENOENT) error.code = Errc::not_found;
        return error;
    }
    std::ostringstream text;
    text << in.rdbuf();
    auto objects = json::parse(text.str());
    if (!objects) return Error{Errc::invalid, fmt::format("{}: {}", file, objects.error().what)};
    if (!objects->is_array() || objects->items().empty())
        return Error{Errc::invalid, fmt::format("{}: it is no JSON array of configurations", file)};
    for (const auto& object : objects->items())
        if (object[name_field].as_text().empty())
            return Error{Errc::invalid, fmt::format("{}: one has no {}", file, name_field)};
    return objects;
}

}  // namespace mqd::admin
