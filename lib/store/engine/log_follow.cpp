#include "store/engine/log_follow.h"

#include <fmt/format.h>

#include <algorithm>

#include "store/queue/queue_writer.h"

namespace mqd::store {
namespace {

constexpr std::int64_t blank_bytes = 8;

class Checking {
public:
    Checking(Bytes bytes, std::int64_t at, std::int64_t base, std::int64_t file_bytes,
             LogWalker::Check check, QueueTable& queues)
        : rest_(bytes),
          at_(at),
          base_(base),
          file_bytes_(file_bytes),
          check_(check),
          queues_(queues) {}

    Result<std::vector<FollowedPart>> run() {
        part_.bytes = rest_.first(0);
        while (!rest_.empty()) {
            if (size() < blank_bytes) return half();
            const auto head = message::RecordHead::read(rest_.data());
            TRY_OK(head.is_blank() ? take_blank(head.total_bytes) : take_record(head));
        }
        if (!part_.bytes.empty()) finish_part();
        return std::move(parts_);
    }

private:
    std::int64_t size() const { return static_cast<std::int64_t>(rest_.size()); }
    std::int64_t limit() const { return base_ + file_bytes_; }
    Error half() const {
        return {Errc::invalid, fmt::format("what begins at {} is not whole", at_)};
    }
    Error bad(std::string_view why) const {
        return {Errc::corrupt, fmt::format("no record for {}: {}", at_, why)};
    }

    /// All of it, or its head alone as the last bytes: a broker writes no more.
    Result<> take_blank(std::int64_t bytes) {
        if (bytes != limit() - at_) return bad("a blank that does not end the file");
        if (size() < bytes && size() != blank_bytes) return half();
        take(std::min(bytes, size()));
        at_ = base_ = limit();
        finish_part();
        return {};
    }

    Result<> take_record(const message::RecordHead& head) {
        const std::int64_t bytes = head.total_bytes;
        if (!head.is_record() || bytes < static_cast<std::int64_t>(message::record_bytes_min))
            return bad("no record's first bytes");
        if (bytes > limit() - blank_bytes - at_)
            return Error{Errc::invalid,
                         fmt::format("the record at {} of {} bytes does not fit into "
                                     "its file",
                                     at_, bytes)};
        if (size() < bytes) return half();
        const auto record =
            message::RecordView::parse(rest_.first(static_cast<std::size_t>(bytes)));
        if (!record || static_cast<std::int64_t>(record->bytes.size()) != bytes)
            return bad("its lengths do not fit");
        if (record->at.value != at_)
            return bad(fmt::format("it says that it lies at {}", record->at.value));
        if (!stands(*record, base_, check_)) return bad("its checksum does not fit");
        add_number(*record);
        part_.store_ts_ms = std::max(part_.store_ts_ms, record->store_ts_ms);
        take(bytes);
        at_ += bytes;
        return {};
    }

    void add_number(const message::RecordView& record) {
        if (!QueueWriter::gets_unit(record)) return;
        if (queue_ == nullptr || queue_->id() != record.queue_id || queue_->deleted() ||
            queue_->topic() != record.topic) {
            queue_ = queues_.for_record(record);
            if (queue_ == nullptr) return;
            queue_->load();
        }
        part_.numbers.push_back({queue_, record.queue_offset.value + record.messages()});
    }

    void take(std::int64_t bytes) {
        const auto count = static_cast<std::size_t>(bytes);
        part_.bytes = {part_.bytes.data(), part_.bytes.size() + count};
        rest_ = rest_.subspan(count);
    }

    void finish_part() {
        part_.end = at_;
        parts_.push_back(std::move(part_));
        part_ = {};
        part_.bytes = rest_.first(0);
    }

    Bytes rest_;
    std::int64_t at_;
    std::int64_t base_;  // of the file that holds it
    const std::int64_t file_bytes_;
    const LogWalker::Check check_;
    QueueTable& queues_;
    StoredQueue* queue_ = nullptr;  // the last record's
    FollowedPart part_;
    std::vector<FollowedPart> parts_;
};

}  // namespace

Result<std::vector<FollowedPart>> check_followed(Bytes bytes, std::int64_t at,
                                                 std::int64_t log_begin, std::int64_t file_bytes,
                                                 LogWalker::Check check, QueueTable& queues) {
    const std::int64_t base = log_begin + (at - log_begin) / file_bytes * file_bytes;
    return Checking(bytes, at, base, file_bytes, check, queues).run();
}

}  // namespace mqd::store
