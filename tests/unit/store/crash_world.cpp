#include "crash_world.h"

#include <future>
#include <set>

#include "base/parse.h"
#include "message/sys_flag.h"
#include "store/table/config_file.h"
#include "store/file_names.h"

namespace mqd::store::test {
namespace {

constexpr std::int64_t between_messages_ms = 41'300;  // tears in the checkpoint count
constexpr std::int64_t sync_timeout_ms = 20'000;

std::string body_of(std::size_t id, std::size_t bytes) {
    std::string body = fmt::format("m{}.", id);
    while (body.size() < bytes) body += static_cast<char>('a' + (id + body.size()) % 26);
    return body;
}

std::optional<std::size_t> id_of(std::string_view body) {
    if (body.empty() || body.front() != 'm') return std::nullopt;
    return parse_int<std::size_t>(body.substr(1, body.find('.') - 1));
}

void encode(Buffer& out, const Sent& sent) {
    std::string properties;
    message::append_property(properties, message::property::uniq_key, sent.key);
    message::Draft draft;
    draft.topic = sent.topic;
    draft.queue_id = sent.queue;
    draft.body = sent.body;
    draft.born_host = draft.store_host = *message::Host::make("127.0.0.1", 1);
    draft.properties = properties;
    message::encode(draft, out);
}

bool has(std::size_t event, Moment moment) {
    return event <= moment.happened;
}

bool forbidden(const Sent& sent, Moment moment) {
    return has(sent.gone, moment) || sent.begun > moment.happened;
}

}  // namespace

bool required(const Sent& sent, Moment moment) {
    return has(moment.only_killed ? sent.stored : sent.synced, moment) &&
           !has(sent.deletion_begun, moment);
}

Options crash_options(bool flush_sync) {
    Options options;
    options.root = "/data/store";
    options.commit_log_file_bytes = 2048;
    options.consume_queue_file_bytes = 200;
    options.index_slots = 7;
    options.index_entries = 20;
    options.disk_full_percent = 100;
    options.flush_sync = flush_sync;
    options.flush_interval_ms = 1;
    options.flush_queues_ms = 10;
    options.flush_thorough_ms = 20;
    options.house_tick_ms = 10;
    options.milestone_bytes = 1;
    return options;
}

// ---- the world

World::World(const Options& options, Disk disk, Ledger ledger)
    : options_(options), files_(std::move(disk)), ledger_(std::move(ledger)) {
    clock_.advance(between_messages_ms * static_cast<std::int64_t>(ledger_.messages.size()));
}

Result<> World::open() {
    TRY(store_, Store::open(files_, clock_, options_));
    return {};
}

Result<> World::close() {
    auto ok = store_->close();
    store_.reset();
    return ok;
}

void World::send(const std::vector<Target>& targets) {
    clock_.advance(between_messages_ms);
    Buffer records;
    std::vector<std::size_t> ends;
    const std::size_t first = ledger_.messages.size();
    for (const Target& target : targets) {
        for (int i = 0; i < target.count; ++i) {
            const std::size_t id = ledger_.messages.size();
            Sent sent{target.topic, target.queue, fmt::format("k{}", id),
                      body_of(id, target.body_bytes)};
            sent.begun = files_.happened();
            encode(records, sent);
            ledger_.messages.push_back(std::move(sent));
        }
        ends.push_back(records.size());
    }
    std::vector<Append> units(targets.size());
    for (std::size_t i = 0, begin = 0; i < units.size(); begin = ends[i++]) {
        units[i].queue = store_->queue(targets[i].topic, targets[i].queue);
        units[i].records = records.bytes().subspan(begin, ends[i] - begin);
        units[i].count = static_cast<std::uint32_t>(targets[i].count);
    }
    store_->append(units);
    const std::size_t happened = files_.happened();
    std::size_t id = first;
    for (const Append& unit : units) {
        Bytes rest = unit.records;
        for (std::uint32_t i = 0; i < unit.count; ++i, ++id) {
            Sent& sent = ledger_.messages[id];
            if (!unit.stored) continue;
            sent.stored = happened;
            sent.offset = unit.queue_offset.value + i;
            sent.at = unit.at.value + (rest.data() - unit.records.data());
            rest = rest.subspan(
                static_cast<std::size_t>(message::RecordHead::read(rest.data()).total_bytes));
        }
    }
}

bool World::sync() {
    const PhysicalOffset end = store_->end();
    std::promise<std::size_t> told;
    store_->when_synced(end, sync_timeout_ms,
                        [&](bool ok) { told.set_value(ok ? files_.happened() : never); });
    const std::size_t happened = told.get_future().get();
    if (happened == never) return false;
    for (Sent& sent : ledger_.messages)
        if (sent.stored != never && sent.at < end.value)
            sent.synced = std::min(sent.synced, happened);
    return true;
}

bool World::delete_topic(const std::string& topic) {
    const std::size_t begun = files_.happened();
    const bool ok = store_->delete_topic(topic).has_value();
    const std::size_t done = files_.happened();
    for (Sent& sent : ledger_.messages) {
        if (sent.topic != topic || sent.deletion_begun != never) continue;
        sent.deletion_begun = begun;
        if (ok) sent.gone = std::min(sent.gone, done);
    }
    return ok;
}

bool World::save(const std::string& name, const std::string& text) {
    ledger_.texts.push_back({name, text, files_.happened()});
    const bool ok = save_config(files_, options_.root / "config" / name, text).has_value();
    if (ok) ledger_.texts.back().done = files_.happened();
    return ok;
}

bool World::settle() {
    return settled(*store_);
}

bool settled(const Store& store) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (store.dispatched() != store.end() || store.indexed() != store.end()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    return true;
}

// ---- what has to hold

namespace {

class Verification {
public:
    Verification(Store& store, const FaultyFiles& files, const Options& options,
                 const Ledger& ledger, Moment moment, FoundById& found)
        : store_(store),
          options_(options),
          ledger_(ledger),
          moment_(moment),
          found_(found),
          log_(files.contents(options.root / "commitlog")) {}

    std::string run() {
        found_.clear();
        for (Queue* queue : store_.queues()) read(*queue);
        compare_with_ledger();
        check_gaps();
        walk_log();
        look_behind_end();
        look_up_keys();
        return problems_;
    }

private:
    template <class... Args>
    void problem(fmt::format_string<Args...> format, Args&&... args) {
        if (problems_.size() < 1000)
            problems_ += fmt::format(format, std::forward<Args>(args)...) + "; ";
    }

    void read(Queue& queue) {
        const QueueOffset max = queue.max();
        read_.push_back({queue.topic(), queue.id(), max.value});
        for (QueueOffset next = queue.min(); next < max;) {
            const auto result = store_.read(queue, next, {}, nullptr);
            if (result.next <= next || result.next > max) {
                problem("{}/{} ends at {} of {}", queue.topic(), queue.id(), next.value, max.value);
                return;
            }
            for (const Slice& slice : result.slices)
                for (Bytes rest = slice.bytes; !rest.empty();)
                    if (!take(queue, next, rest)) return;
            next = result.next;
        }
    }

    bool take(const Queue& queue, QueueOffset& next, Bytes& rest) {
        const auto record = message::RecordView::parse(rest);
        if (!record || !record->body_crc_ok())
            return problem("{}/{} serves damage at {}", queue.topic(), queue.id(), next.value),
                   false;
        rest = rest.subspan(record->bytes.size());
        const auto id = id_of(record->body);
        if (!id || *id >= ledger_.messages.size() || ledger_.messages[*id].body != record->body)
            return problem("{}/{} serves a stranger at {}", queue.topic(), queue.id(), next.value),
                   false;
        next = std::max(next, record->queue_offset);
        if (record->topic != queue.topic() || record->queue_id != queue.id() ||
            record->queue_offset != next)
            problem("{}/{} serves at {} what is {} of {}/{}", queue.topic(), queue.id(), next.value,
                    record->queue_offset.value, record->topic, record->queue_id);
        const Found here{queue.topic(), queue.id(), next.value, record->at.value};
        const auto [it, fresh] = found_.try_emplace(*id, here);
        if (!fresh)
            problem("m{} is at {} and {} of {}/{}", *id, it->second.offset, next.value,
                    queue.topic(), queue.id());
        next.value++;
        return true;
    }

    void compare_with_ledger() {
        for (std::size_t id = 0; id < ledger_.messages.size(); ++id) {
            const Sent& sent = ledger_.messages[id];
            const auto it = found_.find(id);
            const auto name = [&] {
                return fmt::format("m{} ({}/{} {} at {})", id, sent.topic, sent.queue, sent.offset,
                                   sent.at);
            };
            if (it == found_.end()) {
                if (required(sent, moment_)) problem("{} is lost", name());
                continue;
            }
            if (forbidden(sent, moment_)) problem("{} has come back", name());
            const Found told{sent.topic, sent.queue, sent.offset, sent.at};
            if (sent.at >= 0 && it->second != told)
                problem("{} is at {} and {}", name(), it->second.offset, it->second.at);
        }
    }

    /// A number has no message only where what had it was not on disk when the store crashed, or
    /// was deleted, and what came after it was on disk. No other number is passed over.
    void check_gaps() {
        using Numbers = std::set<std::int64_t>;
        std::map<std::pair<std::string, std::int32_t>, Numbers> has_message, excused;
        for (const auto& [id, found] : found_)
            has_message[{found.topic, found.queue}].insert(found.offset);
        for (std::size_t id = 0; id < ledger_.messages.size(); ++id) {
            const Sent& sent = ledger_.messages[id];
            if (sent.offset >= 0 && !found_.contains(id))
                excused[{sent.topic, sent.queue}].insert(sent.offset);
        }
        for (const auto& [topic, id, max] : read_) {
            const Numbers& found = has_message[{topic, id}];
            const Numbers& lost = excused[{topic, id}];
            if (max > 0 && !found.contains(max - 1))
                problem("{}/{} ends at {} without a message", topic, id, max);
            for (std::int64_t number = 0; number < max; ++number)
                if (!found.contains(number) && !lost.contains(number))
                    problem("{}/{} passes over {}, which nobody had", topic, id, number);
        }
    }

    /// Every record is in its queue, unless its topic was deleted, and nothing else is in the log.
    void walk_log() {
        std::size_t served = 0;
        for (std::int64_t at = store_.begin().value; at < store_.end().value;) {
            const auto slice = store_.record_at({at});
            if (!slice) {
                const std::int64_t base =
                    at / options_.commit_log_file_bytes * options_.commit_log_file_bytes;
                const auto it = log_.find(file_name(base));
                const auto in_file = static_cast<std::size_t>(at - base);
                if (it == log_.end() || it->second.size() < in_file + 8)
                    return problem("the log cannot be walked at {}", at);
                const auto head = message::RecordHead::read(
                    reinterpret_cast<const std::byte*>(it->second.data()) + in_file);
                if (!head.is_blank()) return problem("no record in the log at {}", at);
                at = base + options_.commit_log_file_bytes;
                continue;
            }
            const auto record = message::RecordView::parse(slice->bytes);
            if (record->transaction_type() == message::sys_flag::transaction_rollback) {
                at += static_cast<std::int64_t>(record->bytes.size());  // fills what was torn
                continue;
            }
            const auto id = id_of(record->body);
            if (!id || *id >= ledger_.messages.size())
                return problem("a stranger in the log at {}", at);
            const auto it = found_.find(*id);
            if (it != found_.end() && it->second.at == at)
                ++served;
            else if (!has(ledger_.messages[*id].deletion_begun, moment_))
                problem("m{} at {} is in no queue", *id, at);
            at += static_cast<std::int64_t>(record->bytes.size());
        }
        if (served != found_.size())
            problem("{} of {} messages are in the log", served, found_.size());
    }

    void look_behind_end() {
        const std::int64_t end = store_.end().value;
        for (const auto& [name, bytes] : log_) {
            const std::int64_t base = parse_file_name(name).value_or(0);
            if (base + static_cast<std::int64_t>(bytes.size()) <= end) continue;
            const auto from = static_cast<std::size_t>(std::max<std::int64_t>(0, end - base));
            if (bytes.find_first_not_of('\0', from) != std::string::npos)
                problem("bytes behind the log's end {} in {}", end, name);
        }
    }

    void look_up_keys() {
        for (const auto& [id, where] : found_) {
            const auto hits = store_.query({where.topic, ledger_.messages[id].key});
            if (hits.records.size() != 1) {
                problem("{} hits for the key of m{}", hits.records.size(), id);
                continue;
            }
            const auto record = message::RecordView::parse(hits.records.front().bytes);
            if (!record || record->at.value != where.at)
                problem("the key of m{} leads elsewhere", id);
        }
    }

    Store& store_;
    const Options& options_;
    const Ledger& ledger_;
    const Moment moment_;
    FoundById& found_;
    struct Read {
        std::string topic;
        std::int32_t id;
        std::int64_t max;
    };
    std::vector<Read> read_;
    const std::map<std::string, std::string> log_;
    std::string problems_;
};

}  // namespace

std::string verify(Store& store, const FaultyFiles& files, const Options& options,
                   const Ledger& ledger, Moment moment, FoundById& found) {
    return Verification(store, files, options, ledger, moment, found).run();
}

/// The last text whose saving was over, or one whose saving had begun after that.
std::string verify_texts(FaultyFiles& files, const Options& options, const Ledger& ledger,
                         Moment moment) {
    std::map<std::string, std::vector<std::string>> allowed;
    for (const SavedText& saved : ledger.texts) {
        auto& texts = allowed[saved.name];
        if (texts.empty()) texts.emplace_back();
        if (has(saved.done, moment)) texts.clear();
        if (saved.begun <= moment.happened) texts.push_back(saved.text);
    }
    std::string problems;
    for (const auto& [name, texts] : allowed) {
        const auto text = load_config(files, options.root / "config" / name,
                                      [](std::string_view) { return Result<>{}; });
        if (!text && text.error().code != Errc::not_found) {
            problems += fmt::format("{}: {}; ", name, text.error().what);
            continue;
        }
        if (std::find(texts.begin(), texts.end(), text.value_or("")) == texts.end())
            problems += fmt::format("{} holds \"{}\"; ", name, text.value_or(""));
    }
    return problems;
}

}  // namespace mqd::store::test
