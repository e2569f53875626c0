#include "dir_output.h"

#include <utility>

#include "base/clock.h"

namespace mqd::mqpull {
namespace {

constexpr std::size_t block_bytes = 256 << 10;

}  // namespace

DirOutput::DirOutput(std::unique_ptr<record::Folder> folder, record::Format format,
                     const Options& options)
    : folder_(std::move(folder)),
      names_(options.names),
      rotation_(options.rotation),
      encoder_(std::move(format)) {}

Result<> DirOutput::put(const Delivery& delivery) {
    if (!file_) TRY_OK(begin_file());
    encoder_.append(buffer_, delivery.message, delivery.queue.queue.broker, delivery.body);
    auto& reached = reached_[&delivery.queue];
    if (!reached.queue) reached.queue = delivery.queue.shared_from_this();
    reached.next = delivery.message.queue_offset.value + 1;
    if (buffer_.size() >= block_bytes) TRY_OK(write_out());
    // What is still to be packed says nothing about the file.
    const bool is_plain = names_.packing() == Packing::none;
    const std::uint64_t bytes = file_->bytes() + (is_plain ? buffer_.size() : 0);
    const bool is_full = rotation_.bytes && bytes >= static_cast<std::uint64_t>(*rotation_.bytes);
    return is_full ? finish_file() : Result<>();
}

void DirOutput::pass(client::PulledQueue& queue, std::int64_t next) {
    const auto reached = reached_.find(&queue);
    if (reached == reached_.end()) return queue.ledger.pass(next);
    reached->second.next = next;
}

Result<> DirOutput::flush() {
    return file_ ? write_out() : Result<>();
}

Result<> DirOutput::advance() {
    const bool is_over = file_ && end_at_ms_ >= 0 && monotonic_ms() >= end_at_ms_;
    return is_over ? finish_file() : Result<>();
}

bool DirOutput::wants_commit() {
    return std::exchange(has_finished_, false);
}

Result<> DirOutput::begin_file() {
    const std::int64_t now_ms = wall_ms();
    TRY(file_, record::PartFile::create(*folder_, names_, now_ms));
    const auto end_ms = rotation_.end_ms(now_ms);
    end_at_ms_ = end_ms ? monotonic_ms() + *end_ms - now_ms : -1;
    return {};
}

Result<> DirOutput::write_out() {
    auto written = file_->write(buffer_.bytes());
    buffer_.clear();
    buffer_.shrink_if_above(64 * block_bytes);
    // Without its file nothing of it is ever done, and the group gets it again.
    if (!written) file_.reset();
    return written;
}

Result<> DirOutput::finish_file() {
    if (!file_) return {};
    TRY_OK(write_out());
    const auto file = std::move(file_);
    TRY_OK(file->finish());
    for (auto& [queue, reached] : reached_) reached.queue->ledger.pass(reached.next);
    reached_.clear();
    has_finished_ = true;
    return {};
}

}  // namespace mqd::mqpull
