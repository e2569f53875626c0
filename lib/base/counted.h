#pragma once
// A number with what it counts, for people: `1 reply`, `2 replies`.

#include <string>
#include <string_view>

namespace mqd {

/// `many`: where it is not `one` with an s.
template <class Number>
std::string counted(Number number, std::string_view one, std::string_view many = {}) {
    std::string out = std::to_string(number);
    out += ' ';
    if (number == 1) return out.append(one);
    if (!many.empty()) return out.append(many);
    return out.append(one) += 's';
}

}  // namespace mqd
