#include "client/batch.h"

#include <cstring>

#include "base/clock.h"
#include "base/parse.h"
#include "wire/codes.h"
#include "wire/headers/send.h"

namespace mqd::client {
namespace {

wire::SendMessageV2 header_for(const Envelope& envelope, const Queue& queue, std::int32_t sys_flag,
                               std::int64_t born_ms) {
    wire::SendMessageV2 header;
    header.producer_group = envelope.producer_group;
    header.topic = queue.topic;
    header.default_topic = template_topic;
    header.default_topic_queue_nums = default_queues;
    header.queue_id = queue.id;
    header.sys_flag = sys_flag;
    header.born_timestamp = born_ms;
    header.broker_name = queue.broker;
    return header;
}

/// The length word counts what follows it; the body came after the header was closed.
void settle_length(Buffer& frame) {
    store_be(frame.data(), static_cast<std::int32_t>(frame.size() - 4));
}

std::int32_t flag_of(const Envelope& envelope) {
    return envelope.oneway ? wire::flag_oneway : 0;
}

}  // namespace

Batch::Batch(const Envelope& envelope, Queue queue, std::int32_t sys_flag, std::int64_t born_ms,
             std::int32_t opaque)
    : envelope_(envelope),
      queue_(std::move(queue)),
      sys_flag_(sys_flag),
      opaque_(opaque),
      born_ms_(born_ms > 0 ? born_ms : wall_ms()) {
    begin_frame(frame_);
    body_begin_ = frame_.size();
}

void Batch::begin_frame(Buffer& out) const {
    auto header = header_for(envelope_, queue_, sys_flag_, born_ms_);
    header.batch = true;
    wire::Encoder encoder(out, envelope_.encoding, wire::request_code::send_batch_message, opaque_,
                          flag_of(envelope_));
    wire::write_header(encoder, header);
    check(encoder.finish_for(0));
}

std::size_t Batch::item_bytes(const Message& message) {
    return message::batch_item_overhead_bytes + message.body.size() + key_bytes +
           message.properties.size();
}

// As message::append_batch_item(), but with the unique key made in its place.
void Batch::add(const Message& message, message::UniqueKeys& keys) {
    const std::size_t bytes = item_bytes(message);
    std::byte* at = frame_.extend(bytes);
    store_be(at, static_cast<std::int32_t>(bytes));
    store_be<std::int64_t>(at + 4, 0);
    store_be(at + 12, message.flag);
    store_be(at + 16, static_cast<std::int32_t>(message.body.size()));
    at += 20;
    if (!message.body.empty()) std::memcpy(at, message.body.data(), message.body.size());
    at += message.body.size();
    store_be(at, static_cast<std::int16_t>(key_bytes + message.properties.size()));
    at += 2;
    std::memcpy(at, key_prefix.data(), key_prefix.size());
    at += key_prefix.size();
    if (message.unique_key.size() == message::UniqueKeys::length) {
        std::memcpy(at, message.unique_key.data(), message::UniqueKeys::length);
    } else {
        keys.next(reinterpret_cast<char*>(at));
    }
    at += message::UniqueKeys::length;
    *at++ = std::byte{2};
    if (!message.properties.empty())
        std::memcpy(at, message.properties.data(), message.properties.size());
    ++count_;
    is_alone_ = message.alone;
    payload_bytes_ += message.body.size();
}

/// Whether its one message becomes a request of its own kind.
bool Batch::is_single() const {
    message::BatchReader items(frame_.bytes().subspan(body_begin_));
    const auto item = items.next();
    check(item.has_value());
    return is_alone_ || (!item->body.empty() && is_utf8(item->properties));
}

void Batch::append_single(Buffer& out) const {
    message::BatchReader items(frame_.bytes().subspan(body_begin_));
    const auto item = items.next();
    check(item.has_value());
    auto header = header_for(envelope_, queue_, sys_flag_, born_ms_);
    header.flag = item->flag;
    header.properties = item->properties;
    wire::Encoder encoder(out, envelope_.encoding, wire::request_code::send_message_v2, opaque_,
                          flag_of(envelope_));
    wire::write_header(encoder, header);
    check(encoder.finish(as_bytes(item->body)));
}

Buffer Batch::request(bool last) {
    settle_length(frame_);
    Buffer out;
    if (count_ == 1 && is_single()) return append_single(out), std::move(out);
    if (!is_stale_ && last) return std::move(frame_);
    if (is_stale_) {
        begin_frame(out);
        out.put(std::as_const(frame_).bytes().subspan(body_begin_));
        settle_length(out);
    } else {
        out.put(std::as_const(frame_).bytes());
    }
    return out;
}

/// As it stands in another batch.
void Batch::add_item(std::string_view item) {
    frame_.put(item);
    ++count_;
    payload_bytes_ += load_be<std::uint32_t>(as_bytes(item).data() + 16);
}

std::vector<std::unique_ptr<Batch>> Batch::split(
    std::size_t body_bytes_max, const std::function<std::int32_t()>& opaques) const {
    std::vector<std::unique_ptr<Batch>> pieces;
    std::string_view rest = as_text(std::as_const(frame_).bytes().subspan(body_begin_));
    for (std::size_t i = 0; !rest.empty(); ++i) {
        const auto bytes = load_be<std::uint32_t>(as_bytes(rest).data());
        if (pieces.empty() || pieces.back()->body_bytes() + bytes > body_bytes_max)
            pieces.push_back(
                std::make_unique<Batch>(envelope_, queue_, sys_flag_, born_ms_, opaques()));
        Batch& piece = *pieces.back();
        piece.add_item(rest.substr(0, bytes));
        if (i < ordinals.size()) piece.ordinals.push_back(ordinals[i]);
        rest.remove_prefix(bytes);
    }
    for (const auto& piece : pieces) {
        piece->opened_ms = opened_ms;
        piece->deadline_ms = deadline_ms;
        piece->lane = lane;
        piece->may_be_stored = may_be_stored;
    }
    return pieces;
}

void Batch::readdress(Queue queue, std::int32_t opaque) {
    queue_ = std::move(queue);
    opaque_ = opaque;
    is_stale_ = true;
}

}  // namespace mqd::client
