package interop;

import java.io.File;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;

/** A server of a driver's own, which it starts, stops and kills by the script tests/interop/server. */
final class Control {
    private final String script;
    private final String dir;
    private final String namesrv;
    private final String broker;

    Control(String script, String dir, String namesrv, String broker) {
        this.script = script;
        this.dir = dir;
        this.namesrv = namesrv;
        this.broker = broker;
    }

    /** `what`: start, stop or kill; `server`: mqd or rocketmq. */
    void run(String what, String server) throws Exception {
        Path log = Path.of(dir, "control.log");
        Process process = new ProcessBuilder(script, what, server, dir, namesrv, broker)
                .redirectInput(Redirect.from(new File("/dev/null")))
                .redirectOutput(Redirect.to(log.toFile()))
                .redirectErrorStream(true)
                .start();
        int status = process.waitFor();
        Check.that(status == 0, what + " " + server + " ended with status " + status + ": " + Check.brief(Files.readString(log)));
    }
}
