#include "config/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "base/parse.h"

namespace mqd::config {
namespace {

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\f' || c == '\r';
}

// What one line of a properties file looks like to TOML: a quoted or bracketed value, a table.
bool looks_like_toml(std::string_view line) {
    line = trimmed(line);
    if (line.starts_with('[')) return true;
    const auto equals = line.find('=');
    if (line.starts_with('#') || equals == std::string_view::npos) return false;
    const auto value = trimmed(line.substr(equals + 1));
    return value.starts_with('"') || value.starts_with('\'') || value.starts_with('[') ||
           value.find(" # ") != std::string_view::npos;
}

std::string escaped_for_properties(std::string_view value) {
    std::string out;
    for (const char c : value) {
        if (c == '\n') {
            out += "\\n";
        } else if (c == '\\' || (c == ' ' && out.empty())) {
            out += '\\';
            out += c;
        } else {
            out += c;
        }
    }
    return out;
}

std::string written(Format format, const Change& change) {
    if (format == Format::properties) return escaped_for_properties(change.value);
    return change.is_number ? change.value : toml_quoted(change.value);
}

// Reads java.util.Properties: one pair a logical line, which a backslash continues.
class PropertiesReader {
public:
    explicit PropertiesReader(std::string_view text) : text_(text) {}

    bool next_line() {
        while (at_ < text_.size()) {
            while (at_ < text_.size() && (is_blank(text_[at_]) || text_[at_] == '\n')) step();
            if (at_ == text_.size()) return false;
            if (text_[at_] != '#' && text_[at_] != '!') return true;
            while (at_ < text_.size() && text_[at_] != '\n') ++at_;
        }
        return false;
    }
    std::size_t line() const { return line_; }
    std::size_t at() const { return at_; }

    std::string key() {
        std::string out;
        while (!at_end() && text_[at_] != '=' && text_[at_] != ':' && !is_blank(text_[at_]))
            take(out);
        skip_blanks();
        if (!at_end() && (text_[at_] == '=' || text_[at_] == ':')) {
            has_separator_ = true;
            ++at_;
            skip_blanks();
        } else {
            has_separator_ = false;
        }
        return out;
    }
    bool has_separator() const { return has_separator_; }

    /// Blanks at the end are dropped: nobody means them, and files from Windows have a CR there.
    std::string value() {
        std::string out;
        std::size_t kept = 0;
        value_end_ = at_;
        while (!at_end()) {
            const bool plain_blank = is_blank(text_[at_]);
            take(out);
            if (!plain_blank) {
                kept = out.size();
                value_end_ = at_;
            }
        }
        out.resize(kept);
        return out;
    }
    std::size_t value_end() const { return value_end_; }

private:
    bool at_end() const { return at_ >= text_.size() || text_[at_] == '\n'; }
    void step() {
        if (text_[at_++] == '\n') ++line_;
    }
    void skip_blanks() {
        while (!at_end() && (is_blank(text_[at_]) || continues())) {
            if (is_blank(text_[at_])) {
                ++at_;
            } else {
                join_lines();
            }
        }
    }
    bool continues() const {
        return text_[at_] == '\\' &&
               (at_ + 1 == text_.size() || text_[at_ + 1] == '\n' || text_[at_ + 1] == '\r');
    }
    void join_lines() {
        ++at_;
        while (at_ < text_.size() && text_[at_] == '\r') ++at_;
        if (at_ < text_.size()) step();
        while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
    }
    void take(std::string& out) {
        if (text_[at_] != '\\') {
            out += text_[at_++];
            return;
        }
        if (continues()) return join_lines();
        const char c = text_[at_ + 1];
        at_ += 2;
        if (c == 'u') return take_unicode(out);
        out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c == 'f' ? '\f' : c;
    }
    void take_unicode(std::string& out) {
        const std::string digits(text_.substr(at_, 4));
        char* end = nullptr;
        const unsigned long c = std::strtoul(digits.c_str(), &end, 16);
        if (digits.size() != 4 || end != digits.c_str() + 4) {
            out += 'u';
            return;
        }
        at_ += 4;
        const auto put = [&](unsigned long byte) { out += static_cast<char>(byte); };
        if (c < 0x80) {
            put(c);
        } else if (c < 0x800) {
            put(0xc0 | (c >> 6));
            put(0x80 | (c & 0x3f));
        } else {
            put(0xe0 | (c >> 12));
            put(0x80 | ((c >> 6) & 0x3f));
            put(0x80 | (c & 0x3f));
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
    std::size_t value_end_ = 0;
    bool has_separator_ = false;
};

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }
    int release() { return std::exchange(fd_, -1); }

private:
    int fd_;
};

Result<> write_and_sync(const std::filesystem::path& path, std::string_view text) {
    Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (file.get() < 0) return errno_error("cannot write " + path.string());
    while (!text.empty()) {
        const auto n = ::write(file.get(), text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno_error("cannot write " + path.string());
        text.remove_prefix(static_cast<std::size_t>(n));
    }
    if (::fsync(file.get()) != 0) return errno_error("cannot sync " + path.string());
    if (::close(file.release()) != 0) return errno_error("cannot close " + path.string());
    return {};
}

}  // namespace

Format format_of(const std::filesystem::path& path, std::string_view text) {
    const auto extension = path.extension();
    if (extension == ".toml") return Format::toml;
    if (extension == ".conf" || extension == ".properties") return Format::properties;
    for (const auto line : split(text, '\n'))
        if (looks_like_toml(line)) return Format::toml;
    return Format::properties;
}

Result<std::vector<Entry>> parse(Format format, std::string_view text, std::string_view name) {
    return format == Format::toml ? parse_toml(text, name) : parse_properties(text, name);
}

Result<std::vector<Entry>> parse_properties(std::string_view text, std::string_view name) {
    std::vector<Entry> out;
    PropertiesReader reader(text);
    while (reader.next_line()) {
        Entry entry;
        entry.line = reader.line();
        entry.key = reader.key();
        entry.value_begin = reader.at();
        entry.value = reader.value();
        entry.value_end = reader.value_end();
        if (entry.key.empty() || (!reader.has_separator() && entry.value.empty()))
            return Error{Errc::invalid,
                         fmt::format("{}:{}: the line is not key=value", name, entry.line)};
        out.push_back(std::move(entry));
    }
    return out;
}

Result<std::string> read_file(const std::filesystem::path& path) {
    Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) {
        const int number = errno;
        auto error = errno_error("cannot read " + path.string(), number);
        if (number == ENOENT || number == ENOTDIR) error.code = Errc::not_found;
        if (number == EACCES || number == EPERM) error.code = Errc::refused;
        return error;
    }
    std::string text;
    char block[16384];
    for (;;) {
        const auto n = ::read(file.get(), block, sizeof block);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno_error("cannot read " + path.string());
        if (n == 0) return text;
        text.append(block, static_cast<std::size_t>(n));
    }
}

Result<> replace_file(const std::filesystem::path& path, std::string_view text) {
    const auto dir = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    std::error_code failed;
    std::filesystem::create_directories(dir, failed);
    if (failed)
        return Error{Errc::io, fmt::format("cannot create {}: {}", dir.string(), failed.message())};
    auto temporary = path;
    temporary += ".tmp";
    TRY_OK(write_and_sync(temporary, text));
    if (::rename(temporary.c_str(), path.c_str()) != 0)
        return errno_error("cannot replace " + path.string());
    Descriptor folder(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0 || ::fsync(folder.get()) != 0)
        return errno_error("cannot sync " + dir.string());
    return {};
}

Result<std::string> changed_text(Format format, std::string_view text, std::string_view name,
                                 const std::vector<Change>& changes) {
    TRY(auto entries, parse(format, text, name));
    std::string out(text);
    std::string added;
    // From the end, so that the offsets of what stands before stay true.
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return a.value_begin > b.value_begin; });
    for (const auto& entry : entries)
        for (const auto& change : changes)
            if (change.key == entry.key)
                out.replace(entry.value_begin, entry.value_end - entry.value_begin,
                            written(format, change));
    for (const auto& change : changes) {
        const bool known = std::any_of(entries.begin(), entries.end(),
                                       [&](const Entry& e) { return e.key == change.key; });
        if (known) continue;
        added += change.key;
        added += format == Format::toml ? " = " : "=";
        added += written(format, change);
        added += '\n';
    }
    // In TOML what follows a [table] belongs to it: new keys go to the top.
    if (format == Format::toml) return added + out;
    if (!out.empty() && out.back() != '\n' && !added.empty()) out += '\n';
    return out + added;
}

std::string toml_quoted(std::string_view value) {
    std::string out = "\"";
    for (const char c : value) {
        const auto u = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (c == '\n') {
            out += "\\n";
        } else if (c == '\t') {
            out += "\\t";
        } else if (u < 0x20 || u == 0x7f) {
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", u);
        } else {
            out += c;
        }
    }
    return out + '"';
}

}  // namespace mqd::config
