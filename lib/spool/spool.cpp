#include "spool/spool.h"

#include <fmt/format.h>

#include <utility>

#include "base/clock.h"
#include "base/parse.h"
#include "message/properties.h"
#include "message/sys_flag.h"

namespace mqd::spool {
namespace {

constexpr std::size_t offset_digits = 20;
constexpr std::string_view key_prefix = "UNIQ_KEY\x01";
constexpr std::size_t key_bytes = key_prefix.size() + message::UniqueKeys::length + 1;

/// A log as somebody has left it, from `begin` on.
struct Found {
    PhysicalOffset end;
    std::uint64_t records = 0;
    std::int64_t next_count = 0;
    std::int64_t damaged_bytes = 0;
};

Result<Found> look_through(const std::filesystem::path& dir, PhysicalOffset begin) {
    Found found{begin};
    TRY(const auto scan, store::LogScan::open(dir));
    if (scan->segments().empty()) return found;
    scan->seek({std::max(begin, scan->begin())});
    found.end = scan->position();
    for (;;) {
        TRY(const auto item, scan->next());
        using Kind = store::LogItem::Kind;
        switch (item.kind) {
            case Kind::record:
                ++found.records;
                found.next_count = item.record.queue_offset.value + 1;
                break;
            case Kind::damage:
                found.damaged_bytes += item.bytes;
                break;
            case Kind::blank:
                break;
            case Kind::zeros:
            case Kind::torn:
            case Kind::full:
                return found;
        }
        found.end = scan->position();
    }
}

void read_message(const message::RecordView& record, client::Message& out) {
    out.topic = record.topic;
    out.body = record.body;
    out.flag = record.flag;
    out.sys_flag =
        record.sys_flag & (message::sys_flag::compressed | message::sys_flag::compression_mask);
    out.born_ms = record.born_ts_ms;
    out.queue.reset();
    if (record.queue_id >= 0) out.queue = record.queue_id;
    out.properties = record.properties;
    out.unique_key = {};
    if (out.properties.starts_with(key_prefix) && out.properties.size() >= key_bytes) {
        out.unique_key = out.properties.substr(key_prefix.size(), message::UniqueKeys::length);
        out.properties.remove_prefix(key_bytes);
    }
    out.shard = {};
    out.alone = false;
    if (out.properties.empty()) return;
    using namespace message;
    out.shard = find_property(out.properties, property::sharding_key).value_or("");
    out.alone = find_property(out.properties, property::delay).has_value() ||
                find_property(out.properties, property::timer_deliver_ms).has_value();
}

}  // namespace

Result<std::unique_ptr<Spool>> Spool::open(store::Files& files, std::filesystem::path dir,
                                           std::int64_t bytes_max) {
    std::unique_ptr<Spool> spool(new Spool(files, std::move(dir), bytes_max));
    TRY_OK(files.make_directories(spool->dir_));
    auto lock = files.lock(spool->dir_ / "lock");
    if (!lock) {
        auto error = std::move(lock).error();
        // Another's spool is a mistake in the command, one without rights is not.
        if (error.code == Errc::refused && store::store_user(spool->dir_))
            error.code = Errc::invalid;
        return error;
    }
    spool->lock_ = std::move(*lock);
    TRY_OK(spool->load());
    return spool;
}

Result<> Spool::load() {
    TRY(sent_, os_.open(dir_ / "sent", store::OpenMode::create));
    std::string text(offset_digits, '\0');
    TRY(const auto got, sent_->read(0, {reinterpret_cast<std::byte*>(text.data()), text.size()}));
    // Unreadable, everything that is there is sent once more.
    const std::int64_t mark = parse_int<std::int64_t>(text.substr(0, got)).value_or(0);
    TRY_OK(os_.make_directories(dir_ / "commitlog"));
    TRY(const auto found, look_through(dir_, {std::max<std::int64_t>(mark, 0)}));
    damaged_bytes_ = found.damaged_bytes;
    old_left_ = found.records;
    count_ = found.next_count;
    next_at_ = settled_ = {std::max<std::int64_t>(mark, 0)};
    new_at_ = found.end;
    TRY(log_, SpoolLog::open(os_, dir_, file_bytes, settled_, found.end));
    if (old_left_ == 0) next_at_ = found.end;
    return {};
}

// In

std::string_view Spool::add(const client::Message& message) {
    properties_.assign(key_prefix);
    if (message.unique_key.empty()) {
        properties_ += keys_.next();
    } else {
        properties_ += message.unique_key;
    }
    properties_ += '\x02';
    properties_ += message.properties;
    // One look at the clock for all that is read at once.
    if (staged_.empty()) staged_ms_ = wall_ms();
    message::Draft draft;
    draft.topic = message.topic;
    draft.queue_id = message.queue.value_or(-1);
    draft.flag = message.flag;
    draft.sys_flag = message.sys_flag;
    draft.born_ts_ms = message.born_ms > 0 ? message.born_ms : staged_ms_;
    draft.body = message.body;
    draft.properties = properties_;
    message::encode(draft, staged_);
    ++staged_count_;
    return std::string_view(properties_).substr(key_prefix.size(), message::UniqueKeys::length);
}

bool Spool::has_room() const {
    return log_->used_bytes() + static_cast<std::int64_t>(staged_.size()) < bytes_max_;
}

Result<> Spool::commit() {
    if (staged_.empty()) return {};
    const bool had_unsent = has_unsent();
    auto written = write_staged();
    if (!written && written.error().code == Errc::refused && old_left_ + new_left_ == 0) {
        // The disk is full, and its space may be held by what is settled in the last file.
        scan_.reset();
        TRY_OK(log_->drop_all());
        written = write_staged();
    }
    TRY(const auto begin, std::move(written));
    if (!had_unsent) next_at_ = begin;
    new_left_ += std::exchange(staged_count_, 0);
    std::swap(hot_, staged_);
    hot_at_ = begin;
    staged_.clear();
    return {};
}

/// Where it lies then.
Result<PhysicalOffset> Spool::write_staged() {
    const PhysicalOffset begin = log_->place_for(staged_.size());
    PhysicalOffset at = begin;
    const std::int64_t now_ms = wall_ms();
    std::int64_t count = count_;
    for (MutableBytes rest = staged_.bytes(); !rest.empty();) {
        const auto bytes =
            static_cast<std::size_t>(message::RecordHead::read(rest.data()).total_bytes);
        message::place(rest.first(bytes), {count++}, at, now_ms);
        rest = rest.subspan(bytes);
        at = at + static_cast<std::int64_t>(bytes);
    }
    TRY_OK(log_->append(std::as_const(staged_).bytes()));
    check(log_->end() == at);
    count_ = count;
    return begin;
}

std::uint64_t Spool::forget_staged() {
    staged_.clear();
    return std::exchange(staged_count_, 0);
}

// Out

Result<Spool::Next*> Spool::next() {
    if (!has_unsent()) return nullptr;
    if (next_at_ >= hot_at_ && !hot_.empty()) {
        scan_.reset();  // it would hold the space of a file that is gone
        const auto from = static_cast<std::size_t>(next_at_ - hot_at_);
        TRY(auto&& record, message::RecordView::parse(std::as_const(hot_).bytes().subspan(from)));
        show(record);
        return &next_;
    }
    TRY(const bool is_there, read_from_files());
    return is_there ? &next_ : nullptr;
}

void Spool::show(const message::RecordView& record) {
    next_bytes_ = record.bytes.size();
    next_.is_old = next_at_ < new_at_;
    read_message(record, next_.message);
}

/// Shows the record at or after next_at_, which goes there; false at the end.
Result<bool> Spool::read_from_files() {
    if (!scan_) {
        TRY(scan_, store::LogScan::open(dir_));
    }
    if (scan_->position() != next_at_) scan_->seek(next_at_);
    for (bool has_looked_again = false; has_unsent();) {
        TRY(const auto item, scan_->next());
        using Kind = store::LogItem::Kind;
        switch (item.kind) {
            case Kind::record:
                next_at_ = item.at;
                show(item.record);
                return true;
            case Kind::blank:
            case Kind::damage:  // load() has counted it
                next_at_ = item.at + item.bytes;
                break;
            case Kind::zeros:
            case Kind::torn:
            case Kind::full:
                // Files that have been made since are not known to it.
                if (std::exchange(has_looked_again, true))
                    return Error{Errc::corrupt, fmt::format("{}: the message at {} is gone",
                                                            dir_.native(), next_at_.value)};
                TRY_OK(scan_->grown());
                break;
        }
    }
    return false;
}

std::uint64_t Spool::give_out(std::uint64_t fate) {
    given_.push_back({next_at_, fate, next_at_ < new_at_, false});
    next_at_ = next_at_ + static_cast<std::int64_t>(next_bytes_);
    return first_given_ + given_.size() - 1;
}

void Spool::take_back() {
    next_at_ = given_.back().at;
    given_.pop_back();
}

void Spool::settle(std::uint64_t number) {
    Given& given = given_[number - first_given_];
    check(!given.is_settled);
    given.is_settled = true;
    --(given.is_old ? old_left_ : new_left_);
    while (!given_.empty() && given_.front().is_settled) {
        given_.pop_front();
        ++first_given_;
    }
}

Result<> Spool::note_settled() {
    const PhysicalOffset mark = given_.empty() ? next_at_ : given_.front().at;
    if (mark == settled_) return {};
    const auto text = fmt::format("{:0{}}\n", mark.value, offset_digits);
    TRY_OK(sent_->write(0, as_bytes(text)));
    settled_ = mark;
    return log_->drop_before(mark);
}

Result<> Spool::keep_refused(PhysicalOffset at) {
    if (!refused_) {
        TRY_OK(os_.make_directories(dir_ / "refused" / "commitlog"));
        TRY(const auto found, look_through(dir_ / "refused", {}));
        TRY(refused_, SpoolLog::open(os_, dir_ / "refused", file_bytes, {}, found.end));
        refused_count_ = found.next_count;
    }
    TRY(const auto scan, store::LogScan::open(dir_));
    TRY(const auto record, scan->record_at(at));
    Buffer copy;
    copy.put(record.bytes);
    message::place(copy.bytes(), {refused_count_}, refused_->place_for(copy.size()), wall_ms());
    TRY_OK(refused_->append(std::as_const(copy).bytes()));
    ++refused_count_;
    return {};
}

Result<> Spool::close() {
    TRY_OK(note_settled());
    if (refused_) TRY_OK(refused_->sync());
    if (old_left_ + new_left_ > 0 || has_unsent()) {
        TRY_OK(log_->sync());
        TRY_OK(sent_->sync());
        return os_.sync_directory(dir_);
    }
    scan_.reset();
    TRY_OK(log_->remove());
    return os_.remove(dir_ / "sent");
}

}  // namespace mqd::spool
