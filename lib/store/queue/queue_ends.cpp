#include "store/queue/queue_ends.h"

#include <unordered_map>

#include "base/crc.h"
#include "base/log.h"
#include "store/log/log_walker.h"
#include "store/queue/queue_writer.h"

namespace mqd::store {
namespace {

constexpr std::int64_t magic = 0x4d51445155455501;  // MQDQUEU, version 1
constexpr std::size_t head_bytes = 36;
constexpr std::size_t crc_at = 32;
constexpr std::size_t queue_bytes_min = 3 + 4 + 3 * 8;
constexpr std::int64_t release_bytes = 64 << 20;

std::filesystem::path path_in(const std::filesystem::path& root) {
    return root / "mqd-queues";
}

void put(Buffer& out, const QueueEnd& queue) {
    std::byte* at = out.extend(queue_bytes_min + queue.topic.size());
    *at++ = queue.batch ? std::byte{1} : std::byte{0};
    store_be(at, static_cast<std::int16_t>(queue.topic.size()));
    std::memcpy(at + 2, queue.topic.data(), queue.topic.size());
    at += 2 + queue.topic.size();
    store_be(at, queue.id);
    store_be(at + 4, queue.min);
    store_be(at + 12, queue.max);
    store_be(at + 20, queue.last_at);
}

QueueEnd take(ByteReader& in) {
    QueueEnd queue;
    queue.batch = in.take<std::int8_t>() != 0;
    const auto bytes = in.take<std::int16_t>();
    queue.topic = in.take_text(static_cast<std::size_t>(std::max<std::int16_t>(0, bytes)));
    queue.id = in.take<std::int32_t>();
    queue.min = in.take<std::int64_t>();
    queue.max = in.take<std::int64_t>();
    queue.last_at = in.take<std::int64_t>();
    return queue;
}

void skip(ByteReader& in) {
    in.take<std::int8_t>();
    const auto bytes = in.take<std::int16_t>();
    in.take_bytes(static_cast<std::size_t>(std::max<std::int16_t>(0, bytes)) + 4 + 3 * 8);
}

std::optional<QueueEnds> head_of(Bytes bytes) {
    if (bytes.size() < head_bytes || load_be<std::int64_t>(bytes.data()) != magic ||
        load_be<std::int32_t>(bytes.data() + crc_at) !=
            static_cast<std::int32_t>(crc32(bytes.subspan(head_bytes))))
        return std::nullopt;
    QueueEnds ends;
    ends.log_begin = load_be<std::int64_t>(bytes.data() + 8);
    ends.log_end = load_be<std::int64_t>(bytes.data() + 16);
    const auto count = load_be<std::int64_t>(bytes.data() + 24);
    ByteReader in(bytes.subspan(head_bytes));
    std::int64_t found = 0;
    for (; in.ok() && in.left() > 0; ++found) skip(in);
    if (!in.ok() || count != found) return std::nullopt;
    return ends;
}

}  // namespace

std::optional<QueueEnds> QueueEnds::load(
    Files& files, const std::filesystem::path& root,
    const std::function<void(const QueueEnds& ends, QueueEnd)>& each) {
    const auto text = read_text(files, path_in(root));
    if (!text && text.error().code == Errc::not_found) return std::nullopt;
    auto ends = text ? head_of(as_bytes(*text)) : std::nullopt;
    if (!ends)
        log::warn("queue_ends_not_loaded",
                  {{"path", path_in(root).string()},
                   {"why", text ? "it is damaged; the log is looked through" : text.error().what}});
    if (!ends) return ends;
    ByteReader in(as_bytes(*text).subspan(head_bytes));
    while (in.left() > 0) each(*ends, take(in));
    return ends;
}

Result<> QueueEnds::save(Files& files, const std::filesystem::path& root) const {
    Buffer out;
    std::byte* head = out.extend(head_bytes);
    store_be(head, magic);
    store_be(head + 8, log_begin);
    store_be(head + 16, log_end);
    store_be(head + 24, static_cast<std::int64_t>(queues.size()));
    for (const QueueEnd& queue : queues) put(out, queue);
    store_be(out.bytes().data() + crc_at,
             static_cast<std::int32_t>(crc32(Bytes(out.bytes()).subspan(head_bytes))));
    auto fresh = path_in(root);
    fresh += ".tmp";
    {
        TRY(const auto file, files.open(fresh, OpenMode::create));
        TRY_OK(file->resize(0));
        TRY_OK(file->write(0, out.bytes()));
        TRY_OK(file->sync());
    }
    TRY_OK(files.rename(fresh, path_in(root)));
    return files.sync_directory(root);
}

std::vector<QueueEnd> ends_in_log(const CommitLog& log, std::int64_t from, std::int64_t to,
                                  const std::function<bool()>& stop) {
    std::unordered_map<std::string, std::unordered_map<std::int32_t, QueueEnd>> found;
    std::unordered_map<std::int32_t, QueueEnd>* topic = nullptr;
    std::string name;
    LogWalker walker(log, std::max(from, log.begin()));
    std::int64_t released = walker.at();
    while (walker.at() < to && !stop()) {
        if (walker.next(to, LogWalker::Check::lengths) != LogWalker::Step::record) {
            if (walker.at() < to) walker.seek(next_sound(log, walker.at(), to));
            continue;
        }
        const auto& record = walker.record();
        if (walker.at() - released > release_bytes) released = log.release(released, walker.at());
        if (!QueueWriter::gets_unit(record)) continue;
        if (topic == nullptr || name != record.topic) {
            name = record.topic;
            topic = &found[name];
        }
        auto& queue = (*topic)[record.queue_id];
        const std::int64_t offset = record.queue_offset.value;
        if (queue.last_at >= 0 && !can_follow(queue.max, queue.last_at, offset, record.at.value))
            continue;
        if (queue.min < 0 || offset < queue.min) queue.min = offset;
        queue.max = offset + record.messages();
        queue.last_at = record.at.value;
        queue.batch |= record.is_inner_batch();
    }
    std::vector<QueueEnd> out;
    for (auto& [text, queues] : found)
        for (auto& [id, queue] : queues) {
            queue.topic = text;
            queue.id = id;
            out.push_back(std::move(queue));
        }
    return out;
}

}  // namespace mqd::store
