package interop;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A program under test. Its three streams are files, so that no pipe can fill and block it. */
final class Program implements AutoCloseable {
    private static final int TIMEOUT_S = 30;

    private final String name;
    private final Path out;
    private final Path err;
    private final Process process;

    Program(Path temp, List<String> command, String input) throws IOException {
        name = Path.of(command.get(0)).getFileName().toString();
        out = Files.createTempFile(temp, name, ".out");
        err = Files.createTempFile(temp, name, ".err");
        Path in = Files.createTempFile(temp, name, ".in");
        Files.writeString(in, input);
        process = new ProcessBuilder(command)
                .redirectInput(in.toFile())
                .redirectOutput(out.toFile())
                .redirectError(err.toFile())
                .start();
        // A driver that is interrupted leaves no reader behind.
        Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
    }

    /** Its status, once it has ended. */
    int status() throws Exception {
        if (!process.waitFor(TIMEOUT_S, TimeUnit.SECONDS)) {
            process.destroyForcibly();
            throw new Check.Failure(name + " still ran after " + TIMEOUT_S + " s; stderr: " + Check.brief(stderr()));
        }
        return process.exitValue();
    }

    /** Its output, when it ended with status 0. */
    String output() throws Exception {
        int status = status();
        Check.that(status == 0, name + " ended with status " + status + ": " + Check.brief(stderr()));
        return stdout();
    }

    void terminate() {
        process.destroy();
    }

    boolean running() {
        return process.isAlive();
    }

    String stdout() throws IOException {
        return Files.readString(out, StandardCharsets.UTF_8);
    }

    /** The whole lines written so far, while it runs. */
    String lines() throws IOException {
        byte[] bytes = Files.readAllBytes(out);
        int end = bytes.length;
        while (end > 0 && bytes[end - 1] != '\n') {
            end--;
        }
        return new String(bytes, 0, end, StandardCharsets.UTF_8);
    }

    String stderr() throws IOException {
        return Files.readString(err, StandardCharsets.UTF_8);
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
