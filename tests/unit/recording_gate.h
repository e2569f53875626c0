#pragma once
// A gate that writes down what it is asked, and refuses what a test wants.

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "access/gate.h"

namespace mqd::test {

/// Threads: any.
class RecordingGate final : public access::Gate {
public:
    /// What was asked since the last take(), one `Pub Topic:T` a resource.
    std::vector<std::string> take() {
        const std::lock_guard lock(mutex_);
        return std::exchange(asked_, {});
    }
    /// From here on a question whose text is `what` is refused; "all": every one; "": none.
    void refuse(std::string_view what) {
        const std::lock_guard lock(mutex_);
        refused_ = what;
    }
    /// Of the last question.
    std::string address() const {
        const std::lock_guard lock(mutex_);
        return address_;
    }

    static constexpr std::string_view why = "a test forbids it";

private:
    Verdict decide(const access::Caller& who, access::Actions any_of,
                   std::span<const access::Resource> all) const override {
        const std::lock_guard lock(mutex_);
        address_ = who.address;
        Verdict verdict;
        for (const auto& resource : all) {
            asked_.push_back(any_of.text() + " " + resource.text());
            const bool is_refused = refused_ == "all" || refused_ == asked_.back();
            if (is_refused && verdict.refused == nullptr) verdict = {&resource, why};
        }
        return verdict;
    }

    mutable std::mutex mutex_;
    mutable std::vector<std::string> asked_;
    mutable std::string address_;
    std::string refused_;
};

}  // namespace mqd::test
