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
#include "client/patience.h"
#include "message/properties.h"
#include "wire/codes.h"

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
/// After the time that a broker waits for its disk or replicas.
constexpr std::int64_t ack_answer_ms = 1000;

std::string messages(const Batch& batch) {
    return batch.count() == 1 ? "a message" : fmt::format("a batch of {} messages", batch.count());
}

bool is_unavailable(const Result<remoting::Answer>& answer) {
    return !answer && answer.error().code == Errc::unavailable;
}

/// Of a topic that cannot be sent to now.
bool may_come(const Error& error) {
    return error.code == Errc::unavailable || error.code == Errc::not_found;
}

}  // namespace

Producer::Producer(Client& client, Options options)
    : client_(client),
      options_(std::move(options)),
      envelope_{options_.group, client.options().encoding, options_.oneway},
      topics_(client, options_.ack, options_.route_every_ms),
      window_(options_.window),
      line_(options_.waiting),
      oneways_(client, {std::max(options_.attempt_ms, options_.timeout_ms),
                        [this](Batch& batch, Verdict verdict, const Error* error) {
                            settle(batch, verdict, nullptr, error);
                        },
                        [this](std::uint64_t count, const Error& error) {
                            totals_.handed_over -= count;
                            totals_.refused += count;
                            note(error);
                        },
                        [post = post_] { post->signal(); }}) {}

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
    TRY(Lane* const lane, wait_for_lane(message));
    if (lane->open && is_full_for(*lane->open, message)) close(*lane);
    add(*lane, message);
    if (message.alone) close(*lane);
    if (open_bytes_ > open_bytes_max) flush();
    return {};
}

Result<bool> Producer::try_send(const Message& message) {
    TRY_OK(check_message(message));
    TRY(Lane* const lane, lane_now(message));
    const auto bytes = Batch::item_bytes(message);
    if (open_bytes_ + bytes > open_bytes_max && open_bytes_ > 0) {
        flush_some();
        if (open_bytes_ + bytes > open_bytes_max && open_bytes_ > 0) return false;
    }
    if (lane->open && is_full_for(*lane->open, message)) {
        if (!has_room(*lane, lane->open->body_bytes())) return false;
        depart(*lane);
    }
    if (message.alone && !has_room(*lane, bytes)) return false;
    add(*lane, message);
    if (message.alone) depart(*lane);
    return true;
}

/// No batch of it and others would be taken there.
bool Producer::is_full_for(const Batch& open, const Message& message) const {
    const auto bytes_max = std::min(options_.batch_bytes_max, limits_.of(open.queue().address));
    return message.alone || open.body_bytes() + Batch::item_bytes(message) > bytes_max;
}

Waiting Producer::waiting() const {
    Waiting waiting = options_.waiting;
    waiting.timeout_ms = options_.never_gives_up ? 0 : options_.timeout_ms;
    waiting.stop_fd = options_.stop_fd;
    return waiting;
}

Result<Producer::Lane*> Producer::wait_for_lane(const Message& message) {
    if (!lanes_.empty()) {
        auto lane = lane_of(message);
        if (lane || !may_come(lane.error())) return lane;
    }
    Patience patience(client_, waiting());
    return patience.until_settled([&] {
        pump();  // what is in flight does not wait with it
        return lane_of(message);
    });
}

/// A topic that does not exist while no broker has registered anywhere is only not there yet.
Result<Producer::Lane*> Producer::lane_now(const Message& message) {
    auto lane = lane_of(message);
    if (lane || lane.error().code != Errc::not_found) return lane;
    Patience none(client_, std::nullopt);
    return none.until_settled([&] { return lane_of(message); });
}

void Producer::add(Lane& lane, const Message& message) {
    if (!lane.open) open_batch(lane, message);
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
    *lanes_.back() = Lane{topic, has_shard, queue, message.sys_flag, nullptr, 0, false, {}};
    return last_lane_ = lanes_.back().get();
}

void Producer::open_batch(Lane& lane, const Message& message) {
    Queue queue = lane.queue ? lane.topic->queues[*lane.queue] : lane.topic->next_queue();
    // Another broker may take longer ones.
    for (std::size_t i = 1; !lane.queue && i < lane.topic->in_turn.size(); ++i) {
        if (message.body.size() <= limits_.of(queue.address)) break;
        queue = lane.topic->next_queue();
    }
    const auto opaque = client_.channel(queue.address)->next_opaque();
    lane.open = std::make_unique<Batch>(envelope_, queue, lane.sys_flag, message.born_ms, opaque);
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
    batch->deadline_ms = options_.never_gives_up ? std::numeric_limits<std::int64_t>::max()
                                                 : monotonic_ms() + options_.timeout_ms;
    fly(std::move(batch), true);
}

/// Into the air; in a lane where order matters only the first of several is sent now.
void Producer::fly(std::unique_ptr<Batch> batch, bool is_first) {
    Lane& lane = *lanes_[batch->lane];
    if (flying_.empty()) silent_since_ms_ = monotonic_ms();
    ++lane.flying;
    flying_bytes_ += batch->body_bytes();
    Batch& flying = *batch;
    flying_[&flying] = std::move(batch);
    if (is_first) launch(flying);
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
    if (is_too_long(batch) && shorten(batch)) return;
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
    std::int64_t due_ms = retry_due_ms();
    for (const auto also_ms : {line_.due_ms(), oneways_.due_ms()})
        if (also_ms >= 0) due_ms = due_ms < 0 ? also_ms : std::min(due_ms, also_ms);
    return due_ms;
}

std::int64_t Producer::retry_due_ms() const {
    if (waiting_ == 0) return -1;
    std::int64_t first = std::numeric_limits<std::int64_t>::max();
    for (const auto& [batch, owner] : flying_)
        if (batch->is_waiting) first = std::min(first, batch->retry_at_ms);
    return first == std::numeric_limits<std::int64_t>::max() ? -1 : first;
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
    oneways_.look();
    tell_of_wait();
}

void Producer::finish() {
    flush();
    while (!flying_.empty()) wait();
    oneways_.finish();
    topics_.await_new();
}

void Producer::tell_of_wait() {
    if (flying_.empty()) return;
    if (!trouble_.empty() || monotonic_ms() < silent_since_ms_ + options_.waiting.told_after_ms)
        return line_.waits(trouble_, silent_since_ms_);
    const auto& queue = flying_.begin()->first->queue();
    line_.waits(fmt::format("{} has not answered yet", queue.address), silent_since_ms_);
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
    const bool is_unreached = is_unavailable(answer) && !batch.was_connected &&
                              !channel->connected() &&
                              client_.disconnects() == batch.disconnects_before;
    batch.may_be_stored |= is_unavailable(answer) && !is_unreached;
    if (is_unreached && !options_.counts_unreached) ++batch.unreached;
    if (answer) {
        limits_.learn(batch.queue().address, *answer);
        if (answer->code == wire::response_code::message_illegal && mend_illegal(batch)) return;
    }
    const Lane& lane = *lanes_[batch.lane];
    if (is_refusal(answer)) batch.refused_by.push_back(batch.queue().broker);
    Attempts attempts;
    attempts.ack = options_.ack;
    attempts.made = batch.attempts - batch.unreached;
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
            trouble_.clear();
            line_.goes_on();
            silent_since_ms_ = monotonic_ms();
            window_ = std::min(options_.window, window_ + 1);
            lane.topic->has_taken = true;
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

void Producer::again(Batch& batch, std::string why, bool busy) {
    if (busy) why = fmt::format("{} is busy", batch.queue().address);
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
    talk()(Talk::trouble, "{} for {} is sent again to {} in {} ms: {}", messages(batch),
           batch.queue().to_string(), queue.address, batch.retry_at_ms - now_ms, why);
    trouble_ = std::move(why);
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
    Lane& lane = *lanes_[batch.lane];
    --lane.flying;
    flying_bytes_ -= batch.body_bytes();
    flying_.erase(flying);
    if (flying_.empty() && verdict != Verdict::stored) line_.gives_up();
    if (lane.pieces.empty() || lost_hope_) return;
    Batch& next = *lane.pieces.front();
    lane.pieces.pop_front();
    launch(next);
}

// What is too long for a broker

bool Producer::is_too_long(const Batch& batch) const {
    const auto bytes_max = limits_.of(batch.queue().address);
    return batch.body_bytes() > bytes_max && batch.request_bytes() > bytes_max;
}

/// It goes in pieces, or elsewhere. False: its broker has to say what becomes of it.
bool Producer::shorten(Batch& batch) {
    if (batch.count() > 1) return split(batch, limits_.of(batch.queue().address)), true;
    const Queue* const other = queue_for(batch);
    if (other == nullptr) return false;
    redirect(batch, *other);
    launch(batch);
    return true;
}

/// Of another broker, which takes that much.
const Queue* Producer::queue_for(const Batch& batch) {
    const Lane& lane = *lanes_[batch.lane];
    if (lane.queue) return nullptr;
    for (std::size_t i = 0; i < lane.topic->in_turn.size(); ++i) {
        const Queue& queue = lane.topic->next_queue();
        if (queue.address != batch.queue().address &&
            batch.request_bytes() <= limits_.of(queue.address))
            return &queue;
    }
    return nullptr;
}

/// Pieces take its place, each up to that size.
void Producer::split(Batch& batch, std::size_t bytes_max) {
    const auto channel = client_.channel(batch.queue().address);
    auto pieces = batch.split(bytes_max, [&] { return channel->next_opaque(); });
    Lane& lane = *lanes_[batch.lane];
    talk()(Talk::trouble, "a batch of {} bytes is sent in {} pieces: {} accepts at most {}",
           batch.body_bytes(), pieces.size(), batch.queue().address, bytes_max);
    --lane.flying;
    flying_bytes_ -= batch.body_bytes();
    const auto whole = flying_.extract(&batch);
    std::vector<Batch*> later;
    for (auto& piece : pieces) {
        later.push_back(piece.get());
        fly(std::move(piece), !lane.queue);
    }
    if (!lane.queue) return;
    // Before those that a piece before has left.
    lane.pieces.insert(lane.pieces.begin(), later.begin() + 1, later.end());
    launch(*later.front());
}

/// Where the answers do not say it, once for each.
void Producer::ask_limit(const std::string& address) {
    const auto breaks = client_.disconnects(address);
    if (limits_.knows(address) || !asked_limit_.emplace(address, breaks).second) return;
    const auto answer =
        client_.call(address, wire::request_code::get_broker_config, wire::NoHeader{});
    if (answer) limits_.learn_from_config(address, answer->body);
}

/// A batch that a broker has found illegal is too long, or one of its messages is illegal: it goes
/// in pieces until those are found. False: it is one message, and nobody takes that.
bool Producer::mend_illegal(Batch& batch) {
    const std::string address = batch.queue().address;
    if (batch.count() == 1) return is_too_long(batch) && shorten(batch);
    ask_limit(address);
    const auto bytes_max = limits_.of(address);
    split(batch, bytes_max < batch.body_bytes() ? bytes_max : batch.body_bytes() / 2);
    return true;
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
    if (!is_too_long(*batch)) return write_oneway(std::move(batch));
    if (batch->count() > 1) {
        const auto channel = client_.channel(batch->queue().address);
        auto pieces = batch->split(limits_.of(batch->queue().address),
                                   [&] { return channel->next_opaque(); });
        for (auto& piece : pieces) send_oneway(std::move(piece));
        return;
    }
    if (const Queue* const other = queue_for(*batch)) {
        redirect(*batch, *other);
        return send_oneway(std::move(batch));
    }
    // Its broker would not take it, and could not say so.
    const Error error{
        Errc::invalid,
        fmt::format("the message has {} bytes; {} accepts at most {} (its maxMessageSize)",
                    batch->request_bytes(), batch->queue().address,
                    limits_.of(batch->queue().address))};
    settle(*batch, Verdict::refused, nullptr, &error);
}

void Producer::write_oneway(std::unique_ptr<Batch> batch) {
    const auto channel = client_.channel(batch->queue().address);
    // A socket that takes nothing holds the input for as long as it stands.
    const std::int64_t begin_ms = monotonic_ms();
    while (!channel->wait_writable(slice_ms) && channel->connected()) {
        line_.waits(fmt::format("{} reads nothing", batch->queue().address), begin_ms);
        if (stopping() && monotonic_ms() >= stop_at_ms_) break;
    }
    while (oneways_.is_full() && !(stopping() && monotonic_ms() >= stop_at_ms_)) {
        line_.waits(fmt::format("{} reads nothing", batch->queue().address), begin_ms);
        wait();
    }
    line_.goes_on();
    const std::size_t kept_bytes = options_.keeps_messages ? batch->body_bytes() : 0;
    oneways_.begin(batch->queue());
    const auto count = batch->count();
    channel->send_oneway(batch->request(!options_.keeps_messages), count);
    oneways_.written(std::move(batch), kept_bytes);
}

/// Whether the connection is the one over which that broker was asked.
bool Producer::is_reached(const std::string& address) {
    const auto asked = asked_limit_.find(address);
    return asked != asked_limit_.end() && asked->second == client_.disconnects(address) &&
           client_.channel(address)->connected();
}

/// One-way frames tell nothing about the broker: a question comes before the first one on every
/// connection, for the longest body that it takes. Where no answer comes the broker may have moved,
/// and another may do.
bool Producer::reach(Batch& batch) {
    if (is_reached(batch.queue().address)) return true;
    Pauses pauses(waiting());
    for (int made = 1;; ++made) {
        const std::string address = batch.queue().address;
        const auto breaks = client_.disconnects(address);
        const auto answer = client_.channel(address)->call_and_wait(
            wire::request_code::get_broker_config, wire::NoHeader{}, {}, options_.attempt_ms);
        if (answer) {
            limits_.learn_from_config(address, answer->body);
            asked_limit_[address] = breaks;
            return pauses.goes_on(), true;
        }
        const bool is_over = options_.counts_unreached && made > options_.retries;
        if (is_over || !pauses.wait(answer.error())) return note(answer.error()), false;
        topics_.refresh(*lanes_[batch.lane]->topic);
        const Queue next = next_queue(batch);
        redirect(batch, next);
        talk()(Talk::trouble, "{} is now sent to {} on {}: {}", messages(batch), next.to_string(),
               next.address, answer.error().what);
    }
}

}  // namespace mqd::client
