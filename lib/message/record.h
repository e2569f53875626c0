#pragma once
// A message's record: the one encoding that the commit log and pull answers share,
// mqd-store(5), RECORD. All integers big-endian.
//
//   off          type  field                off           type  field
//   0            i32   total bytes          56+h1         h2    store host
//   4            i32   magic                56+h1+h2      i32   reconsume times
//   8            i32   body crc31           60+h1+h2      i64   prepared offset
//   12           i32   queue id             68+h1+h2      i32+n body
//   16           i32   flag                 ..            u8+n  topic (i16+n in a V2 record)
//   20           i64   queue offset         ..            i16+n properties
//   28           i64   physical offset
//   36           i32   sys flag             h1, h2: 8 bytes (IPv4 and port) or 20 (IPv6)
//   40           i64   born time, ms
//   48           h1    born host
//   48+h1        i64   store time, ms
//
// Threads: pure functions over the caller's bytes.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "message/types.h"

namespace mqd::message {

inline constexpr std::uint32_t magic_v1 = 0xDAA320A7U;
inline constexpr std::uint32_t magic_v2 = 0xDAA320ABU;
inline constexpr std::uint32_t magic_blank = 0xCBD43194U;
inline constexpr std::size_t record_bytes_min = 91;
inline constexpr std::size_t topic_bytes_max_v1 = 127;

/// What a new record says. The log fills in queue offset, physical offset and store time.
struct Draft {
    std::string_view topic;
    std::int32_t queue_id = 0;
    std::int32_t flag = 0;
    std::int32_t sys_flag = 0;  ///< the two IPv6 bits are set by encode()
    std::int64_t born_ts_ms = 0;
    Host born_host;
    Host store_host;
    std::int32_t reconsume_times = 0;
    std::int64_t prepared_offset = 0;
    std::string_view body;
    std::string_view properties;       ///< as the sender gave them
    std::string_view more_properties;  ///< appended after a separator: what the broker adds
    bool append_crc = false;           ///< last of all, if there is room, what sums up the record
};

/// `__CRC32#` 0x01, ten digits, 0x02 at the very end of a record: its CRC over all before,
/// mqd-store(5), PROPERTIES.
inline constexpr std::size_t crc_property_bytes = 20;

/// Exact bytes that encode() will append.
std::size_t encoded_bytes(const Draft& draft);

/// Appends the record. The caller has checked topic (<= 255 bytes), properties
/// (<= properties_bytes_max together with `more_properties` and the separator) and body. A CRC at
/// the end of `properties` is another record's and left out.
void encode(const Draft& draft, Buffer& out);

/// Sets what is known only under the append lock, and last the CRC property if there is one. An
/// inner batch says the queue offset once more, see append_inner_batch(). `record` is one whole
/// record of encode().
void place(MutableBytes record, QueueOffset queue_offset, PhysicalOffset at,
           std::int64_t store_ts_ms);

/// A record read in place; the views live as long as the bytes.
struct RecordView {
    Bytes bytes;  ///< all of it
    bool v2 = false;
    std::int32_t body_crc = 0;
    std::int32_t queue_id = 0;
    std::int32_t flag = 0;
    QueueOffset queue_offset;
    PhysicalOffset at;
    std::int32_t sys_flag = 0;
    std::int64_t born_ts_ms = 0;
    Host born_host;
    std::int64_t store_ts_ms = 0;
    Host store_host;
    std::int32_t reconsume_times = 0;
    std::int64_t prepared_offset = 0;
    std::string_view body;  ///< as stored, maybe compressed
    std::string_view topic;
    std::string_view properties;

    /// Reads the record at the front of `bytes`. corrupt: no magic, or lengths that do not add up
    /// or do not fit. The body's CRC is not looked at.
    static Result<RecordView> parse(Bytes bytes);

    bool body_crc_ok() const;
    enum class Sum { absent, right, wrong };
    /// What the CRC property says, which covers every bit of the record.
    Sum sum() const { return sum_of(bytes, properties); }
    /// The same, of a record with these properties at its end.
    static Sum sum_of(Bytes record, std::string_view properties);
    std::int32_t transaction_type() const;
    bool is_inner_batch() const;
    /// The messages of an inner batch as records of their own; bytes stay the batch's. corrupt:
    /// the body is no batch.
    Result<std::vector<RecordView>> split() const;
    /// How many queue offsets it takes: more than one if it is an inner batch (mqd-store(5),
    /// BATCHES).
    std::int32_t messages() const;
    /// The body as its sender wrote it. corrupt, invalid: as decompress().
    Result<std::string> plain_body(std::size_t bytes_max) const;
};

/// The first fields, for those who only walk: 8 bytes are enough.
struct RecordHead {
    std::int32_t total_bytes = 0;
    std::uint32_t magic = 0;
    bool is_record() const { return magic == magic_v1 || magic == magic_v2; }
    bool is_blank() const { return magic == magic_blank; }
    static RecordHead read(const std::byte* at);
};

/// One message inside a batch request body, mqd-remoting(7), BATCH BODIES:
/// i32 total, i32 magic, i32 crc, i32 flag, i32+n body, i16+n properties.
struct BatchItem {
    std::int32_t flag = 0;
    std::string_view body;
    std::string_view properties;
};
inline constexpr std::size_t batch_item_overhead_bytes = 22;
void append_batch_item(Buffer& out, const BatchItem& item);

/// A batch body can also be stored undivided, as one record with sys_flag::inner_batch, which takes
/// the queue offsets of its messages. These are the two properties that tell of it; place() fills
/// in the second.
inline constexpr std::int32_t inner_batch_messages_max = 32'767;
void append_inner_batch(std::string& properties, std::int32_t messages);

/// Takes the items off a batch body one by one.
class BatchReader {
public:
    explicit BatchReader(Bytes body) : rest_(body) {}
    bool at_end() const { return rest_.empty(); }
    /// corrupt: a length that does not fit; nothing more can be read then.
    Result<BatchItem> next();

private:
    Bytes rest_;
};

}  // namespace mqd::message
