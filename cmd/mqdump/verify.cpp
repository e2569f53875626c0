// mqdump verify: what in a store does not fit together.

#include "store/check/verify.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/counted.h"
#include "cli/output.h"
#include "cli/parser.h"
#include "cli/signals.h"
#include "commands.h"
#include "find_store.h"

namespace mqd::dump {

int verify_command(const std::vector<std::string>& arguments) {
    std::string path;
    store::VerifyOptions options;
    cli::Parser cli("mqdump verify", "check a store for damage");
    cli.positional("STORE", path, "directory of a store, or the configuration file of its broker");
    cli.flag("--deep", options.deep, "also decompress bodies and look up every key");
    cli.example("mqdump verify /var/lib/mqd",
                "print a line for each finding; status 1 if there is one");
    cli.example("mqdump verify -q --deep /mnt/copy || mail -s damage root",
                "check everything, and report by mail");
    cli.example("mqdump verify /var/lib/mqd | grep ^commitlog",
                "print only damage of the commit log");
    if (const auto status = cli.parse(arguments)) return *status;

    options.stop = [] { return cli::interrupted(); };
    Result<> written;
    const auto store = find_store(path);
    if (!store) return cli.fail(store.error());
    const auto report = store::verify(*store, options, [&](const store::Finding& finding) {
        if (written) written = cli::write_out(finding.to_string() + '\n');
    });
    if (!report) return cli.fail(report.error());
    const int status = cli.finish(written);
    if (status != 0 || report->interrupted) return status;
    cli.sums(
        fmt::format("{}, {}, {}: {}{}", counted(report->records, "message"),
                    counted(report->units, "queue unit"),
                    counted(report->index_entries, "index entry", "index entries"),
                    report->findings == 0 ? "nothing found" : counted(report->findings, "finding"),
                    report->crashed ? "; it was not stopped, the next start will recover it" : ""),
        report->findings == 0 && !report->crashed);
    return report->findings > 0 ? cli::exit_status::failed : cli::exit_status::done;
}

}  // namespace mqd::dump
