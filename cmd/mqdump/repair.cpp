// mqdump repair: what verify finds, put right.

#include "store/check/repair.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/counted.h"
#include "cli/output.h"
#include "cli/parser.h"
#include "cli/signals.h"
#include "commands.h"
#include "find_store.h"
#include "store/check/scan.h"

namespace mqd::dump {

int repair_command(const std::vector<std::string>& arguments) {
    std::string path;
    store::RepairOptions options;
    cli::Parser cli("mqdump repair", "repair what verify finds in a stopped store");
    cli.positional("STORE", path,
                   "directory of a stopped store, or the configuration file of its broker");
    cli.flag("--yes", options.apply, "repair the store; without it print the steps only");
    cli.example("mqdump repair /var/lib/mqd", "print each step, and change nothing");
    cli.example("mqdump repair --yes /var/lib/mqd", "repair the store, and keep what is replaced");
    cli.example("mqdump verify -q /var/lib/mqd || mqdump repair --yes /var/lib/mqd",
                "repair only a damaged store");
    if (const auto status = cli.parse(arguments)) return *status;

    options.stop = [] { return cli::interrupted(); };
    Result<> written;
    const auto store = find_store(path);
    if (!store) return cli.fail(store.error());
    const auto report = store::repair(*store, options, [&](const std::string& step) {
        if (written) written = cli::write_out(step + '\n');
    });
    if (!report) {
        // Nothing was tried: it is the wrong moment, not a lack of rights.
        const int status = cli.fail(report.error());
        return report.error().code == Errc::refused && store::store_user(store->root())
                   ? cli::exit_status::usage
                   : status;
    }
    const int status = cli.finish(written);
    if (status != 0 || report->interrupted) return status;
    if (!report->side_dir.empty())
        cli.note(fmt::format("what was replaced lies in {}", report->side_dir.native()));
    const bool open = options.apply ? report->left > 0 : report->steps + report->left > 0;
    const auto steps = counted(report->steps, "step");
    if (report->steps == 0 && report->left == 0) {
        cli.sums("nothing to do", true);
    } else if (!options.apply) {
        cli.sums(fmt::format("{} to do with --yes, {} without remedy", steps,
                             counted(report->cannot, "finding")),
                 !open);
    } else {
        cli.sums(fmt::format("{} done, {} left", steps, counted(report->left, "finding")), !open);
    }
    return open ? cli::exit_status::failed : cli::exit_status::done;
}

}  // namespace mqd::dump
