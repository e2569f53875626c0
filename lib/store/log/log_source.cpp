#include "store/log/log_source.h"

#include <fmt/format.h>

#include <algorithm>

#include "message/record.h"

namespace mqd::store {
namespace {

constexpr std::int64_t single_bytes = 4096;  // read at once where nothing is known of what follows
constexpr std::int64_t reads_on_bytes = 32 << 10;
constexpr std::size_t kept_bytes = 2 << 20;

// Windows come and go with each read; their memory stays with the thread.
thread_local Buffer spare_window;

}  // namespace

LogSource::~LogSource() {
    window_.clear();
    window_.shrink_if_above(kept_bytes);
    if (window_.capacity() > spare_window.capacity()) spare_window = std::move(window_);
}

bool LogSource::find_file(std::int64_t at) {
    if (!file_ || at < file_->base || at >= file_->limit()) file_ = log_.file_at(at);
    return file_ != nullptr;
}

Result<Bytes> LogSource::get(std::int64_t at, std::int64_t bytes, std::int64_t run) {
    if (at < 0 || bytes < 0 || at >= end_ || !find_file(at) ||
        bytes > std::min(end_, file_->limit()) - at)
        return Error{Errc::not_found, fmt::format("the log has no {} bytes at {}", bytes, at)};
    if (log_.is_warm(at)) {
        mapped_ = file_;
        return file_->bytes.subspan(static_cast<std::size_t>(at - file_->base),
                                    static_cast<std::size_t>(bytes));
    }
    mapped_.reset();
    if (mode_ == Mode::now) return Error{Errc::unavailable, "not in memory"};
    if (!has(at, bytes))
        TRY_OK(load(at, std::max({bytes, run, single_bytes}), run >= reads_on_bytes));
    if (at + bytes > window_at_ + static_cast<std::int64_t>(window_.size()))
        return Error{Errc::io, fmt::format("{} is too short", file_->path.string())};
    return Bytes(window_.bytes())
        .subspan(static_cast<std::size_t>(at - window_at_), static_cast<std::size_t>(bytes));
}

Result<Bytes> LogSource::get_some(std::int64_t at, std::int64_t bytes) {
    if (at >= 0 && at < end_ && find_file(at))
        bytes = std::min(bytes, std::min(end_, file_->limit()) - at);
    return get(at, bytes);
}

Result<Bytes> LogSource::record(std::int64_t at) {
    TRY(const Bytes front, get(at, message::record_bytes_min));
    const auto head = message::RecordHead::read(front.data());
    auto bytes = head.is_record() && head.total_bytes > 0
                     ? get(at, head.total_bytes)
                     : Result<Bytes>(Error{Errc::not_found, ""});
    if (!bytes && bytes.error().code == Errc::not_found)
        return Error{Errc::corrupt, fmt::format("no record begins at {}", at)};
    return bytes;
}

Result<> LogSource::load(std::int64_t at, std::int64_t bytes, bool reads_on) {
    bytes = std::min(bytes, std::min(end_, file_->limit()) - at);
    if (window_.capacity() == 0) window_ = std::move(spare_window);
    window_.clear();
    const MutableBytes into(window_.extend(static_cast<std::size_t>(bytes)),
                            static_cast<std::size_t>(bytes));
    window_at_ = at;
    const auto failed = [this](Error error) {
        window_.clear();
        return error;
    };
    const auto file = log_.handle_of(file_);
    if (!file) return failed(file.error());
    auto got = (*file)->read_now(at - file_->base, into);
    if (!got) return failed(std::move(got).error());
    const bool fetched = *got < into.size();
    if (fetched) {
        const auto more =
            (*file)->read(at - file_->base + static_cast<std::int64_t>(*got), into.subspan(*got));
        if (!more) return failed(more.error());
        window_.truncate(*got + *more);
    }
    if (reads_on) log_.cold_pages().reading(*file_, *file, at, at + bytes, fetched);
    return {};
}

}  // namespace mqd::store
