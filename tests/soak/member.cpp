#include "member.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "client/start.h"

namespace mqd::soak {
namespace {

constexpr std::int64_t commit_every_ms = 300;
constexpr std::int64_t keep_locks_every_ms = 500;
constexpr int turn_ms = 10;
constexpr std::int64_t held_ms_max = 150;
/// Long enough to repeat nothing before its connection breaks, however slow the machine is: what
/// is repeated then can be counted.
constexpr std::int64_t timeout_ms = 60'000;

client::Puller::Options puller_options(const std::string& group) {
    client::Puller::Options options;
    options.group = group;
    return options;
}

}  // namespace

Member::Member(Books books, Options options, std::unique_ptr<client::Client> client)
    : books_(books),
      options_(std::move(options)),
      client_(std::move(client)),
      puller_(*client_, puller_options(options_.group)),
      send_back_(*client_, options_.group),
      random_(options_.seed) {}

Result<std::unique_ptr<Member>> Member::join(Books books, Options options) {
    TRY(auto client,
        client::Client::open({.namesrv = {options.namesrv}, .timeout_ms = timeout_ms}));
    std::unique_ptr<Member> member(new Member(books, std::move(options), std::move(client)));
    client::Membership::Options membership;
    membership.group = member->options_.group;
    membership.topics = member->options_.topics;
    membership.from.kind = client::From::Kind::beginning;
    client::Patience patience(*member->client_, std::nullopt);
    TRY(member->membership_,
        client::Membership::join(*member->client_, std::move(membership), patience));
    if (member->options_.is_orderly)
        member->locks_.emplace(*member->client_, member->options_.group,
                               member->membership_->client_id());
    return member;
}

Member::~Member() {
    for (const auto& [id, back] : given_back_)
        books_.retries.given_back(back.number, back.delivery, false,
                                  books_.timeline.life() - back.life);
    for (const auto& [queue, reading] : readings_) books_.groups.end(reading);
}

void Member::work() {
    if (!is_leaving_ && membership_->wants_rebalance()) share_out();
    const auto now_ms = monotonic_ms();
    if (locks_ && now_ms >= locks_at_ms_) {
        locks_at_ms_ = now_ms + keep_locks_every_ms;
        keep_locks();
    }
    for (;;) {
        client::Block block;
        const auto has_come = puller_.take(block);
        if (!has_come) books_.problems.add("a pull was refused", has_come.error().what);
        if (!has_come || !*has_come) break;
        take(block);
    }
    settle_held(now_ms);
    settle_given_back();
    if (now_ms >= commit_at_ms_) {
        commit_at_ms_ = now_ms + commit_every_ms;
        commit_all();
    }
    client::wait_for_either(puller_.fd(), send_back_.fd(), turn_ms);
}

void Member::share_out() {
    const auto assigned = membership_->assigned();
    if (!assigned) return;  // nobody can tell at the moment
    auto ours = *assigned;
    for (auto* const queue : puller_.queues())
        if (std::find(ours.begin(), ours.end(), queue->queue) == ours.end()) drop(*queue);
    if (locks_) {
        const auto life = books_.timeline.life();
        const auto disconnects = client_->disconnects();
        ours = locks_->keep(ours);
        if (ours.size() < assigned->size()) membership_->rebalance_soon();
        if (life != books_.timeline.life() || disconnects != client_->disconnects())
            return membership_->rebalance_soon();
    }
    const auto has = puller_.queues();
    for (const auto& queue : ours)
        if (std::none_of(has.begin(), has.end(), [&](const auto* h) { return h->queue == queue; }))
            begin(queue);
    locks_at_ms_ = 0;
}

/// What is not granted any more is another's.
void Member::keep_locks() {
    const auto life = books_.timeline.life();
    const auto disconnects = client_->disconnects();
    std::vector<client::Queue> held;
    for (const auto* const queue : puller_.queues()) held.push_back(queue->queue);
    if (held.empty()) return;
    const auto ours = locks_->keep(held);
    const bool are_granted =
        life % 2 == 0 && life == books_.timeline.life() && disconnects == client_->disconnects();
    for (auto* const queue : puller_.queues()) {
        if (std::find(ours.begin(), ours.end(), queue->queue) == ours.end()) {
            drop(*queue);
            membership_->rebalance_soon();
        } else if (are_granted) {
            books_.groups.locked(reading(*queue), life);
        }
    }
}

void Member::begin(const client::Queue& queue) {
    const auto asked_ms = books_.timeline.now_ms();
    const auto bounds =
        client::queue_bounds(*client_, {queue}, {.kind = client::From::Kind::beginning});
    const auto stored = membership_->stored_offset(queue);
    if (!stored || !bounds) return membership_->rebalance_soon();
    const auto start = client::group_start_offset({.kind = client::From::Kind::beginning},
                                                  bounds->front(), *stored, false);
    auto reading = books_.groups.begin(options_.group, queue.topic, queue.id, start, asked_ms);
    auto& pulled = puller_.add(queue, start, client::offset_max);
    readings_[&pulled] = std::move(reading);
}

/// What is still being worked on there is worked on by another, too.
void Member::drop(client::PulledQueue& queue) {
    settle_held(client::offset_max);
    commit(queue);
    books_.groups.end(readings_.at(&queue));
    // What is given back and not answered yet may still come to this queue's ledger.
    const auto pulled = queue.queue;
    puller_.drop(queue);
    if (locks_) locks_->release(pulled);
}

void Member::take(const client::Block& block) {
    Bytes rest = as_bytes(block.records);
    while (!rest.empty()) {
        const auto record = message::RecordView::parse(rest);
        if (!record) return books_.problems.add("not a record", record.error().what);
        rest = rest.subspan(record->bytes.size());
        // A broker gives whole blocks: what lies before the offset that was asked for is no gap.
        if (record->queue_offset.value >= reading(*block.queue).next)
            consume(*block.queue, *record);
    }
}

void Member::consume(client::PulledQueue& queue, const message::RecordView& record) {
    const auto offset = record.queue_offset.value;
    books_.groups.delivered(reading(queue), offset);
    queue.ledger.take(offset);
    const auto text = parse_text(record.body);
    if (!text || !record.body_crc_ok())
        books_.problems.add(
            "not what was sent",
            fmt::format("{} queue {} offset {}", queue.queue.topic, queue.queue.id, offset));
    if (!text || text->stream != Stream::plain) {
        if (options_.is_orderly) return settle(queue, offset);
        held_.push_back({queue.shared_from_this(), offset, text, monotonic_ms()});
        return;
    }
    const int delivery = record.reconsume_times;
    if (delivery < failures_of(text->number)) {
        books_.retries.giving_back(text->number, delivery);
        const auto life = books_.timeline.life();
        const auto id = send_back_.send(queue.queue, record.at);
        given_back_[id] = {queue.shared_from_this(), offset, text->number, delivery, life};
        return;
    }
    const auto until_ms =
        monotonic_ms() + static_cast<std::int64_t>(random_() % std::uint64_t{held_ms_max});
    held_.push_back({queue.shared_from_this(), offset, text, until_ms});
}

void Member::settle_held(std::int64_t now_ms) {
    std::erase_if(held_, [&](const Held& held) {
        if (held.until_ms > now_ms) return false;
        if (held.text) books_.retries.finished(held.text->stream, held.text->number);
        settle(*held.queue, held.offset);
        return true;
    });
}

void Member::settle_given_back() {
    for (const auto id : send_back_.take()) {
        const auto back = given_back_.at(id);
        given_back_.erase(id);
        books_.retries.given_back(back.number, back.delivery, true,
                                  books_.timeline.life() - back.life);
        if (back.delivery == always - 1) books_.retries.finished(Stream::plain, back.number);
        settle(*back.queue, back.offset);
    }
}

void Member::settle(client::PulledQueue& queue, std::int64_t offset) {
    queue.ledger.settle(offset);
    books_.groups.settled(reading(queue), offset);
}

void Member::commit(client::PulledQueue& queue) {
    const auto offset = queue.ledger.committable();
    if (offset == queue.committed) return;
    queue.committed = offset;
    books_.groups.committing(reading(queue), offset);
    membership_->commit(queue.queue, offset);
}

void Member::commit_all() {
    for (auto* const queue : puller_.queues()) commit(*queue);
}

void Member::leave() {
    is_leaving_ = true;
    for (auto* const queue : puller_.queues()) drop(*queue);
    // Other members have the queues now, and what was given back is theirs then.
    const auto until_ms = monotonic_ms() + timeout_ms;
    while (send_back_.waiting() > 0 && monotonic_ms() < until_ms) {
        settle_given_back();
        client::wait_for_either(send_back_.fd(), -1, turn_ms);
    }
    membership_->leave();
}

}  // namespace mqd::soak
