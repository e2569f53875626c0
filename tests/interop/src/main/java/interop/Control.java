package interop;

import java.io.File;
import java.lang.ProcessBuilder.Redirect;

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
        Process process = new ProcessBuilder(script, what, server, dir, namesrv, broker)
                .redirectInput(Redirect.from(new File("/dev/null")))
                .redirectOutput(Redirect.to(new File(dir, "control.log")))
                .redirectErrorStream(true)
                .start();
        Check.equal(0, process.waitFor(), "the status of " + what + " " + server);
    }
}
