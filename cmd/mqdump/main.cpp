// mqdump: store files, offline and also while a broker writes to them (mqdump(1)).

#include <array>

#include "cli/commands.h"
#include "cli/far_end.h"
#include "cli/signals.h"
#include "commands.h"

int main(int argc, char** argv) {
    using namespace mqd;
    static constexpr std::array commands = std::to_array<cli::Command>({
        {"get", "one message, by its offset id, unique key or log offset", dump::get_command},
        {"groups", "committed offsets and lag of each consumer group", dump::groups_command},
        {"index", "what the index files have of a key", dump::index_command},
        {"log", "the messages of a commit log, in the order of arrival", dump::log_command},
        {"queue", "the units of a consume queue: where its messages lie", dump::queue_command},
        {"repair", "put right what verify finds in a stopped store", dump::repair_command},
        {"stat", "what is in a store: segments, queues, disk space", dump::stat_command},
        {"timers", "what is still to be delivered, by the time it is due", dump::timers_command},
        {"topics", "the topic table", dump::topics_command},
        {"verify", "what in a store does not fit together: damage", dump::verify_command},
    });
    cli::install_signals();
    cli::watch_standard_output();
    cli::interrupt_again();
    const int status = cli::run_program(
        {"mqdump",
         "reads the files of a store, of mqd or of RocketMQ; no server is needed",
         commands,
         {{"mqdump stat /var/lib/mqd", "what is in there"},
          {"mqdump log /var/lib/mqd -t orders --since -1h",
           "the last hour's orders, a body a line"},
          {"mqdump log /var/lib/mqd --out json | jq .id", "the ids of all messages"}}},
        argc, argv);
    return cli::end_of_main(status);
}
