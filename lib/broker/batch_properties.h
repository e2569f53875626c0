#pragma once
// What the messages of a batch get from the batch's own properties (mqd-remoting(7), BATCH BODIES).
//
// Threads: one.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mqd::broker {

/// Gives each message of a batch what it lacks of the batch's own properties: names that it has
/// already stay as they are, so that every message keeps its own UNIQ_KEY.
class BatchProperties {
public:
    /// `shared` must outlive this.
    explicit BatchProperties(std::string_view shared);
    /// To be appended to `own`; good until the next call.
    std::string_view missing_in(std::string_view own);

private:
    struct Property {
        std::string_view name, value;
    };
    std::vector<Property> shared_;
    std::uint64_t text_mask_ = 0;  // which of shared_ are in text_
    std::string text_;
};

}  // namespace mqd::broker
