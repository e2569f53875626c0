#include "client/known_group.h"

#include <algorithm>

#include "wire/bodies/groups.h"
#include "wire/codes.h"
#include "wire/headers/clients.h"

namespace mqd::client {

Result<bool> is_group_known(Client& client, const std::vector<std::string>& brokers,
                            std::string_view group) {
    for (const auto& address : brokers) {
        wire::ConsumerGroupHeader header;
        header.consumer_group = group;
        const auto members =
            client.call(address, wire::request_code::get_consumer_connection_list, header);
        if (members) return true;
        if (members.error().code != Errc::not_found) return members.error();
        TRY(const auto answer,
            client.call(address, wire::request_code::get_all_subscriptiongroup_config,
                        wire::NoHeader{}));
        TRY(const auto table, wire::SubscriptionGroupTable::read(answer.body));
        const bool is_there = std::any_of(table.groups.begin(), table.groups.end(),
                                          [&](const auto& one) { return one.group_name == group; });
        if (is_there) return true;
    }
    return false;
}

}  // namespace mqd::client
