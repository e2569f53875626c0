#include "input.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/path_error.h"
#include "base/unpack.h"
#include "cli/signals.h"
#include "find_store.h"
#include "store/check/scan.h"

namespace mqd::dump {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t block_bytes = 64 << 10;

/// A file without a name: it is gone with its last descriptor.
class Nameless {
public:
    static Result<Nameless> make() {
        const char* const folder = std::getenv("TMPDIR");
        std::string name =
            fmt::format("{}/mqdump-XXXXXX", folder != nullptr && *folder != '\0' ? folder : "/tmp");
        const int fd = ::mkostemp(name.data(), O_CLOEXEC);
        if (fd < 0) return path_error(name);
        ::unlink(name.c_str());
        return Nameless(fd, std::move(name));
    }
    Nameless(Nameless&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)), name_(std::move(other.name_)), size_(other.size_) {}
    Nameless& operator=(Nameless&&) = delete;
    ~Nameless() {
        if (fd_ >= 0) ::close(fd_);
    }

    /// Zeros, of which files of a store are full, become holes.
    Result<> put(Bytes bytes) {
        while (!bytes.empty()) {
            const auto block = bytes.first(std::min(bytes.size(), block_bytes));
            if (!std::all_of(block.begin(), block.end(),
                             [](std::byte b) { return b == std::byte{0}; }))
                TRY_OK(write(block));
            size_ += static_cast<off_t>(block.size());
            bytes = bytes.subspan(block.size());
        }
        return {};
    }
    Result<> finish() {
        if (::ftruncate(fd_, size_) != 0) return errno_error(name_);
        return {};
    }
    fs::path path() const { return fmt::format("/proc/self/fd/{}", fd_); }
    int release() { return std::exchange(fd_, -1); }

private:
    Nameless(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}

    Result<> write(Bytes block) const {
        for (off_t at = size_; !block.empty();) {
            const auto n = ::pwrite(fd_, block.data(), block.size(), at);
            if (n < 0 && errno == EINTR && !cli::interrupted()) continue;
            if (n < 0) return errno_error(name_);
            block = block.subspan(static_cast<std::size_t>(n));
            at += n;
        }
        return {};
    }

    int fd_ = -1;
    std::string name_;
    off_t size_ = 0;
};

Result<Nameless> copy_stdin() {
    TRY(auto copy, Nameless::make());
    std::array<std::byte, block_bytes> block{};
    for (;;) {
        if (!cli::wait_readable(STDIN_FILENO, -1))
            return Error{Errc::io, "standard input: interrupted before its end"};
        const auto n = ::read(STDIN_FILENO, block.data(), block.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno_error("standard input");
        if (n == 0) break;
        TRY_OK(copy.put(Bytes(block).first(static_cast<std::size_t>(n))));
    }
    TRY_OK(copy.finish());
    return copy;
}

/// Nothing: it is not packed.
Result<std::optional<Nameless>> unpacked(const fs::path& path, std::string_view name) {
    TRY(const auto file, store::ScanFile::open(path));
    const auto packing = packing_of(file.bytes());
    if (packing == Packing::none) return std::optional<Nameless>();
    TRY(auto out, Nameless::make());
    auto done = unpack(packing, file.bytes(), [&](Bytes piece) -> Result<> {
        if (cli::interrupted()) return Error{Errc::io, "interrupted"};
        return out.put(piece);
    });
    if (!done) return Error{done.error().code, fmt::format("{}: {}", name, done.error().what)};
    TRY_OK(out.finish());
    return std::optional(std::move(out));
}

/// Without the ending that a packed file has got.
std::string plain_name(const std::string& name) {
    for (const auto* const ending : {".gz", ".zst"})
        if (name.ends_with(ending))
            return name.substr(0, name.size() - std::string_view(ending).size());
    return name;
}

}  // namespace

Result<Input> Input::open(const std::string& argument) {
    Input input(store::Places(argument), "standard input");
    std::optional<Nameless> copy;
    if (argument == "-") {
        TRY(auto read, copy_stdin());
        copy.emplace(std::move(read));
    } else {
        TRY(input.places_, find_store(argument));
        input.name_ = input.path().native();
        TRY(const auto there, store::look_at(input.path()));
        input.is_folder_ = there == store::There::folder;
        if (there == store::There::nothing)
            return Error{Errc::not_found, fmt::format("{}: no such store or file", input.name_)};
        if (input.is_folder_) return input;
    }
    TRY(auto plain, unpacked(copy ? copy->path() : input.path(), input.name_));
    if (plain) {
        input.name_ = plain_name(input.name_);
        copy.emplace(std::move(*plain));
    }
    if (!copy) return input;
    input.places_ = store::Places(copy->path());
    input.fd_ = copy->release();
    return input;
}

Input::Input(Input&& other) noexcept
    : places_(std::move(other.places_)),
      name_(std::move(other.name_)),
      is_folder_(other.is_folder_),
      fd_(std::exchange(other.fd_, -1)) {}

Input::~Input() {
    if (fd_ >= 0) ::close(fd_);
}

}  // namespace mqd::dump
