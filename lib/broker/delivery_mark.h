#pragma once
// How far a delivery of waiting messages has come, to the message: it survives the process, so
// that kill -9 delivers nothing twice. After a power cut it may be older or newer than the log;
// newer() then says so, and the saved tables count.
//
// The file has two slots written in turn; a torn one leaves the other. The bytes are mqd's own:
// i64 sequence, i64 log end, i32 delivering, i32 count, i64 values[count], i32 crc31 of all that.
//
// Threads: one at a time.
// Owner:   Delay, Timers.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "message/record.h"
#include "store/store.h"

namespace mqd::broker {

class DeliveryMark {
public:
    static constexpr std::size_t values_max = 480;

    DeliveryMark(store::Files& files, store::Store& store, std::filesystem::path path)
        : files_(files), store_(store), path_(std::move(path)) {}

    /// What the last run left: its values, and of the messages that were being delivered when it
    /// ended those that were stored, by the offset of the record that had been waiting. Nothing
    /// when there is no mark, or none that fits the log.
    struct Left {
        std::vector<std::int64_t> values;
        std::vector<PhysicalOffset> delivered;
    };
    Result<std::optional<Left>> load();

    /// Before and after each append of a delivery, and with `delivering` false when it is over.
    /// io, refused
    Result<> write(bool delivering, std::span<const std::int64_t> values);

private:
    static constexpr std::int64_t slot_bytes = 4096;
    struct Slot {
        std::int64_t sequence = 0, log_end = 0;
        bool delivering = false;
        std::vector<std::int64_t> values;
    };
    static std::optional<Slot> read(Bytes bytes);

    store::Files& files_;
    store::Store& store_;
    const std::filesystem::path path_;
    std::unique_ptr<store::File> file_;
    std::int64_t sequence_ = 0;
    Buffer bytes_;
};

}  // namespace mqd::broker
