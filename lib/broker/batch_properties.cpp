#include "broker/batch_properties.h"

#include "message/properties.h"

namespace mqd::broker {

BatchProperties::BatchProperties(std::string_view shared) {
    message::PropertyReader reader(shared);
    while (const auto is = reader.next()) {
        if (shared_.size() < 64) shared_.push_back({is->name, is->value});
    }
}

std::string_view BatchProperties::missing_in(std::string_view own) {
    std::uint64_t mask = shared_.size() == 64 ? ~0ULL : (1ULL << shared_.size()) - 1;
    message::PropertyReader reader(own);
    while (const auto is = reader.next()) {
        for (std::size_t i = 0; i < shared_.size(); ++i) {
            if (shared_[i].name == is->name) mask &= ~(1ULL << i);
        }
    }
    if (mask == text_mask_) return text_;  // as for the message before: the usual case
    text_.clear();
    for (std::size_t i = 0; i < shared_.size(); ++i) {
        if ((mask >> i & 1) != 0)
            message::append_property(text_, shared_[i].name, shared_[i].value);
    }
    text_mask_ = mask;
    return text_;
}

}  // namespace mqd::broker
