#include "sending/fates.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "base/path_error.h"
#include "cli/signals.h"
#include "json/writer.h"
#include "record/writer.h"

namespace mqd::sending {
namespace {

/// After an interrupt, for whoever reads what is printed: while he takes nothing, nothing goes on.
constexpr std::int64_t give_up_ms = 5000;

Result<> write_out(int fd, std::string_view name, Bytes bytes) {
    return record::write_all(fd, name, bytes, nullptr,
                             [] { return cli::interrupted_ms() > give_up_ms; });
}

Result<int> create(const std::string& path) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) return path_error(path);
    return fd;
}

std::string refused_line(Print print, std::string_view id, std::string_view why) {
    if (print != Print::json) return "\n";
    std::string line;
    json::Writer out(line);
    out.begin_object();
    if (!id.empty()) out.member("id", id);
    out.member("error", why).end_object();
    return line + "\n";
}

}  // namespace

Result<std::unique_ptr<Fates>> Fates::open(Print print, const std::string& rejects,
                                           std::optional<char> delimiter, std::string_view level) {
    std::unique_ptr<Fates> fates(new Fates(print, delimiter, level));
    if (rejects.empty()) return fates;
    fates->rejects_name_ = rejects;
    TRY(fates->rejects_fd_, create(rejects));
    TRY(fates->reasons_fd_, create(rejects + ".reasons"));
    return fates;
}

Fates::~Fates() {
    if (rejects_fd_ >= 0) ::close(rejects_fd_);
    if (reasons_fd_ >= 0) ::close(reasons_fd_);
}

std::uint64_t Fates::begin(std::string_view raw, std::string_view where) {
    Fate fate;
    if (rejects_fd_ >= 0) {
        fate.raw = raw;
        fate.where = where;
    }
    fates_.push_back(std::move(fate));
    return first_ + fates_.size() - 1;
}

std::string Fates::stored_line(std::string_view id, const client::Settled& settled,
                               std::int64_t offset) const {
    if (print_ == Print::ids) return std::string(id) + "\n";
    std::string line;
    json::Writer out(line);
    out.begin_object().member("id", id).member("broker", settled.batch.queue().broker);
    out.member("queue", settled.queue_id);
    if (offset >= 0) out.member("offset", offset);
    if (!level_.empty()) out.member("level", level_);
    out.end_object();
    return line + "\n";
}

void Fates::refuse(Fate& fate, std::string_view id, std::string_view why) {
    fate.is_known = true;
    fate.is_failed = true;
    if (print_ != Print::nothing) fate.line = refused_line(print_, id, why);
    if (rejects_fd_ < 0 || fate.is_in_spool) return;
    rejects_.put(fate.raw);
    if (delimiter_) rejects_.put_char(*delimiter_);
    reasons_.put(fmt::format("{}: {}\n", fate.where, why));
}

void Fates::settled(const client::Settled& settled, std::span<const std::uint64_t> ordinals) {
    std::size_t i = 0;
    settled.batch.for_each([&](std::string_view id, std::string_view) {
        if (ordinals[i] == nobody) return void(++i);
        Fate& fate = at(ordinals[i]);
        if (settled.verdict == client::Verdict::stored) {
            fate.is_known = true;
            // A delayed message's is where it waits, not where it will lie.
            const bool is_told = settled.first_offset >= 0 && !settled.batch.is_alone();
            const auto offset = is_told ? settled.first_offset + static_cast<std::int64_t>(i) : -1;
            if (print_ != Print::nothing) fate.line = stored_line(id, settled, offset);
        } else {
            refuse(fate, id, settled.error ? settled.error->what : "not stored");
            // A file that is followed goes on after it.
            if (settled.batch.is_oneway() && settled.verdict == client::Verdict::unknown)
                fate.is_failed = false;
        }
        ++i;
    });
    advance();
}

void Fates::in_spool(std::uint64_t ordinal, std::string_view id) {
    Fate& fate = at(ordinal);
    fate.is_in_spool = true;
    fate.raw = {};
    fate.where = {};
    if (print_ != Print::nothing) fate.line = id;
}

void Fates::left_in_spool(std::uint64_t ordinal) {
    Fate& fate = at(ordinal);
    fate.is_known = true;
    if (print_ == Print::ids) {
        fate.line += '\n';
    } else if (print_ == Print::json) {
        std::string line;
        json::Writer(line)
            .begin_object()
            .member("id", fate.line)
            .member("level", "spool")
            .end_object();
        fate.line = line + "\n";
    }
    advance();
}

void Fates::refused(std::uint64_t ordinal, std::string_view why) {
    refuse(at(ordinal), {}, why);
    advance();
}

void Fates::committed(std::uint64_t ordinal, std::string_view id) {
    Fate& fate = at(ordinal);
    fate.is_known = true;
    if (print_ == Print::ids) {
        fate.line = fmt::format("{}\n", id);
    } else if (print_ == Print::json) {
        json::Writer(fate.line)
            .begin_object()
            .member("id", id)
            .member("level", level_)
            .end_object();
        fate.line += '\n';
    }
    advance();
}

/// It is not delivered, as was asked for: no failure, and nothing to be sent again.
void Fates::rolled_back(std::uint64_t ordinal, std::string_view id) {
    Fate& fate = at(ordinal);
    fate.is_known = true;
    if (print_ != Print::nothing) fate.line = refused_line(print_, id, "rolled back");
    advance();
}

void Fates::answered(std::uint64_t ordinal, std::string_view reply) {
    Fate& fate = at(ordinal);
    fate.is_known = true;
    fate.line = fmt::format("{}\n", reply);
    advance();
}

/// It is stored, and not to be sent again by itself.
void Fates::unanswered(std::uint64_t ordinal) {
    Fate& fate = at(ordinal);
    fate.is_known = true;
    fate.line = "\n";
    advance();
}

void Fates::rejected_piece(std::string_view piece) {
    if (rejects_fd_ < 0) return;
    rejects_.put(piece);
    if (rejects_.size() < (1 << 20)) return;
    auto written = write_out(rejects_fd_, rejects_name_, std::as_const(rejects_).bytes());
    if (piece_written_) piece_written_ = std::move(written);
    rejects_.clear();
}

void Fates::rejected(std::string_view where, std::string_view why) {
    if (print_ != Print::nothing || counts_kept_) {
        Fate fate;
        fate.is_known = true;
        fate.is_failed = true;
        if (print_ != Print::nothing) fate.line = refused_line(print_, {}, why);
        fates_.push_back(std::move(fate));
        advance();
    }
    if (rejects_fd_ < 0) return;
    reasons_.put(fmt::format("{}: {}\n", where, why));
}

void Fates::advance() {
    while (!fates_.empty() && fates_.front().is_known) {
        out_.put(fates_.front().line);
        has_stopped_ |= stops_ && fates_.front().is_failed;
        if (!has_stopped_) kept_ = first_ + 1;
        fates_.pop_front();
        ++first_;
    }
}

Result<> Fates::flush() {
    if (!out_.empty()) {
        TRY_OK(write_out(STDOUT_FILENO, "standard output", std::as_const(out_).bytes()));
        out_.clear();
    }
    if (rejects_fd_ < 0) return {};
    TRY_OK(std::exchange(piece_written_, {}));
    TRY_OK(write_out(rejects_fd_, rejects_name_, std::as_const(rejects_).bytes()));
    TRY_OK(write_out(reasons_fd_, rejects_name_ + ".reasons", std::as_const(reasons_).bytes()));
    rejects_.clear();
    reasons_.clear();
    return {};
}

}  // namespace mqd::sending
