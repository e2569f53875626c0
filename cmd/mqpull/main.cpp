// mqpull: topic in, records out (mqpull(1)).

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "ack_output.h"
#include "cli/far_end.h"
#include "cli/parser.h"
#include "cli/signals.h"
#include "dir_output.h"
#include "exec_output.h"
#include "lag.h"
#include "options.h"
#include "pipe_output.h"
#include "pulling.h"
#include "stream_output.h"

namespace {

using namespace mqd;
using namespace mqd::mqpull;

Result<std::unique_ptr<Output>> make_dir_output(const cli::Parser& cli, const Options& o) {
    TRY(auto folder, record::Folder::open(o.to_dir.dir));
    // A group gets again what was in them; without one, that may be all there is of it.
    const bool removes = o.settings.commits();
    TRY(const int count, folder->abandoned(o.to_dir.names, removes));
    if (count > 0)
        cli.note(fmt::format("{}: {} .part {} of a run that was killed {}", o.to_dir.dir, count,
                             count == 1 ? "file" : "files", removes ? "removed" : "left alone"));
    return std::unique_ptr<Output>(
        std::make_unique<DirOutput>(std::move(folder), o.settings.format, o.to_dir));
}

Result<std::unique_ptr<Output>> make_output(const cli::Parser& cli, client::Client& client,
                                            const Options& o) {
    std::unique_ptr<Output> output;
    if (cli.given("--to-dir")) return make_dir_output(cli, o);
    if (cli.given("--exec")) {
        output = std::make_unique<ExecOutput>(cli, client, o.settings.format, o.exec);
    } else if (o.ack_fd) {
        output = std::make_unique<AckOutput>(cli, o.settings.format, *o.ack_fd);
    } else if (o.settings.commits() && cli::FarEnd(STDOUT_FILENO).exists()) {
        output = std::make_unique<PipeOutput>(STDOUT_FILENO, o.settings.format);
    } else {
        output = std::make_unique<StreamOutput>(o.settings.format, o.settings.commits());
    }
    return output;
}

/// For the answer to a request that is waited for.
constexpr std::int64_t call_ms = 3000;

int run(int argc, char** argv) {
    Options o;
    cli::Parser cli("mqpull", "print the messages of a topic");
    describe(cli, o);
    if (const auto status = cli.parse(argc, argv)) return *status;
    if (const auto status = settle(cli, o)) return *status;

    cli::install_signals();
    cli::interrupt_again();
    const std::int64_t timeout_ms = o.settings.waiting.timeout_ms;
    o.settings.waiting = cli.waiting(timeout_ms);
    client::Options client_options;
    client_options.namesrv = o.server.namesrv;
    if (timeout_ms > 0) client_options.timeout_ms = std::min(call_ms, timeout_ms);
    client_options.waiting = o.settings.waiting;
    client_options.talk = {cli.quiet() ? 0 : cli.verbose(),
                           [&](std::string_view what) { cli.warn(what); }};
    auto client = client::Client::open(std::move(client_options));
    if (!client) return cli.fail(client.error());
    if (o.lag) return cli.finish(print_lag(**client, o.settings));
    // A closed pipe shows as an error of write(), so that offsets can be committed first.
    ::signal(SIGPIPE, SIG_IGN);
    const auto output = make_output(cli, **client, o);
    if (!output) return cli.fail(output.error());
    Pulling pulling(cli, **client, o.settings, **output);
    return pulling.run();
}

}  // namespace

int main(int argc, char** argv) {
    return cli::end_of_main(run(argc, argv));
}
