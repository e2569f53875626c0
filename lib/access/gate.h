#pragma once
// May this caller do that to these things? Every front end asks the gate before it does what a
// client wants, in whatever protocol: the question has no request code in it. A request whose
// header names what it touches is asked for before its handler runs; a handler asks itself for what
// it finds in a body or in a stored message; what has waited is asked for again.
//
//     if (const auto may = gate.allow(caller, Action::pub, {Resource::topic(name)}); !may)
//         return refuse(may.error());
//
// A question consists of views, and nothing is allocated for what is allowed.
//
// Threads: any, all at once.
// Owner:   main; outlives whoever asks.

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/result.h"

namespace mqd::access {

/// Those of RocketMQ's policies, and `super`, which no policy can grant.
enum class Action : std::uint8_t { pub, sub, create, update, remove, get, list, super };

/// A question names several when one of them is enough.
class Actions {
public:
    constexpr Actions(Action only)
        : bits_(static_cast<std::uint8_t>(1U << static_cast<unsigned>(only))) {}
    constexpr bool has(Action is) const { return (bits_ & Actions(is).bits_) != 0; }
    friend constexpr Actions operator|(Actions a, Actions b) {
        a.bits_ |= b.bits_;
        return a;
    }
    constexpr bool operator==(const Actions&) const = default;
    /// `Sub/Get`
    std::string text() const;

private:
    std::uint8_t bits_;
};
constexpr Actions operator|(Action a, Action b) {
    return Actions(a) | Actions(b);
}

struct Resource {
    /// A broker is what registers itself at a name server.
    enum class Kind : std::uint8_t { cluster, broker, topic, group };
    Kind kind;
    std::string_view name;

    static constexpr std::string_view retry_prefix = "%RETRY%";

    /// A name server speaks for all clusters: then the name is empty.
    static constexpr Resource cluster(std::string_view name) { return {Kind::cluster, name}; }
    static constexpr Resource broker(std::string_view name) { return {Kind::broker, name}; }
    static constexpr Resource group(std::string_view name) { return {Kind::group, name}; }
    /// The retry topic of a group is the group.
    static constexpr Resource topic(std::string_view name) {
        if (name.starts_with(retry_prefix)) return group(name.substr(retry_prefix.size()));
        return {Kind::topic, name};
    }
    constexpr bool operator==(const Resource&) const = default;
    /// `Topic:T`, as policies spell it.
    std::string text() const;
};

struct Caller {
    std::string_view account;  ///< empty: the client has shown none
    std::string_view address;  ///< `ip:port` of the connection
};

class Gate {
public:
    Gate() = default;
    virtual ~Gate();
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;

    /// Whether `who` may do one of `any_of` to each of `all`. refused: it may not. The text is for
    /// the client, and the log has it by then.
    Result<> allow(const Caller& who, Actions any_of, std::span<const Resource> all) {
        const auto verdict = decide(who, any_of, all);
        if (verdict.refused == nullptr) return {};
        return refuse(who, any_of, verdict);
    }
    Result<> allow(const Caller& who, Actions any_of, std::initializer_list<Resource> all) {
        return allow(who, any_of, std::span<const Resource>(all.begin(), all.size()));
    }
    /// Of one that lies somewhere already: copying it takes longer than the question.
    Result<> allow(const Caller& who, Actions any_of, const Resource& only) {
        return allow(who, any_of, std::span<const Resource>(&only, 1));
    }
    /// Of a topic that a group uses. The group's own retry topic is nothing besides the group.
    Result<> allow_to_group(const Caller& who, Actions any_of, std::string_view topic,
                            std::string_view group) {
        const Resource both[] = {Resource::topic(topic), Resource::group(group)};
        if (both[0] == both[1]) return allow(who, any_of, both[0]);
        return allow(who, any_of, std::span<const Resource>(both));
    }

protected:
    struct Verdict {
        const Resource* refused = nullptr;  ///< one of those asked for; null: all are allowed
        std::string_view why = {};          ///< "no matched policies"; outlives the call
    };

private:
    virtual Verdict decide(const Caller& who, Actions any_of,
                           std::span<const Resource> all) const = 0;
    Error refuse(const Caller& who, Actions any_of, const Verdict& verdict);
    /// How many refusals a line counts now; 0: not now.
    std::int64_t take_unlogged();

    Mutex mutex_;
    std::int64_t unlogged_ GUARDED_BY(mutex_) = 0;  // refusals that no line counts yet
    std::int64_t logged_ms_ GUARDED_BY(mutex_) = 0;
};

/// Lets everybody pass.
class OpenGate final : public Gate {
    Verdict decide(const Caller&, Actions, std::span<const Resource>) const override { return {}; }
};

}  // namespace mqd::access
