#include "sending/metrics.h"

#include <fmt/format.h>

#include <utility>

#include "record/replace_file.h"

namespace mqd::sending {
namespace {

std::string label_text(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\' || c == '"') out += '\\';
        if (c == '\n') {
            out += "\\n";
        } else {
            out += c;
        }
    }
    return out;
}

}  // namespace

Metrics::Metrics(std::string path) : path_(std::move(path)) {
    std::string_view name = path_;
    if (const auto slash = name.rfind('/'); slash != std::string_view::npos)
        name.remove_prefix(slash + 1);
    constexpr std::string_view ending = ".prom";
    if (name.ends_with(ending)) name.remove_suffix(ending.size());
    name_ = label_text(name);
}

std::string Metrics::text(const Tally& tally) const {
    std::string out;
    const auto begin = [&](std::string_view name, std::string_view type, std::string_view help) {
        out += fmt::format("# HELP mqsend_{0} {2}\n# TYPE mqsend_{0} {1}\n", name, type, help);
    };
    const auto one = [&](std::string_view name, std::string_view type, std::string_view help,
                         auto value) {
        begin(name, type, help);
        out += fmt::format("mqsend_{}{{name=\"{}\"}} {}\n", name, name_, value);
    };
    one("messages_read_total", "counter", "Messages read.", tally.read);
    one("messages_acknowledged_total", "counter", "Messages that a broker has acknowledged.",
        tally.acknowledged);
    one("messages_handed_over_total", "counter", "One-way messages handed to the system.",
        tally.handed_over);
    one("messages_spooled", "gauge", "Messages in the spool, of this run and of earlier ones.",
        tally.spooled + tally.old_left);
    one("spool_sent_total", "counter", "Messages of earlier runs sent from the spool.",
        tally.old_sent);
    one("requests_unanswered_total", "counter", "Requests to which no reply came.",
        tally.unanswered);
    one("messages_rolled_back_total", "counter",
        "Messages that --transaction's command rolled back.", tally.rolled_back);
    begin("messages_refused_total", "counter", "Messages that were not taken, by reason.");
    for (const auto& [reason, count] : tally.refused_by)
        out += fmt::format("mqsend_messages_refused_total{{name=\"{}\",reason=\"{}\"}} {}\n", name_,
                           label_text(reason), count);
    one("messages_unknown_total", "counter",
        "Messages sent of which no server said whether they are stored.", tally.unknown);
    one("bytes_total", "counter", "Bytes of the bodies acknowledged or handed over.", tally.bytes);
    one("retries_total", "counter", "Messages sent again.", tally.retries);
    one("last_success_timestamp_seconds", "gauge", "Time of the last acknowledgement.",
        fmt::format("{}.{:03}", tally.last_success_ms / 1000, tally.last_success_ms % 1000));
    return out;
}

Result<> Metrics::write(const Tally& tally) const {
    return record::replace_file(path_, text(tally));
}

}  // namespace mqd::sending
