package interop;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The messages the cases send. */
final class Samples {
    private Samples() {}

    static byte[] allBytes() {
        byte[] bytes = new byte[256];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) i;
        }
        return bytes;
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** Above 4 KiB the Java client compresses. */
    static byte[] large() {
        return utf8("a line that compresses well, and ünïcode ✓\n".repeat(1000));
    }

    static List<Record> text() {
        return List.of(
                Record.of("plain"),
                Record.of("Grüße, 世界, 🚀 \"quoted\" \\ back\tslash"),
                new Record(utf8("with keys and tags"), List.of("order-1", "kunde-ü"), "TagA", Map.of()),
                new Record(
                        utf8("with properties"),
                        List.of("order-2"),
                        "TagB",
                        Map.of("colour", "blue", "größe", "9½", "json", "{\"a\":[1]}")),
                new Record(large(), List.of("large"), null, Map.of("a", "b")));
    }

    static List<Record> binary() {
        byte[] large = new byte[9000]; // noise, so its compressed form is longer
        new java.util.Random(1).nextBytes(large);
        return List.of(
                new Record(allBytes(), List.of("bytes"), "Bin", Map.of("n", "256")),
                new Record(new byte[] {0}, List.of(), null, Map.of()),
                new Record(new byte[] {(byte) 0xff, '\n', '\r', 0}, List.of(), null, Map.of()),
                new Record(large, List.of(), null, Map.of()));
    }

    static List<Record> all() {
        List<Record> all = new ArrayList<>(text());
        all.addAll(binary());
        return all;
    }

    static List<Record> numbered(int count) {
        List<Record> records = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            records.add(Record.of("m-" + i));
        }
        return records;
    }
}
