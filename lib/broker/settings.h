#pragma once
// What the operator has set: the sum of what the broker's parts let him set (settings/*.h), each
// with a field for each of its keys and the table of them.
//
// Threads: const after the start.

#include "broker/settings/delays.h"
#include "broker/settings/durability.h"
#include "broker/settings/identity.h"
#include "broker/settings/network.h"
#include "broker/settings/store.h"
#include "broker/settings/tables.h"
#include "broker/settings/traffic.h"
#include "broker/settings/transactions.h"
#include "config/config.h"
#include "store/store.h"

namespace mqd::broker {

struct Settings {
    Settings();

    IdentitySettings identity;
    NetworkSettings network;
    TopicSettings topics;
    GroupSettings groups;
    SendSettings sends;
    DurabilitySettings durability;
    TransactionSettings transactions;
    ReadSettings reads;
    StoreSettings store;
    RetentionSettings retention;
    DelaySettings delays;

    store::Options store_options() const;
};

/// All of the broker's keys, part by part.
void describe(config::Config& config, Settings& settings);

/// Defaults that follow from the system and from other keys (brokerIP1: the listening address when
/// it is a specific one, else the first address that is not loopback, else 127.0.0.1;
/// fastListenPort: listenPort - 2), and checks of several keys together; complaints go to
/// `config`. `standalone`: the name server is inside, and nobody outside is asked for or told.
void settle(config::Config& config, Settings& settings, bool standalone = false);

}  // namespace mqd::broker
