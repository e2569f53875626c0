#include "broker/identity.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <array>

#include "broker/table_file.h"

namespace mqd::broker {
namespace {

/// Version 4, which is all random.
Result<std::string> make_uuid() {
    std::array<unsigned char, 16> bytes{};
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
        return errno_error("getrandom");
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0fU) | 0x40U);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3fU) | 0x80U);
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        out += fmt::format("{}{:02x}", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
    return out;
}

}  // namespace

Result<std::string> store_uuid(store::Files& files, const Settings& settings) {
    const auto path = settings.store.config_dir() / "mqd.identity";
    std::string uuid;
    TRY_OK(load_table(files, path, [&uuid](const json::Value& content) -> Result<> {
        uuid = content["store"].as_text();
        if (uuid.empty()) return Error{Errc::corrupt, "no store in it"};
        return {};
    }));
    if (!uuid.empty()) return uuid;
    TRY(uuid, make_uuid());
    TRY_OK(save_table(files, path, json::Value::object({{"store", uuid}}), store::Spare::same));
    return uuid;
}

}  // namespace mqd::broker
