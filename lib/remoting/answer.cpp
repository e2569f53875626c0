#include "remoting/pending_calls.h"
#include "remoting/session.h"

namespace mqd::remoting {

std::string_view Answer::find(std::string_view key) const {
    for (const auto& [name, value] : ext)
        if (name == key) return value;
    return {};
}

Answer to_answer(const wire::Command& response) {
    Answer answer;
    answer.code = response.code;
    answer.version = response.version;
    answer.remark = response.remark;
    answer.ext.reserve(response.ext.size());
    for (const auto& field : response.ext) answer.ext.emplace_back(field.key, field.value);
    answer.body = as_text(response.body);
    return answer;
}

Error frame_too_long() {
    return {Errc::invalid, "the request is longer than a frame may be"};
}

void Ticket::with_session(std::function<void(Session&)> call) const {
    const auto held = session.lock();
    if (!held) return;
    if (!held->loop().is_current_thread()) return post_to_session(std::move(call));
    if (held->is_open()) call(*held);
}

void Ticket::post_to_session(std::function<void(Session&)> call) const {
    auto held = session.lock();
    if (!held) return;
    // Whether it is open only its own thread can tell.
    net::Loop& loop = held->loop();
    loop.post([held = std::move(held), call = std::move(call)] {
        if (held->is_open()) call(*held);
    });
}

}  // namespace mqd::remoting
