#pragma once
// Verify: holds everything in a store against everything else and tells what does not fit, read
// only and without locks, over stores of this broker and of RocketMQ, stopped, crashed or in use
// (mqd-store(5), READING OFFLINE; mqdump(1), VERIFYING).
//
//   log         names, lengths, gaps; each record's shape, place, CRCs, flags, hosts, time; its end
//   queues      each unit against its record, each record against its unit; extension and batch
//               units; order, holes, what lies after the end
//   index       headers, chains, counts; that each entry leads to a record
//   checkpoint, config/ (readable, offsets inside their queues), timer wheel and timer log
//
// What cannot be noticed, since nothing else in a store says the same: a record's flag, its born
// time and host, its store host, its reconsume times, property values that are neither tags nor
// keys (all of these are covered where records carry the property __CRC32#), the low bits of a
// store time, a filter's bitmap, values in configuration files that might as well be meant, and
// bytes that nobody reads: after a blank's eight bytes, in `lock` and in `abort`.
//
// Threads: verify() runs some of its own; the sink is called from the caller's.
// Owner:   the tool's main.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "store/table/places.h"

namespace mqd::store {

struct Finding {
    enum class Part { log, queue, index, checkpoint, config, timer };
    /// What will put it right.
    enum class Mend { start, repair, nothing };
    enum class Kind {
        other,
        damage,   ///< log: bytes that are no record, with more after them; config: unreadable
        tail,     ///< log: bytes after the last record
        record,   ///< log: one record, whole by its shape, is not what it was
        length,   ///< a file is shorter or longer than its neighbours
        missing,  ///< a file is not there
        foreign,  ///< a file that does not belong there
    };
    Part part = Part::log;
    Kind kind = Kind::other;
    Mend mend = Mend::repair;
    std::string path;        ///< in the store: `commitlog/<file>`, `consumequeue/T/0`, `checkpoint`
    std::int64_t at = -1;    ///< log: the log offset; queue: the queue offset; else a byte; -1: all
    std::int64_t count = 0;  ///< bytes, in queues units; 0: not told
    std::string what;

    /// One line.
    std::string to_string() const;
};

struct VerifyOptions {
    /// Also unpacks bodies, takes properties apart, and looks up every key of every record.
    bool deep = false;
    int threads = 0;                      ///< 0: one a core
    std::int64_t chunk_bytes = 32 << 20;  ///< of the log, that a thread takes at once
    std::function<bool()> stop = [] { return false; };
};

struct VerifyReport {
    std::optional<int> user;  ///< the process that has the store open
    bool crashed = false;     ///< `abort` is there, and nobody uses the store
    bool interrupted = false;
    std::int64_t log_begin = 0, log_end = 0;
    std::int64_t records = 0, units = 0, index_entries = 0;
    std::int64_t findings = 0;
};

/// not_found: no such store. io, refused: a file cannot be read.
Result<VerifyReport> verify(const Places& store, const VerifyOptions& options,
                            const std::function<void(const Finding&)>& sink);

}  // namespace mqd::store
