// mqdump: store files, offline and also while a broker writes to them (mqdump(1)).

#include <array>

#include "cli/commands.h"
#include "cli/far_end.h"
#include "cli/signals.h"
#include "commands.h"

int main(int argc, char** argv) {
    using namespace mqd;
    static constexpr std::array commands = std::to_array<cli::Command>({
        {"get", "print one message, by its offset id, unique key or log offset", dump::get_command},
        {"groups", "print committed offsets and lag of each consumer group", dump::groups_command},
        {"index", "print the entries of the index files for a key", dump::index_command},
        {"log", "print the messages of a commit log, in the order of arrival", dump::log_command},
        {"queue", "print the units of a consume queue: where its messages are",
         dump::queue_command},
        {"repair", "repair what verify finds in a stopped store", dump::repair_command},
        {"stat", "print what is in a store: segments, queues, disk space", dump::stat_command},
        {"timers", "print delayed messages, by the time at which they are due",
         dump::timers_command},
        {"topics", "print the topic table", dump::topics_command},
        {"verify", "check a store for damage", dump::verify_command},
    });
    cli::install_signals();
    cli::watch_standard_output();
    cli::interrupt_again();
    const int status = cli::run_program(
        {"mqdump",
         "read the files of a store of mqd or of RocketMQ, without a server",
         commands,
         {{"mqdump stat /var/lib/mqd", "print what is in a store"},
          {"mqdump log /var/lib/mqd -t orders --since -1h",
           "print the orders of the last hour, a body a line"},
          {"mqdump log /var/lib/mqd --out json | jq .id", "print the ids of all messages"}}},
        argc, argv);
    return cli::end_of_main(status);
}
