#include "sending/composer.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "message/properties.h"
#include "message/sys_flag.h"

namespace mqd::sending {
namespace {

constexpr int zlib_level = 5;
constexpr int zstd_level = 3;
constexpr int lz4_level = 0;

Result<> append_checked(std::string& out, std::string_view name, std::string_view value) {
    constexpr std::string_view separators = "\x01\x02";
    if (name.empty()) return Error{Errc::invalid, "a property has no name"};
    if (value.empty()) return Error{Errc::invalid, fmt::format("property '{}' has no value", name)};
    if (name.find_first_of(separators) != std::string_view::npos ||
        value.find_first_of(separators) != std::string_view::npos)
        return Error{Errc::invalid, fmt::format("property '{}' holds a byte 0x01 or 0x02", name)};
    message::append_property(out, name, value);
    return {};
}

Result<> append_user(std::string& out, std::string_view name, std::string_view value) {
    if (message::is_reserved_property(name))
        return Error{Errc::invalid, fmt::format("property '{}' is reserved", name)};
    return append_checked(out, name, value);
}

template <class Keys>
std::string joined(const Keys& keys) {
    return fmt::format("{}", fmt::join(keys, " "));
}

int level_of(Compression kind) {
    switch (kind) {
        case Compression::zlib:
            return zlib_level;
        case Compression::zstd:
            return zstd_level;
        case Compression::lz4:
            break;
    }
    return lz4_level;
}

bool is_plain(const record::Record& record) {
    return record.keys.empty() && record.tags.empty() && record.properties.empty() &&
           record.shard.empty();
}

}  // namespace

Result<Composer> Composer::make(Settings settings) {
    Composer composer(std::move(settings));
    TRY_OK(composer.append_properties({}, composer.plain_));
    return composer;
}

Result<> Composer::append_properties(const record::Record& record, std::string& out) const {
    if (!settings_.keys.empty()) {
        TRY_OK(append_checked(out, message::property::keys, joined(settings_.keys)));
    } else if (!record.keys.empty()) {
        TRY_OK(append_checked(out, message::property::keys, joined(record.keys)));
    }
    const std::string_view tag = settings_.tag.empty() ? record.tags : settings_.tag;
    if (!tag.empty()) TRY_OK(append_checked(out, message::property::tags, tag));
    const std::string_view shard = settings_.shard.empty() ? record.shard : settings_.shard;
    if (!shard.empty()) TRY_OK(append_checked(out, message::property::sharding_key, shard));
    // The last of a name counts, so an option comes after the record's own.
    for (const auto& [name, value] : record.properties) TRY_OK(append_user(out, name, value));
    for (const auto& [name, value] : settings_.properties) TRY_OK(append_user(out, name, value));
    return {};
}

/// DELAY or TIMER_DELIVER_MS; nothing for what is to be delivered at once (mqd-remoting(7), DELAYED
/// MESSAGES).
Result<> Composer::append_delay(const record::Record& record, std::string& out) const {
    Delay delay = settings_.delay;
    if (!delay.is_set()) {
        delay.level = record.delay_level;
        delay.at_ms = record.deliver_at_ms;
        if (delay.level && delay.at_ms)
            return Error{Errc::invalid, "a record cannot have both 'delay_level' and 'deliver_at'"};
        if (delay.level.value_or(0) < 0 || delay.at_ms.value_or(0) < 0)
            return Error{Errc::invalid, "'delay_level' and 'deliver_at' cannot be negative"};
    }
    if (delay.level.value_or(0) > 0) {
        message::append_property(out, message::property::delay, std::to_string(*delay.level));
        return {};
    }
    if (delay.ms) delay.at_ms = wall_ms() + *delay.ms;
    if (delay.at_ms.value_or(0) > 0)
        message::append_property(out, message::property::timer_deliver_ms,
                                 std::to_string(*delay.at_ms));
    return {};
}

Result<client::Message> Composer::compose(const record::Record& record) {
    Result<client::Message> message(std::in_place);
    if (auto filled = fill(record, *message); !filled) message = std::move(filled).error();
    return message;
}

Result<> Composer::fill(const record::Record& record, client::Message& message) {
    message.topic = settings_.topic.empty() ? record.topic : settings_.topic;
    if (message.topic.empty())
        return Error{Errc::invalid, "no topic: neither -t nor the record names one"};
    message.body = record.body;
    message.flag = record.flag;
    message.queue = settings_.queue;
    message.shard = settings_.shard.empty() ? record.shard : settings_.shard;
    message.properties = plain_;
    if (!is_plain(record)) {
        properties_.clear();
        TRY_OK(append_properties(record, properties_));
        message.properties = properties_;
    }
    delay_.clear();
    TRY_OK(append_delay(record, delay_));
    if (!delay_.empty()) {
        if (message.properties.data() != properties_.data()) properties_ = plain_;
        properties_ += delay_;
        message.properties = properties_;
        message.alone = true;
    }
    if (settings_.compression) {
        const auto kind = *settings_.compression;
        TRY(compressed_, compress(kind, as_bytes(record.body), level_of(kind)));
        message.body = compressed_;
        message.sys_flag = message::sys_flag::of(kind);
    }
    return {};
}

Result<std::pair<std::string, std::string>> parse_property(std::string_view text) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos)
        return Error{Errc::invalid, fmt::format("'{}' is not NAME=VALUE", text)};
    const auto name = text.substr(0, equals);
    const auto value = text.substr(equals + 1);
    std::string scratch;
    TRY_OK(append_user(scratch, name, value));
    return std::pair{std::string(name), std::string(value)};
}

}  // namespace mqd::sending
