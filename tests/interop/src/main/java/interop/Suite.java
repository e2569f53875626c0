package interop;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Pattern;

/**
 * Runs the cases in this JVM, some at once since they mostly wait, and prints a line for each in
 * their order: "ok - NAME (LABEL)", "not ok - NAME (LABEL): REASON" or "skip - NAME (LABEL): REASON".
 */
final class Suite {
    interface Body {
        void run(Context context) throws Exception;
    }

    private static final class Case {
        final String name;
        final boolean needsTools;
        final boolean alone;
        final int timeout;
        final Body body;

        Case(String name, boolean needsTools, boolean alone, int timeout, Body body) {
            this.name = name;
            this.needsTools = needsTools;
            this.alone = alone;
            this.timeout = timeout;
            this.body = body;
        }

        String nameWith(String label) {
            return name + " (" + label + ")";
        }
    }

    private static final int CASE_TIMEOUT_S = 60;
    private static final int RESTART_TIMEOUT_S = 200; // RocketMQ takes its time to come back

    private final List<Case> cases = new ArrayList<>();

    /** A case of Java clients and the server alone; these also run where our tools are not built. */
    void java(String name, Body body) {
        cases.add(new Case(name, false, false, CASE_TIMEOUT_S, body));
    }

    /** A case that starts mqsend, mqpull or mqadmin. */
    void tools(String name, Body body) {
        cases.add(new Case(name, true, false, CASE_TIMEOUT_S, body));
    }

    /** As java(), but after all others: it changes what the whole JVM shares. */
    void alone(String name, Body body) {
        cases.add(new Case(name, false, true, CASE_TIMEOUT_S, body));
    }

    /** As alone(): it ends the server and starts it again. */
    void restarts(String name, Body body) {
        cases.add(new Case(name, false, true, RESTART_TIMEOUT_S, body));
    }

    public static void main(String[] args) throws Exception {
        if (args.length != (args.length > 4 && args[4].equals("restarts") ? 9 : 6)) {
            System.err.println("usage: Suite NAMESRV BROKER PROGRAMS TEMP all|binary LABEL,\n"
                    + "       Suite NAMESRV BROKER PROGRAMS TEMP restarts LABEL CONTROL DIR mqd|rocketmq,\n"
                    + "       with CASES=REGEX in the environment");
            System.exit(2);
        }
        Suite suite = new Suite();
        boolean restarts = args[4].equals("restarts");
        Control control = restarts ? new Control(args[6], args[7], args[0], args[1]) : null;
        Server server = new Server(args[0], args[1], args[2], args[3], args[5], control, restarts ? args[8] : null);
        if (restarts) {
            Restarts.add(suite);
        } else if (args[4].equals("binary")) {
            BinaryHeader.add(suite);
        } else {
            JavaToTools.add(suite);
            ToolsToJava.add(suite);
            Groups.add(suite);
            Starts.add(suite);
            Topics.add(suite);
            Consumers.add(suite);
            Filters.add(suite);
            Members.add(suite);
            Lookups.add(suite);
            Limits.add(suite);
            Delivery.add(suite);
            Replies.add(suite);
            Transactions.add(suite);
            if (args[5].startsWith("5.")) {
                // By name, since it is not compiled with 4.x.
                Class.forName("interop.Five").getDeclaredMethod("add", Suite.class).invoke(null, suite);
                Mqadmin.add(suite); // 4.x's wants an installation with its log settings
            }
        }
        boolean passed = suite.run(server, args[5]);
        // Clients that a failed case left behind have threads that would keep the JVM alive.
        System.exit(passed ? 0 : 1);
    }

    private boolean run(Server server, String label) throws Exception {
        PrintStream out = System.out; // what is run alone may redirect System.out
        ExecutorService jobs = Executors.newFixedThreadPool(Integer.parseInt(env("JOBS", "4")));
        ExecutorService alone = Executors.newSingleThreadExecutor();
        ExecutorService bodies = Executors.newCachedThreadPool();
        Pattern chosen = Pattern.compile(env("CASES", ""));
        cases.removeIf(one -> !chosen.matcher(one.nameWith(label)).find());
        if (cases.isEmpty()) {
            return true;
        }
        server.startIfOwn();
        server.awaitReady();
        List<Future<String>> lines = new ArrayList<>();
        for (Case one : cases) {
            // The first one that is alone waits until nothing else is left.
            List<Future<String>> earlier = one.alone ? List.copyOf(lines) : List.of();
            lines.add((one.alone ? alone : jobs).submit(() -> {
                for (Future<String> line : earlier) {
                    line.get();
                }
                return lineOf(bodies, server, one, one.nameWith(label));
            }));
        }
        boolean passed = true;
        for (Future<String> future : lines) {
            String line = future.get();
            passed &= !line.startsWith("not ok");
            out.println(line);
        }
        server.stopIfOwn();
        return passed;
    }

    private static String lineOf(ExecutorService bodies, Server server, Case one, String name) throws Exception {
        if (one.needsTools && !server.hasTools()) {
            return "skip - " + name + ": the programs are not built";
        }
        long from = System.nanoTime();
        try {
            String reason = runOne(bodies, server, one);
            return reason == null ? "ok - " + name : "not ok - " + name + ": " + reason;
        } catch (Check.Skipped e) {
            return "skip - " + name + ": " + e.getMessage();
        } finally {
            if (!env("TIMES", "").isEmpty()) {
                System.err.printf("%6d ms  %s%n", (System.nanoTime() - from) / 1_000_000, name);
            }
        }
    }

    private static String env(String name, String otherwise) {
        return System.getenv().getOrDefault(name, otherwise);
    }

    private static String runOne(ExecutorService bodies, Server server, Case one) throws InterruptedException {
        Context context = new Context(server);
        Future<?> future = bodies.submit(() -> {
            one.body.run(context);
            return null;
        });
        try {
            future.get(one.timeout, TimeUnit.SECONDS);
            return null;
        } catch (TimeoutException e) {
            future.cancel(true);
            return "not done within " + one.timeout + " s";
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            if (cause instanceof Check.Skipped) {
                throw (Check.Skipped) cause;
            }
            if (cause instanceof Check.Failure) {
                return cause.getMessage();
            }
            if (!env("TRACE", "").isEmpty()) {
                cause.printStackTrace();
            }
            return Check.brief(cause.toString());
        } finally {
            context.close();
        }
    }
}
