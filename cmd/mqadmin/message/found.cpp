#include "found.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "../admin.h"
#include "base/parse.h"
#include "message/id.h"
#include "message/properties.h"

namespace mqd::admin {
namespace {

namespace property = message::property;

/// A body may grow to this when it is decompressed.
constexpr std::size_t plain_bytes_max = 256 << 20;

/// A folder of the user's own: others must not be able to choose where we write.
Result<std::string> body_folder() {
    const char* const set = std::getenv("TMPDIR");
    const std::string base = set != nullptr && *set != '\0' ? set : "/tmp";
    const auto folder = fmt::format("{}/rocketmq-msgbodys-{}", base, ::geteuid());
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return errno_error(folder);
    struct stat is {};
    if (::lstat(folder.c_str(), &is) != 0) return errno_error(folder);
    if (!S_ISDIR(is.st_mode) || is.st_uid != ::geteuid())
        return Error{Errc::io, fmt::format("{}: it is not a folder of this user", folder)};
    return folder;
}

Result<std::string> write_body(const Found& found) {
    TRY(const auto folder, body_folder());
    auto path = fmt::format("{}/{}", folder, found.offset_id());
    const int fd =
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return errno_error(path);
    const auto text = found.text();
    std::string_view rest = text;
    while (!rest.empty()) {
        const auto n = ::write(fd, rest.data(), rest.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            auto error = errno_error(path);
            ::close(fd);
            return error;
        }
        rest.remove_prefix(static_cast<std::size_t>(n));
    }
    if (::close(fd) != 0) return errno_error(path);
    return path;
}

}  // namespace

std::string Found::offset_id() const {
    return message::offset_id(message.store_host, message.at);
}

std::string Found::id() const {
    const auto key = property(property::uniq_key);
    return key.empty() ? offset_id() : std::string(key);
}

std::string_view Found::property(std::string_view name) const {
    return message::find_property(message.properties, name).value_or(std::string_view());
}

std::string Found::text() const {
    auto plain = message.plain_body(plain_bytes_max);
    return plain ? std::move(*plain) : std::string(message.body);
}

Result<std::vector<Found>> found_in(std::string_view broker, std::string body) {
    const auto bytes = std::make_shared<const std::string>(std::move(body));
    std::vector<Found> found;
    auto rest = as_bytes(*bytes);
    while (!rest.empty()) {
        TRY(const auto record, message::RecordView::parse(rest));
        rest = rest.subspan(record.bytes.size());
        if (!record.is_inner_batch()) {
            found.push_back({std::string(broker), bytes, record});
            continue;
        }
        TRY(const auto parts, record.split());
        for (const auto& part : parts) found.push_back({std::string(broker), bytes, part});
    }
    return found;
}

json::Value object_of(const Found& found, bool with_body) {
    const auto& m = found.message;
    auto properties = json::Value::object();
    message::PropertyReader reader(m.properties);
    while (const auto one = reader.next())
        properties.set(std::string(one->name), std::string(one->value));
    auto object = json::Value::object({{"msgId", found.id()},
                                       {"offsetMsgId", found.offset_id()},
                                       {"topic", m.topic},
                                       {"broker", found.broker},
                                       {"queueId", m.queue_id},
                                       {"queueOffset", m.queue_offset.value},
                                       {"commitLogOffset", m.at.value},
                                       {"bornTimestamp", m.born_ts_ms},
                                       {"bornTime", format_time(m.born_ts_ms)},
                                       {"bornHost", m.born_host.to_string()},
                                       {"storeTimestamp", m.store_ts_ms},
                                       {"storeTime", format_time(m.store_ts_ms)},
                                       {"storeHost", m.store_host.to_string()},
                                       {"tags", found.property(property::tags)},
                                       {"keys", found.property(property::keys)},
                                       {"properties", std::move(properties)},
                                       {"flag", m.flag},
                                       {"sysFlag", m.sys_flag},
                                       {"reconsumeTimes", m.reconsume_times},
                                       {"bodySize", m.body.size()},
                                       {"storeSize", m.bytes.size()},
                                       {"bodyCrc", m.body_crc}});
    if (!with_body) return object;
    auto body = found.text();
    const bool is_text = is_utf8(body);
    object.set("body", is_text ? std::move(body) : base64_encode(body));
    object.set("bodyEncoding", is_text ? "utf-8" : "base64");
    return object;
}

std::string properties_text(const Found& found) {
    std::string text;
    message::PropertyReader reader(found.message.properties);
    while (const auto one = reader.next())
        text += fmt::format("{}{}={}", text.empty() ? "" : ", ", one->name, one->value);
    return "{" + text + "}";
}

std::string line_of(const Found& found, bool with_body) {
    const auto& m = found.message;
    auto line = fmt::format(
        "MSGID: {} MessageExt [brokerName={}, queueId={}, storeSize={}, queueOffset={}, "
        "sysFlag={}, bornTimestamp={}, bornHost=/{}, storeTimestamp={}, storeHost=/{}, msgId={}, "
        "commitLogOffset={}, bodyCRC={}, reconsumeTimes={}, preparedTransactionOffset={}, "
        "toString()=Message{{topic='{}', flag={}, properties={}}}]",
        found.id(), found.broker, m.queue_id, m.bytes.size(), m.queue_offset.value, m.sys_flag,
        m.born_ts_ms, m.born_host.to_string(), m.store_ts_ms, m.store_host.to_string(),
        found.offset_id(), m.at.value, m.body_crc, m.reconsume_times, m.prepared_offset, m.topic,
        m.flag, properties_text(found));
    line += with_body ? " BODY: " + found.text() : " BODY: NOT PRINT BODY";
    return line;
}

Result<std::vector<std::vector<std::string>>> block_of(const Found& found, bool shows_body) {
    const auto& m = found.message;
    std::vector<std::vector<std::string>> lines;
    const auto add = [&](std::string_view name, const auto& value) {
        lines.push_back({fmt::format("{:<20} {}", name, value)});
    };
    add("OffsetID:", found.offset_id());
    add("Topic:", m.topic);
    add("Tags:", fmt::format("[{}]", found.property(property::tags)));
    add("Keys:", fmt::format("[{}]", found.property(property::keys)));
    add("Queue ID:", m.queue_id);
    add("Queue Offset:", m.queue_offset.value);
    add("CommitLog Offset:", m.at.value);
    add("Reconsume Times:", m.reconsume_times);
    add("Born Timestamp:", time_cell(m.born_ts_ms));
    add("Store Timestamp:", time_cell(m.store_ts_ms));
    add("Born Host:", m.born_host.to_string());
    add("Store Host:", m.store_host.to_string());
    add("System Flag:", m.sys_flag);
    add("Properties:", properties_text(found));
    if (shows_body) {
        add("Message Body:", found.text());
        return lines;
    }
    TRY(const auto path, write_body(found));
    add("Message Body Path:", path);
    return lines;
}

Result<std::string> parse_charset(std::string_view name) {
    std::string upper(name);
    for (auto& c : upper)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (upper == "UTF-8" || upper == "UTF8" || upper == "US-ASCII") return upper;
    return Error{Errc::invalid,
                 fmt::format("bodies are printed as they are: '{}' is not UTF-8 (pipe them through "
                             "iconv)",
                             name)};
}

}  // namespace mqd::admin
