#pragma once
// LogSource: bytes of the log for one reader. What is warm comes out of the mapping; the rest is
// read into memory of its own, so that an error of the disk is an answer and no signal, and so that
// a long backlog is not counted as this process's memory.
//
// Threads: one at a time.

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"
#include "store/log/commit_log.h"

namespace mqd::store {

class LogSource {
public:
    enum class Mode {
        now,  ///< what may have to be fetched from the disk is left to others
        wait
    };
    LogSource(const CommitLog& log, Mode mode) : log_(log), mode_(mode), end_(log.shown()) {}
    ~LogSource();
    LogSource(const LogSource&) = delete;
    LogSource& operator=(const LogSource&) = delete;

    /// The `bytes` bytes at `at`, good until the next call. `run`: as many are going to be read
    /// from there on. not_found: one file of the log does not hold all of them before its end.
    /// unavailable: not now. io.
    Result<Bytes> get(std::int64_t at, std::int64_t bytes, std::int64_t run = 0);
    /// The same, fewer at the end of the log or of the file.
    Result<Bytes> get_some(std::int64_t at, std::int64_t bytes);
    /// The record at `at`. corrupt: no whole record begins there; else as get().
    Result<Bytes> record(std::int64_t at);

    /// True when get() would read nothing.
    bool has(std::int64_t at, std::int64_t bytes) const {
        return log_.is_warm(at) ||
               (at >= window_at_ &&
                at + bytes <= window_at_ + static_cast<std::int64_t>(window_.size()));
    }

    /// What keeps the last get()'s bytes in place; null: they are a copy, made anew each time.
    const std::shared_ptr<const LogFile>& mapped() const { return mapped_; }
    const CommitLog& log() const { return log_; }
    std::int64_t end() const { return end_; }  ///< the log's shown(), when this was made

private:
    bool find_file(std::int64_t at);
    Result<> load(std::int64_t at, std::int64_t bytes, bool reads_on);

    const CommitLog& log_;
    const Mode mode_;
    const std::int64_t end_;
    std::shared_ptr<const LogFile> file_;
    std::shared_ptr<const LogFile> mapped_;
    Buffer window_;
    std::int64_t window_at_ = 0;
};

}  // namespace mqd::store
