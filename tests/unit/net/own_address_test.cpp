#include "net/own_address.h"

#include <doctest/doctest.h>

#include <vector>

using mqd::net::choose_address;
using Addresses = std::vector<mqd::net::InterfaceAddress>;

TEST_CASE("of its addresses a machine tells the last public one, else the first private one") {
    CHECK(choose_address(Addresses{}) == "");
    CHECK(choose_address(Addresses{{"127.0.0.1", false}}) == "");
    // What RocketMQ 5.3.3 chose on interfaces with these addresses, listed in this order.
    CHECK(choose_address(Addresses{{"10.1.1.1", true}, {"10.1.1.2", true}, {"10.3.3.3", true}}) ==
          "10.1.1.1");
    CHECK(choose_address(Addresses{{"192.168.1.1", true}, {"192.168.2.2", true}}) == "192.168.1.1");
    // A bridge of containers comes first or last: it is nobody's address.
    CHECK(choose_address(Addresses{{"172.17.0.1", false}, {"10.0.0.5", true}}) == "10.0.0.5");
    CHECK(choose_address(Addresses{{"10.0.0.5", true}, {"172.17.0.1", false}}) == "10.0.0.5");
    CHECK(choose_address(Addresses{{"10.0.0.5", true}, {"192.0.2.1", true}, {"10.0.0.6", true}}) ==
          "192.0.2.1");
    CHECK(choose_address(Addresses{{"192.0.2.1", true}, {"198.51.100.1", true}}) == "198.51.100.1");
    for (const auto* const ip : {"10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.1"})
        CHECK(choose_address(Addresses{{ip, true}, {"192.0.2.1", true}, {ip, true}}) ==
              "192.0.2.1");
    for (const auto* const ip : {"9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0"})
        CHECK(choose_address(Addresses{{"10.0.0.1", true}, {ip, true}}) == ip);
}

TEST_CASE("there is always one") {
    CHECK(mqd::net::own_address().find('.') != std::string::npos);
}
