// Timer wheel, timer log and timercheck (mqd-store(5), TIMER FILES).

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "store/check/verify_parts.h"

namespace mqd::store::verifying {
namespace {

constexpr std::string_view timer_topic = "rmq_sys_wheel_timer";
constexpr std::size_t check_bytes = 4096;

struct TimerUnit {
    static constexpr std::size_t bytes_each = 52;
    static constexpr std::int32_t magic_max = 0xF;
    std::int32_t size, magic, delay_ms, bytes, topic_hash;
    std::int64_t previous, written_ms, at, last;

    static TimerUnit load(const std::byte* from) {
        TimerUnit unit;
        unit.size = load_be<std::int32_t>(from);
        unit.previous = load_be<std::int64_t>(from + 4);
        unit.magic = load_be<std::int32_t>(from + 12);
        unit.written_ms = load_be<std::int64_t>(from + 16);
        unit.delay_ms = load_be<std::int32_t>(from + 24);
        unit.at = load_be<std::int64_t>(from + 28);
        unit.bytes = load_be<std::int32_t>(from + 36);
        unit.topic_hash = load_be<std::int32_t>(from + 40);
        unit.last = load_be<std::int64_t>(from + 44);
        return unit;
    }
};

struct Slot {
    static constexpr std::size_t bytes_each = 32;
    std::int64_t time = 0, first = -1, last = -1;
    std::int32_t count = 0, magic = 0;

    static Slot load(const std::byte* from) {
        return {load_be<std::int64_t>(from), load_be<std::int64_t>(from + 8),
                load_be<std::int64_t>(from + 16), load_be<std::int32_t>(from + 24),
                load_be<std::int32_t>(from + 28)};
    }
};

class TimerCheck {
public:
    explicit TimerCheck(Context& context) : context_(context) {}

    Result<> run() {
        if (context_.live()) return {};  // the wheel in memory is ahead of all of them
        TRY_OK(check_log());
        TRY_OK(check_wheel());
        return check_progress();
    }

private:
    void tell(std::string path, std::int64_t at, std::string what) {
        context_.tell({Finding::Part::timer, Finding::Kind::other, Finding::Mend::nothing,
                       std::move(path), at, 0, std::move(what)});
    }

    Result<> check_log() {
        const auto dir = context_.root / "timerlog";
        TRY(const auto shape, row_shape(dir, 0));
        for (const auto& misfit : shape.misfits) tell("timerlog/" + misfit.name, -1, misfit.what);
        TRY(log_, FileRow::open(dir, shape.begins));
        end_ = log_.begin();
        for (const auto& part : log_.parts())
            if (!check_file(part)) break;
        return {};
    }

    /// False: the log ends in this file.
    bool check_file(const FileRow::Part& part) {
        for (std::size_t at = 0;; at += TimerUnit::bytes_each) {
            const std::size_t left = part.bytes.size() - at;
            end_ = part.begin + static_cast<std::int64_t>(at);
            const Bytes rest = part.bytes.subspan(at);
            if (left < TimerUnit::bytes_each || is_blank(rest)) {
                if (left >= blank_bytes && !is_blank(rest))
                    tell("timerlog", end_, "no blank at the file's end");
                end_ = part.end();
                return true;
            }
            const auto unit = TimerUnit::load(rest.data());
            if (unit.size == 0) {
                if (std::ranges::any_of(rest, [](std::byte b) { return b != std::byte{0}; }))
                    tell("timerlog", end_, "not zero, behind the last unit");
                return false;
            }
            take(end_, unit);
        }
    }

    static bool is_blank(Bytes rest) {
        return rest.size() >= blank_bytes &&
               load_be<std::uint32_t>(&rest[12]) == message::magic_blank &&
               load_be<std::int32_t>(rest.data()) == static_cast<std::int32_t>(rest.size()) &&
               load_be<std::int64_t>(&rest[4]) == 0;
    }

    void take(std::int64_t position, const TimerUnit& unit) {
        const auto bad = [&](std::string what) { tell("timerlog", position, std::move(what)); };
        if (unit.size != static_cast<std::int32_t>(TimerUnit::bytes_each))
            return bad(fmt::format("a unit of {} bytes", unit.size));
        if ((unit.magic & ~TimerUnit::magic_max) != 0 || (unit.magic & 1) == 0 || unit.last != 0)
            return bad("no unit of a timer log");
        if (unit.written_ms % precision_ms != 0 || unit.delay_ms < 0 || unit.written_ms <= 0)
            return bad("a unit without a time");
        const std::int64_t time = (unit.written_ms + unit.delay_ms) / precision_ms;
        auto& slot = slots_[time];
        const bool before_log = unit.previous >= 0 && unit.previous < log_.begin();
        if (unit.previous != slot.last && !before_log)
            bad(fmt::format("leads back to {}, not to {}", unit.previous, slot.last));
        if (slot.last < 0) slot.first = position;
        slot.time = time;
        slot.last = position;
        slot.count += (unit.magic & 4) != 0 ? -1 : 1;
        slot.magic |= before_log ? 1 : 0;  // its first units have expired
        check_record(position, unit);
    }

    void check_record(std::int64_t position, const TimerUnit& unit) {
        if (unit.at < context_.log.begin()) return;
        const auto record = context_.record_at(unit.at);
        if (!record || record->topic != timer_topic ||
            record->bytes.size() != static_cast<std::size_t>(unit.bytes))
            return tell("timerlog", position,
                        fmt::format("leads to {}, where its record is not", unit.at));
        const auto real = message::find_property(record->properties, message::property::real_topic);
        if (real && message::java_hash(*real) != unit.topic_hash)
            tell("timerlog", position, "not the hash of its record's topic");
    }

    Result<> check_wheel() {
        auto file = ScanFile::open(context_.root / "timerwheel");
        if (!file) return file.error().code == Errc::not_found ? Result<>() : file.error();
        const Bytes bytes = file->bytes();
        const std::size_t count = bytes.size() / Slot::bytes_each;
        if (count == 0) return {};
        if (bytes.size() % Slot::bytes_each != 0)
            tell("timerwheel", -1, fmt::format("{} bytes are no row of slots", bytes.size()));
        std::size_t seen = 0;
        for (std::size_t at = file->first_nonzero(0); at < count * Slot::bytes_each;) {
            const std::size_t number = at / Slot::bytes_each;
            const auto slot = Slot::load(bytes.data() + number * Slot::bytes_each);
            seen += check_slot(number, count, slot) ? 1 : 0;
            at = file->first_nonzero((number + 1) * Slot::bytes_each);
        }
        // Slots are used again after a week, and later units of the log tell by whom.
        std::unordered_map<std::int64_t, std::int64_t> newest;
        for (const auto& [time, slot] : slots_) {
            auto& last = newest[time % static_cast<std::int64_t>(count)];
            last = std::max(last, time);
        }
        if (seen < newest.size())
            tell("timerwheel", -1,
                 fmt::format("{} slots of the {} that the timer log fills", seen, newest.size()));
        return {};
    }

    /// True when the slot is as the log has it.
    bool check_slot(std::size_t number, std::size_t count, const Slot& slot) {
        const auto at = static_cast<std::int64_t>(number * Slot::bytes_each);
        const auto expected = slots_.find(slot.time);
        if (slot.time < 0 ||
            slot.time % static_cast<std::int64_t>(count) != static_cast<std::int64_t>(number)) {
            tell("timerwheel", at, fmt::format("slot {} is not its time's", number));
            return false;
        }
        if (expected == slots_.end()) {
            if (slot.last >= log_.begin() || slot.magic != 0)
                tell("timerwheel", at, fmt::format("slot {} is not in the timer log", number));
            return false;
        }
        const Slot& log = expected->second;
        const bool whole = log.magic == 0;
        if (slot.last != log.last || slot.magic != 0 ||
            (whole && (slot.first != log.first || slot.count != log.count)))
            tell("timerwheel", at, fmt::format("slot {} is not what the timer log says", number));
        return true;
    }

    /// config/timercheck
    Result<> check_progress() {
        const std::string path = "config/timercheck";
        auto file = ScanFile::open(context_.root / path);
        if (!file) return file.error().code == Errc::not_found ? Result<>() : file.error();
        const Bytes bytes = file->bytes();
        if (bytes.size() != check_bytes) {
            tell(path, -1, fmt::format("{} bytes, not {}", bytes.size(), check_bytes));
            return {};
        }
        const auto field = [&](std::size_t i) { return load_be<std::int64_t>(&bytes[8 * i]); };
        if (field(0) < 0 || field(0) % precision_ms != 0) tell(path, 0, "no time of a slot");
        if (field(1) < 0 || field(1) > std::max<std::int64_t>(end_, 0))
            tell(path, 8, fmt::format("the timer log ends at {}, not at {}", end_, field(1)));
        const auto number = context_.find_queue(timer_topic, 0);
        const std::int64_t end =
            number < 0 ? 0 : context_.queues[static_cast<std::size_t>(number)]->end;
        for (const std::size_t i : {2U, 3U})
            if (field(i) < 0 || field(i) > end)
                tell(path, static_cast<std::int64_t>(8 * i),
                     fmt::format("its queue ends at {}, not at {}", end, field(i)));
        for (const std::size_t i : {4U, 5U, 6U})
            if (field(i) < 0) tell(path, static_cast<std::int64_t>(8 * i), "a negative version");
        if (file->first_nonzero(56) < bytes.size()) tell(path, 56, "not zero behind its fields");
        return {};
    }

    static constexpr std::size_t blank_bytes = 16;
    static constexpr std::int64_t precision_ms = 1000;
    Context& context_;
    FileRow log_;
    std::int64_t end_ = 0;
    std::unordered_map<std::int64_t, Slot> slots_;  ///< as the timer log fills them, by time
};

}  // namespace

Result<> check_timers(Context& context) {
    return TimerCheck(context).run();
}

}  // namespace mqd::store::verifying
