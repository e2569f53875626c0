#include "record/fields.h"

#include <unordered_set>

#include "message/id.h"
#include "message/properties.h"

namespace mqd::record {
namespace {

// Of a name that is there twice only the last one stays.
void drop_repeated(std::vector<Property>& properties) {
    constexpr std::size_t few = 24;
    const auto repeats = [&](std::size_t i) {
        for (std::size_t j = i + 1; j < properties.size(); ++j)
            if (properties[j].name == properties[i].name) return true;
        return false;
    };
    std::size_t to = 0;
    if (properties.size() <= few) {
        bool any = false;
        for (std::size_t i = 0; i < properties.size() && !any; ++i) any = repeats(i);
        if (!any) return;
        for (std::size_t i = 0; i < properties.size(); ++i)
            if (!repeats(i)) properties[to++] = properties[i];
        properties.resize(to);
        return;
    }
    std::unordered_set<std::string_view> seen;
    std::vector<Property> kept;
    for (std::size_t i = properties.size(); i-- > 0;)
        if (seen.insert(properties[i].name).second) kept.push_back(properties[i]);
    properties.assign(kept.rbegin(), kept.rend());
}

}  // namespace

FieldReader::Kind FieldReader::kind_of(std::string_view name) {
    const auto first = static_cast<unsigned char>(name.front());
    const auto last = static_cast<unsigned char>(name.back());
    auto& known = known_[(name.size() * 31U + first * 7U + last) % known_.size()];
    if (known.name == name) return known.kind;
    known.name = name;
    if (name == message::property::keys) {
        known.kind = Kind::keys;
    } else if (name == message::property::tags) {
        known.kind = Kind::tags;
    } else if (name == message::property::uniq_key) {
        known.kind = Kind::unique_key;
    } else if (name == message::property::sharding_key) {
        known.kind = Kind::shard;
    } else {
        known.kind = message::is_reserved_property(name) ? Kind::system : Kind::user;
    }
    return known.kind;
}

const Fields& FieldReader::read(std::string_view properties) {
    fields_.keys = fields_.tags = fields_.shard = fields_.unique_key = {};
    fields_.user.clear();
    fields_.system.clear();
    message::PropertyReader reader(properties);
    while (const auto property = reader.next()) {
        switch (kind_of(property->name)) {
            case Kind::user:
                fields_.user.push_back({property->name, property->value});
                break;
            case Kind::system:
                fields_.system.push_back({property->name, property->value});
                break;
            case Kind::keys:
                fields_.keys = property->value;
                break;
            case Kind::tags:
                fields_.tags = property->value;
                break;
            case Kind::shard:
                fields_.shard = property->value;
                break;
            case Kind::unique_key:
                fields_.unique_key = property->value;
                break;
        }
    }
    drop_repeated(fields_.user);
    drop_repeated(fields_.system);
    return fields_;
}

std::string_view FieldReader::offset_id(const message::RecordView& message) {
    constexpr std::size_t offset_digits = 16;
    if (id_.empty() || id_host_ != message.store_host) {
        id_host_ = message.store_host;
        id_ = message::offset_id(message.store_host, message.at);
        return id_;
    }
    auto rest = static_cast<std::uint64_t>(message.at.value);
    for (std::size_t i = 0; i < offset_digits; ++i, rest >>= 4)
        id_[id_.size() - 1 - i] = "0123456789ABCDEF"[rest & 15];
    return id_;
}

std::string_view FieldReader::text_of(const message::Host& host, HostText& last) {
    if (last.text.empty() || last.host != host) {
        last.host = host;
        last.text = host.to_string();
    }
    return last.text;
}

std::string_view FieldReader::born_host(const message::RecordView& message) {
    return text_of(message.born_host, born_);
}
std::string_view FieldReader::store_host(const message::RecordView& message) {
    return text_of(message.store_host, store_);
}

}  // namespace mqd::record
