#include "client/producer.h"

#include <fmt/format.h>

#include <algorithm>

#include <cstdlib>
#include <limits>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/parse.h"
#include "client/errors.h"
#include "message/properties.h"
#include "wire/codes.h"
#include "wire/headers/offsets.h"

namespace mqd::client {
namespace {

/// In flight at most, beside the window: the tool stays small whatever the batches' size.
constexpr std::size_t flying_bytes_max = 4 << 20;
/// Of all open batches together.
constexpr std::size_t open_bytes_max = 8 << 20;
constexpr std::size_t topic_bytes_max = 255;
constexpr std::int64_t slice_ms = 200;
/// However short the time for all attempts is, a busy broker answers within this.
constexpr std::int64_t attempt_least_ms = 1000;
/// Behind the time that a broker waits for its disk or replicas.
constexpr std::int64_t ack_answer_ms = 1000;

std::string messages(const Batch& batch) {
    return batch.count() == 1 ? "a message" : fmt::format("a batch of {} messages", batch.count());
}

bool is_unavailable(const Result<remoting::Answer>& answer) {
    return !answer && answer.error().code == Errc::unavailable;
}

}  // namespace

Producer::Producer(Client& client, Options options)
    : client_(client),
      options_(std::move(options)),
      envelope_{options_.group, client.options().encoding, options_.oneway},
      topics_(client, options_.ack, options_.route_every_ms),
      window_(options_.window) {}

Producer::~Producer() = default;

// Taking messages

Result<> Producer::check_message(const Message& message) {
    if (message.topic.size() > topic_bytes_max)
        return Error{Errc::invalid, "the topic's name is too long"};
    if (message.body.size() > body_bytes_max)
        return Error{Errc::invalid, fmt::format("the body has {} bytes; {} are allowed",
                                                message.body.size(), body_bytes_max)};
    // Some bytes are kept for what brokers add to the properties.
    if (Batch::item_bytes(message) - message.body.size() > message::properties_bytes_max - 256)
        return Error{Errc::invalid, "keys, tag and properties together are too long"};
    // The request of a single message is the only one for it, and its header is JSON.
    if (message.alone && !is_utf8(message.properties))
        return Error{Errc::invalid,
                     "keys, tag and properties of a delayed or half message must be UTF-8"};
    return {};
}

Result<> Producer::send(const Message& message) {
    TRY_OK(check_message(message));
    TRY(Lane* const lane, lane_of(message));
    const auto bytes = Batch::item_bytes(message);
    if (lane->open &&
        (message.alone || lane->open->body_bytes() + bytes > options_.batch_bytes_max))
        close(*lane);
    add(*lane, message);
    if (message.alone) close(*lane);
    if (open_bytes_ > open_bytes_max) flush();
    return {};
}

Result<bool> Producer::try_send(const Message& message) {
    TRY_OK(check_message(message));
    TRY(Lane* const lane, lane_of(message));
    const auto bytes = Batch::item_bytes(message);
    if (open_bytes_ + bytes > open_bytes_max && open_bytes_ > 0) {
        flush_some();
        if (open_bytes_ + bytes > open_bytes_max && open_bytes_ > 0) return false;
    }
    if (lane->open &&
        (message.alone || lane->open->body_bytes() + bytes > options_.batch_bytes_max)) {
        if (!has_room(*lane, lane->open->body_bytes())) return false;
        depart(*lane);
    }
    if (message.alone && !has_room(*lane, bytes)) return false;
    add(*lane, message);
    if (message.alone) depart(*lane);
    return true;
}

void Producer::add(Lane& lane, const Message& message) {
    if (!lane.open) open_batch(lane, message.born_ms);
    lane.open->add(message, keys_);
    if (options_.keeps_messages) lane.open->ordinals.push_back(message.ordinal);
    open_bytes_ += Batch::item_bytes(message);
}

Result<Producer::Lane*> Producer::lane_of(const Message& message) {
    const bool has_shard = !message.shard.empty();
    const auto fits = [&](const Lane& lane) {
        return lane.is_shards == has_shard && lane.sys_flag == message.sys_flag &&
               lane.topic->only == message.queue && lane.topic->name == message.topic;
    };
    if (last_lane_ && !has_shard && fits(*last_lane_)) return last_lane_;
    TRY(SendTopic* const topic, topics_.find(message.topic, message.queue));
    std::optional<std::size_t> queue;
    if (has_shard) {
        const std::int64_t hash = message::java_hash(message.shard);
        queue = static_cast<std::size_t>(std::abs(hash)) % topic->first_queues;
    } else if (message.queue && topic->queues.size() == 1) {
        queue = 0;
    }
    for (auto& lane : lanes_)
        if (fits(*lane) && lane->queue == queue) return last_lane_ = lane.get();
    lanes_.push_back(std::make_unique<Lane>());
    *lanes_.back() = Lane{topic, has_shard, queue, message.sys_flag, nullptr};
    return last_lane_ = lanes_.back().get();
}

void Producer::open_batch(Lane& lane, std::int64_t born_ms) {
    const Queue queue = lane.queue ? lane.topic->queues[*lane.queue] : lane.topic->next_queue();
    const auto opaque = client_.channel(queue.address)->next_opaque();
    lane.open = std::make_unique<Batch>(envelope_, queue, lane.sys_flag, born_ms, opaque);
    lane.open->opened_ms = monotonic_ms();
    if (open_since_ms_ < 0) open_since_ms_ = lane.open->opened_ms;
    for (std::size_t i = 0; i < lanes_.size(); ++i)
        if (lanes_[i].get() == &lane) lane.open->lane = i;
}

void Producer::flush() {
    for (std::size_t i = 0; i < lanes_.size(); ++i)
        if (lanes_[i]->open) close(*lanes_[i]);
    open_since_ms_ = -1;
}

void Producer::flush_some() {
    open_since_ms_ = -1;
    for (const auto& lane : lanes_)
        if (lane->open) lane->is_leaving = true;
    launch_leaving();
}

/// Who has no room waits for one that is under way: its answer, or the end of its time, comes by
/// pump(), and that is where those that wait leave. Nobody else looks after them.
void Producer::launch_leaving() {
    is_leaving_ = false;
    for (const auto& lane : lanes_) {
        if (!lane->open || !lane->is_leaving) continue;
        if (has_room(*lane, lane->open->body_bytes())) {
            depart(*lane);
        } else {
            is_leaving_ = true;
        }
    }
    check(!is_leaving_ || !flying_.empty());
}

// Sending

/// Waits for room.
void Producer::close(Lane& lane) {
    if (options_.oneway) return send_oneway(take_open(lane));
    const bool has_hope = wait_for_room(lane, lane.open->body_bytes());
    if (!lane.open) return;  // it was to leave, and has
    if (!has_hope) {
        const auto batch = take_open(lane);
        const Error error{Errc::unavailable, "interrupted before it was sent"};
        return settle(*batch, Verdict::refused, nullptr, &error);
    }
    depart(lane);
    pump();
}

std::unique_ptr<Batch> Producer::take_open(Lane& lane) {
    auto batch = std::move(lane.open);
    lane.is_leaving = false;
    open_bytes_ -= std::min(open_bytes_, batch->body_bytes());
    return batch;
}

/// There is room. Takes in no answer: a caller that never waits hears of all of them in pump().
void Producer::depart(Lane& lane) {
    auto batch = take_open(lane);
    const std::size_t bytes = batch->body_bytes();
    batch->deadline_ms = options_.never_gives_up ? std::numeric_limits<std::int64_t>::max()
                                                 : monotonic_ms() + options_.timeout_ms;
    ++lane.flying;
    flying_bytes_ += bytes;
    Batch& flying = *batch;
    flying_[&flying] = std::move(batch);
    launch(flying);
}

bool Producer::has_room(const Lane& lane, std::size_t bytes) const {
    if (flying_.empty()) return true;
    if (lane.queue && lane.flying > 0) return false;
    return static_cast<int>(flying_.size()) < window_ && flying_bytes_ + bytes <= flying_bytes_max;
}

bool Producer::wait_for_room(const Lane& lane, std::size_t bytes) {
    while (!has_room(lane, bytes)) wait();
    return !lost_hope_;
}

/// Once stop_fd is readable there are stop_ms left; after that nothing is waited for.
bool Producer::stopping() {
    if (stop_at_ms_ < 0 && is_readable(options_.stop_fd))
        stop_at_ms_ = monotonic_ms() + options_.stop_ms;
    return stop_at_ms_ >= 0;
}

/// For what is under way, which has its deadline in the channel, or its time for another attempt.
void Producer::wait() {
    const bool is_stopping = stopping();
    std::int64_t until_ms = due_ms();
    if (is_stopping && (until_ms < 0 || stop_at_ms_ < until_ms)) until_ms = stop_at_ms_;
    const std::int64_t timeout_ms =
        until_ms < 0 ? -1 : std::max<std::int64_t>(0, until_ms - monotonic_ms());
    wait_for_either(post_->fd(), is_stopping ? -1 : options_.stop_fd, timeout_ms);
    pump();
    if (!is_stopping || monotonic_ms() < stop_at_ms_) return;
    lost_hope_ = true;
    const Error error{Errc::unavailable, "interrupted before its acknowledgement came"};
    while (!flying_.empty()) {
        Batch& batch = *flying_.begin()->first;
        const bool may_be_stored = batch.may_be_stored || batch.is_flying;
        settle(batch, may_be_stored ? Verdict::unknown : Verdict::refused, nullptr, &error);
    }
}

void Producer::launch(Batch& batch) {
    const auto channel = client_.channel(batch.queue().address);
    ++batch.attempts;
    batch.is_flying = true;
    batch.was_connected = channel->connected();
    batch.disconnects_before = client_.disconnects();
    const std::int64_t left_ms = batch.deadline_ms - monotonic_ms();
    channel->send(batch.request(false), batch.opaque(),
                  std::clamp<std::int64_t>(left_ms, 1, attempt_ms()),
                  [post = post_, &batch](Result<remoting::Answer> answer) {
                      post->put({&batch, std::move(answer)});
                  });
}

/// A connection that has died in silence takes one attempt: the time is to be enough for another. A
/// broker's own word about what it waited for in vain must be heard.
std::int64_t Producer::attempt_ms() const {
    auto attempt_ms = options_.attempt_ms;
    if (!options_.never_gives_up)
        attempt_ms = std::min(attempt_ms, std::max(options_.timeout_ms / 2, attempt_least_ms));
    const auto wait_ms = topics_.ack_wait_ms();
    return wait_ms == 0 ? attempt_ms : std::max(attempt_ms, wait_ms + ack_answer_ms);
}

void Producer::launch_due() {
    if (waiting_ == 0) return;
    const std::int64_t now_ms = monotonic_ms();
    std::vector<Batch*> due;
    for (const auto& [batch, owner] : flying_)
        if (batch->is_waiting && batch->retry_at_ms <= now_ms) due.push_back(batch);
    for (Batch* const batch : due) {
        --waiting_;
        batch->is_waiting = false;
        const Queue& now = lanes_[batch->lane]->topic->now(batch->queue());
        if (now.address != batch->queue().address) redirect(*batch, now);
        launch(*batch);
    }
}

std::int64_t Producer::due_ms() const {
    if (waiting_ == 0) return -1;
    std::int64_t first = std::numeric_limits<std::int64_t>::max();
    for (const auto& [batch, owner] : flying_)
        if (batch->is_waiting) first = std::min(first, batch->retry_at_ms);
    return first;
}

int Producer::fd() const {
    return post_->fd();
}

void Producer::pump() {
    post_->take(taken_);
    for (const auto& [batch, answer] : taken_)
        if (flying_.contains(batch)) answered(*batch, answer);
    taken_.clear();
    topics_.look();
    launch_due();
    if (is_leaving_) launch_leaving();
}

void Producer::finish() {
    flush();
    while (!flying_.empty()) wait();
    for (const auto& [address, queue] : sent_oneway_) finish_oneway(queue);
}

std::vector<std::string> Producer::brokers() const {
    std::set<std::string> addresses;
    for (const auto& topic : topics_.all())
        for (const auto& queue : topic->queues) addresses.insert(queue.address);
    return {addresses.begin(), addresses.end()};
}

std::string Producer::address_of(std::string_view broker) const {
    for (const auto& topic : topics_.all())
        for (const auto& queue : topic->queues)
            if (queue.broker == broker) return queue.address;
    return {};
}

// Answers

void Producer::answered(Batch& batch, const Result<remoting::Answer>& answer) {
    const auto channel = client_.channel(batch.queue().address);
    batch.is_flying = false;
    if (is_unavailable(answer)) {
        batch.may_be_stored |= batch.was_connected || channel->connected() ||
                               client_.disconnects() != batch.disconnects_before;
    }
    const Lane& lane = *lanes_[batch.lane];
    if (is_refusal(answer)) batch.refused_by.push_back(batch.queue().broker);
    Attempts attempts;
    attempts.ack = options_.ack;
    attempts.made = batch.attempts;
    attempts.retries_max = options_.retries;
    attempts.never_gives_up = options_.never_gives_up;
    attempts.may_be_stored = batch.may_be_stored;
    attempts.now_ms = monotonic_ms();
    attempts.deadline_ms = batch.deadline_ms;
    if (!lane.queue) {
        const auto& queues = lane.topic->queues;
        attempts.has_other_broker = std::any_of(queues.begin(), queues.end(), [&](const auto& q) {
            return q.broker != batch.queue().broker && !batch.is_refused_by(q.broker);
        });
    }
    const Verdict verdict = judge(answer, attempts);
    switch (verdict) {
        case Verdict::wait:
            return again(batch, {}, true);
        case Verdict::again:
            is_failing_ = true;
            return again(batch,
                         answer ? error_of(batch.queue().address, answer->code, answer->remark).what
                                : answer.error().what,
                         false);
        case Verdict::stored:
            is_failing_ = false;
            window_ = std::min(options_.window, window_ + 1);
            return settle(batch, verdict, &*answer, nullptr);
        case Verdict::refused:
        case Verdict::unknown:
            break;
    }
    Error error = answer.has_value() ? Error() : answer.error();
    if (answer) {
        const auto missing = missing_ack(options_.ack, answer->code);
        error = error_of(batch.queue().address, answer->code,
                         missing.empty() ? std::string_view(answer->remark) : missing);
    }
    settle(batch, verdict, nullptr, &error);
}

/// Where it may go when it has not got through: its lane's queue, or one of another broker.
const Queue& Producer::next_queue(const Batch& batch) {
    const Lane& lane = *lanes_[batch.lane];
    if (lane.queue) return lane.topic->queues[*lane.queue];
    for (std::size_t tried = 0; tried < lane.topic->in_turn.size(); ++tried) {
        const Queue& queue = lane.topic->next_queue(batch.queue().broker);
        if (!batch.is_refused_by(queue.broker)) return queue;
    }
    return lane.topic->next_queue(batch.queue().broker);
}

void Producer::redirect(Batch& batch, const Queue& queue) {
    batch.readdress(queue, client_.channel(queue.address)->next_opaque());
}

void Producer::again(Batch& batch, std::string_view why, bool busy) {
    if (!busy && batch.attempts > 1) topics_.refresh(*lanes_[batch.lane]->topic);
    const std::int64_t now_ms = monotonic_ms();
    if (busy) {
        window_ = std::max(1, window_ / 2);
        --batch.attempts;
        if (!options_.never_gives_up) batch.deadline_ms = now_ms + options_.timeout_ms;
        batch.retry_at_ms = now_ms + std::min(500, 20 << std::min(batch.busy_answers++, 5));
    } else {
        totals_.retries += batch.count();
        batch.retry_at_ms = now_ms + backoff_ms(batch.attempts);
    }
    const Queue queue = busy ? batch.queue() : next_queue(batch);
    talk()(Talk::trouble, "{} for {} goes to {} in {} ms: {}", messages(batch),
           batch.queue().to_string(), queue.address, batch.retry_at_ms - now_ms,
           busy ? "the broker is busy" : why);
    redirect(batch, queue);
    batch.is_waiting = true;
    ++waiting_;
}

void Producer::settle(Batch& batch, Verdict verdict, const remoting::Answer* answer,
                      const Error* error) {
    count(batch, verdict);
    if (error) note(*error);
    talk()(Talk::everything, "{} for {} on {}: {}", messages(batch), batch.queue().to_string(),
           batch.queue().address,
           error             ? std::string_view(error->what)
           : options_.oneway ? "handed over"
                             : "acknowledged");
    if (options_.on_settled) {
        Settled settled{batch, verdict, -1, batch.queue().id, error};
        if (answer) {
            settled.first_offset =
                parse_int<std::int64_t>(answer->find("queueOffset")).value_or(-1);
            settled.queue_id =
                parse_int<std::int32_t>(answer->find("queueId")).value_or(batch.queue().id);
            settled.offset_id = answer->find("msgId");
        }
        options_.on_settled(settled);
    }
    const auto flying = flying_.find(&batch);
    if (flying == flying_.end()) return;
    if (batch.is_waiting) --waiting_;
    --lanes_[batch.lane]->flying;
    flying_bytes_ -= batch.body_bytes();
    flying_.erase(flying);
}

void Producer::count(const Batch& batch, Verdict verdict) {
    switch (verdict) {
        case Verdict::stored:
            (options_.oneway ? totals_.handed_over : totals_.acknowledged) += batch.count();
            break;
        case Verdict::unknown:
            totals_.unknown += batch.count();
            break;
        default:
            totals_.refused += batch.count();
            break;
    }
    if (verdict == Verdict::stored) totals_.payload_bytes += batch.payload_bytes();
}

void Producer::note(const Error& error) {
    if (!first_error_) first_error_ = error;
}

// One-way

void Producer::send_oneway(std::unique_ptr<Batch> batch) {
    if (!reach(*batch)) {
        const Error error{Errc::unavailable,
                          fmt::format("{} cannot be reached", batch->queue().address)};
        return settle(*batch, Verdict::refused, nullptr, &error);
    }
    const auto channel = client_.channel(batch->queue().address);
    // A socket that takes nothing holds the input for as long as it stands.
    while (!channel->wait_writable(slice_ms) && channel->connected())
        if (stopping() && monotonic_ms() >= stop_at_ms_) break;
    sent_oneway_.try_emplace(batch->queue().address, batch->queue());
    channel->send_oneway(batch->request(!options_.keeps_messages), batch->count());
    settle(*batch, Verdict::stored, nullptr, nullptr);
    collect_lost(batch->queue().address);
}

/// One-way frames tell nothing about the broker: a small question comes before the first one on
/// every connection. Where no answer comes the broker may have moved, and another may do.
bool Producer::reach(Batch& batch) {
    const std::int64_t deadline_ms = monotonic_ms() + options_.timeout_ms;
    for (int made = 1;; ++made) {
        const Queue& queue = batch.queue();
        const auto channel = client_.channel(queue.address);
        if (channel->connected()) return true;
        wire::QueueHeader header;
        header.topic = queue.topic;
        header.queue_id = queue.id;
        const auto answer = channel->call_and_wait(wire::request_code::get_min_offset, header, {},
                                                   options_.attempt_ms);
        if (answer) return true;
        const bool is_over = stopping() || monotonic_ms() >= deadline_ms;
        if (is_over || made > options_.retries) return note(answer.error()), false;
        topics_.refresh(*lanes_[batch.lane]->topic);
        const Queue next = next_queue(batch);
        const bool is_elsewhere = next.address != queue.address;
        redirect(batch, next);
        talk()(Talk::trouble, "{} goes to {} at {}: {}", messages(batch), next.to_string(),
               next.address, answer.error().what);
        // Two that are both gone would use up all attempts in no time.
        if (!is_elsewhere || made > 1) wait_for_either(options_.stop_fd, -1, backoff_ms(made));
    }
}

/// A question behind the last message of a connection: once it is answered, the broker has read
/// all of them, and ours has them ready for whoever pulls next.
void Producer::finish_oneway(const Queue& queue) {
    const auto channel = client_.channel(queue.address);
    if (channel->connected()) {
        auto done = channel->flush(options_.attempt_ms);
        if (done) {
            wire::QueueHeader header;
            header.topic = queue.topic;
            header.queue_id = queue.id;
            const auto answer = channel->call_and_wait(wire::request_code::get_max_offset, header,
                                                       {}, options_.attempt_ms);
            if (!answer) done = answer.error();
        }
        if (!done) note(done.error());
    }
    collect_lost(queue.address);
}

void Producer::collect_lost(const std::string& address) {
    const auto lost = client_.channel(address)->take_lost_oneways();
    if (lost == 0) return;
    totals_.handed_over -= std::min<std::uint64_t>(totals_.handed_over, lost);
    totals_.refused += lost;
    note({Errc::unavailable, fmt::format("connection to {} lost", address)});
}

}  // namespace mqd::client
