package interop;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.Callable;

/** What a case may ask for; an unmet one ends it with a reason that fits on a line. */
final class Check {
    static final class Failure extends RuntimeException {
        Failure(String reason) {
            super(reason);
        }
    }

    /** The case says nothing about the server it runs against, for that reason. */
    static final class Skipped extends RuntimeException {
        Skipped(String reason) {
            super(reason);
        }
    }

    private Check() {}

    static void that(boolean condition, String reason) {
        if (!condition) {
            throw new Failure(reason);
        }
    }

    static void equal(Object expected, Object actual, String what) {
        that(expected.equals(actual), what + " is " + actual + ", not " + expected);
    }

    static void contains(String text, String part) {
        that(text.contains(part), "no '" + part + "' in: " + brief(text));
    }

    /** The same records, each as often, in any order. */
    static void same(Collection<Record> expected, Collection<Record> actual) {
        List<String> missing = strings(expected);
        List<String> surplus = strings(actual);
        for (String one : strings(expected)) {
            if (surplus.remove(one)) {
                missing.remove(one);
            }
        }
        that(
                missing.isEmpty() && surplus.isEmpty(),
                missing.size() + " of " + expected.size() + " records are missing, " + surplus.size() + " are not expected;"
                        + (missing.isEmpty() ? "" : " missing: " + brief(missing.get(0)))
                        + (surplus.isEmpty() ? "" : " not expected: " + brief(surplus.get(0))));
    }

    /** Polls, because nothing tells a client when the other side is ready. */
    static void until(String what, int seconds, Callable<Boolean> condition) throws InterruptedException {
        long deadline = System.nanoTime() + seconds * 1_000_000_000L;
        Exception last = null;
        while (System.nanoTime() < deadline) {
            try {
                if (condition.call()) {
                    return;
                }
                last = null;
            } catch (InterruptedException e) {
                throw e;
            } catch (Exception e) {
                last = e;
            }
            Thread.sleep(20);
        }
        throw new Failure("not within " + seconds + " s: " + what + (last == null ? "" : " (" + last + ")"));
    }

    static String brief(String text) {
        String line = text.strip().replace("\n", "\\n");
        return line.length() <= 400 ? line : line.substring(0, 400) + "...";
    }

    private static List<String> strings(Collection<Record> records) {
        List<String> strings = new ArrayList<>();
        records.forEach(record -> strings.add(record.toString()));
        return strings;
    }
}
