#include "config/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>

#include "base/parse.h"
#include "base/whole_duration.h"

namespace mqd::config {
namespace {

// Levenshtein's distance; names longer than the row are never typos of one another.
std::size_t distance(std::string_view a, std::string_view b) {
    std::array<std::size_t, 64> row{};
    if (b.size() + 1 > row.size()) return row.size();
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row[b.size()];
}

}  // namespace

Key& Config::add(std::string_view name, Type type, std::string_view comment) {
    check(find(name) == nullptr);
    auto& key = keys_.emplace_back();
    key.name = name;
    key.type = type;
    key.comment = comment;
    return key;
}

Key& Config::boolean(std::string_view name, bool& field, std::string_view comment) {
    auto& key = add(name, Type::boolean, comment);
    key.get = [&field] { return std::string(field ? "true" : "false"); };
    key.set = [&field](std::string_view text) -> Result<> {
        if (text != "true" && text != "false") return none_of(text, "true, false");
        field = text == "true";
        return {};
    };
    return key;
}

Key& Config::text(std::string_view name, std::string& field, std::string_view comment) {
    auto& key = add(name, Type::text, comment);
    key.get = [&field] { return field; };
    key.set = [&field](std::string_view text) -> Result<> {
        if (!is_utf8(text)) return Error{Errc::invalid, "the value is not UTF-8"};
        field = text;
        return {};
    };
    return key;
}

Result<std::int64_t> Config::read_number(Type type, std::string_view text, std::int64_t min,
                                         std::int64_t max) {
    Result<std::int64_t> value =
        Error{Errc::invalid, fmt::format("'{}' is not a whole number", text)};
    if (const auto plain = parse_int<std::int64_t>(text)) {
        value = *plain;
    } else if (type == Type::size) {
        value = parse_size(text);
    } else if (type == Type::duration) {
        value = parse_whole_duration_ms(text);
    }
    if (!value) return value;
    if (*value < min || *value > max)
        return Error{Errc::invalid, fmt::format("{} is outside {}..{}", text, min, max)};
    return value;
}

Error Config::none_of(std::string_view text, std::string_view all) {
    return Error{Errc::invalid, fmt::format("'{}' is not one of {}", text, all)};
}

const Key* Config::find(std::string_view name) const {
    const auto at =
        std::find_if(keys_.begin(), keys_.end(), [&](const Key& key) { return key.name == name; });
    return at == keys_.end() ? nullptr : &*at;
}

Key* Config::find_mutable(std::string_view name) {
    return const_cast<Key*>(find(name));
}

bool Config::is_set(std::string_view name) const {
    const auto* key = find(name);
    return key != nullptr && key->origin.strength != Origin::defaults;
}

void Config::apply(Key& key, std::string_view value, Origin origin) {
    if (origin.strength < key.origin.strength) return;
    if (const auto done = key.set(value); !done) {
        problems_.push_back(fmt::format("{}: {}: {}", origin.text, key.name, done.error().what));
        return;
    }
    key.origin = std::move(origin);
}

void Config::load(const std::filesystem::path& path) {
    const auto text = read_file(path);
    if (!text) {
        problems_.push_back(text.error().what);
        return;
    }
    const auto entries = parse(format_of(path, *text), *text, path.string());
    if (!entries) {
        problems_.push_back(entries.error().what);
        return;
    }
    load(*entries, path.string());
}

void Config::load(const std::vector<Entry>& entries, std::string_view file_name) {
    std::map<std::string_view, const Entry*> values;
    for (const auto& entry : entries) values.emplace(entry.key, &entry);
    const auto other = [&](std::string_view name) {
        const auto at = values.find(name);
        return at == values.end() ? std::string_view() : std::string_view(at->second->value);
    };
    for (const auto& entry : entries) {
        auto where = fmt::format("{}:{}", file_name, entry.line);
        // java.util.Properties takes the last without a word; whoever wrote the first means it.
        if (const auto* first = values.at(entry.key); first->value != entry.value)
            problems_.push_back(fmt::format(
                "{}: {}: line {} has another value (RocketMQ takes the last): remove one of them",
                where, entry.key, first->line));
        if (const auto broken = broken_promise(entry.key, entry.value, other)) {
            problems_.push_back(fmt::format("{}: {}", where, *broken));
        } else if (auto* key = find_mutable(entry.key)) {
            apply(*key, entry.value, {Origin::file, std::move(where)});
        } else if (find_rocketmq_key(entry.key) != nullptr) {
            warnings_.push_back(
                fmt::format("{}: {} is ignored: it has no meaning here", where, entry.key));
        } else {
            problems_.push_back(
                fmt::format("{}: unknown key '{}'{}", where, entry.key, closest(entry.key)));
        }
    }
}

void Config::load_environment() {
    for (auto& key : keys_) {
        if (key.variable.empty()) continue;
        const std::string variable(key.variable);
        // An empty variable is how scripts unset one.
        const char* value = std::getenv(variable.c_str());
        if (value != nullptr && *value != '\0')
            apply(key, value, {Origin::environment, "$" + variable});
    }
}

void Config::set_option(std::string_view name, std::string_view value, std::string_view flag) {
    auto* key = find_mutable(name);
    check(key != nullptr);
    apply(*key, value, {Origin::option, std::string(flag)});
}

void Config::set_default(std::string_view name, std::string_view value, std::string_view why) {
    auto* key = find_mutable(name);
    check(key != nullptr);
    if (is_set(name)) return;
    apply(*key, value, {Origin::defaults, std::string(why)});
}

Result<> Config::update(std::string_view name, std::string_view value) {
    auto* key = find_mutable(name);
    if (key == nullptr)
        return Error{Errc::not_found, fmt::format("unknown key '{}'{}", name, closest(name))};
    if (auto done = key->set(value); !done)
        return Error{Errc::invalid, fmt::format("{}: {}", name, done.error().what)};
    key->origin = {Origin::update, "update"};
    return {};
}

void Config::complain(std::string_view name, std::string_view what) {
    const auto* key = find(name);
    check(key != nullptr);
    problems_.push_back(fmt::format("{}: {}: {}", key->origin.text, name, what));
}

void Config::note(std::string_view name, std::string_view what) {
    const auto* key = find(name);
    check(key != nullptr);
    warnings_.push_back(fmt::format("{}: {}: {}", key->origin.text, name, what));
}

std::vector<const Key*> Config::differences(const Config& other) const {
    std::vector<const Key*> out;
    for (const auto& key : keys_) {
        const auto* there = other.find(key.name);
        if (there != nullptr && key.get() != there->get()) out.push_back(&key);
    }
    return out;
}

std::string Config::print() const {
    std::string out;
    for (const auto& key : keys_) {
        const auto value = key.is_number() ? key.get() : toml_quoted(key.get());
        fmt::format_to(std::back_inserter(out), "{} = {}  # {}\n", key.name, value,
                       key.origin.text);
    }
    return out;
}

std::string Config::properties() const {
    std::string out;
    for (const auto& key : keys_)
        fmt::format_to(std::back_inserter(out), "{}={}\n", key.name, key.get());
    return out;
}

std::string Config::closest(std::string_view name) const {
    std::string_view best;
    std::size_t least = 3;
    for (const auto& key : keys_) {
        const auto away = distance(name, key.name);
        if (away < least) {
            least = away;
            best = key.name;
        }
    }
    return best.empty() ? std::string() : fmt::format(" (did you mean {}?)", best);
}

}  // namespace mqd::config
