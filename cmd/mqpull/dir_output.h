#pragma once
// --to-dir: messages to files that follow one another (mqpull(1)). A message is done when the
// file that holds it is whole and on disk under its name.
//
// Threads: one.
// Owner:   main.

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "output.h"
#include "record/encoder.h"
#include "record/file_names.h"
#include "record/part_file.h"

namespace mqd::mqpull {

class DirOutput final : public Output {
public:
    struct Options {
        std::string dir;
        record::FileNames names;
        record::Rotation rotation = {3'600'000, 1 << 30};
    };
    DirOutput(std::unique_ptr<record::Folder> folder, record::Format format,
              const Options& options);

    Result<> put(const Delivery& delivery) override;
    void pass(client::PulledQueue& queue, std::int64_t next) override;
    Result<> flush() override;
    Result<> settle() override { return finish_file(); }
    Result<> advance() override;
    std::int64_t due_ms() const override { return file_ ? end_at_ms_ : -1; }
    Result<> end() override { return finish_file(); }
    bool wants_commit() override;

private:
    struct Reached {
        std::shared_ptr<client::PulledQueue> queue;
        std::int64_t next;
    };
    Result<> begin_file();
    Result<> finish_file();
    Result<> write_out();

    const std::unique_ptr<record::Folder> folder_;
    const record::FileNames names_;
    const record::Rotation rotation_;
    record::Encoder encoder_;
    Buffer buffer_;  // not yet given to the file
    std::unique_ptr<record::PartFile> file_;
    std::int64_t end_at_ms_ = -1;  // monotonic; -1: only its size ends the file
    std::unordered_map<client::PulledQueue*, Reached> reached_;  // by the file that is written
    bool has_finished_ = false;
};

}  // namespace mqd::mqpull
