#pragma once
// A temporary file as input or output of the code under test.

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>

class TemporaryFile {
public:
    explicit TemporaryFile(std::string_view content = "") : file_(std::tmpfile()) {
        REQUIRE(file_ != nullptr);
        REQUIRE(std::fwrite(content.data(), 1, content.size(), file_) == content.size());
        REQUIRE(std::fflush(file_) == 0);
        REQUIRE(::lseek(fd(), 0, SEEK_SET) == 0);
    }
    ~TemporaryFile() { std::fclose(file_); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    int fd() const { return ::fileno(file_); }
    std::string content() const {
        std::string text(static_cast<std::size_t>(::lseek(fd(), 0, SEEK_END)), '\0');
        REQUIRE(::pread(fd(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
        return text;
    }

private:
    std::FILE* file_;
};
