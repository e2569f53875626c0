package interop;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageConst;

/** What of a message its sender chose, so what must arrive unchanged: body, keys, tags, properties. */
final class Record {
    final byte[] body;
    final List<String> keys;
    final String tags;
    final TreeMap<String, String> properties;

    Record(byte[] body, List<String> keys, String tags, Map<String, String> properties) {
        this.body = body;
        this.keys = List.copyOf(keys);
        this.tags = tags;
        this.properties = new TreeMap<>(properties);
    }

    static Record of(String body) {
        return new Record(body.getBytes(StandardCharsets.UTF_8), List.of(), null, Map.of());
    }

    /** As a Java consumer sees it: what is not a reserved property is the user's. */
    static Record of(Message message) {
        TreeMap<String, String> own = new TreeMap<>(message.getProperties());
        own.keySet().removeAll(MessageConst.STRING_HASH_SET);
        own.remove("__transactionId__"); // the client's, but not in its own list
        String keys = message.getKeys();
        return new Record(
                message.getBody(),
                keys == null ? List.of() : List.of(keys.split(MessageConst.KEY_SEPARATOR)),
                message.getTags(),
                own);
    }

    static List<Record> of(Collection<? extends Message> messages) {
        List<Record> records = new ArrayList<>();
        for (Message message : messages) {
            records.add(of(message));
        }
        return records;
    }

    Message message(String topic) {
        Message message = new Message(topic, body);
        if (tags != null) {
            message.setTags(tags);
        }
        if (!keys.isEmpty()) {
            message.setKeys(keys);
        }
        properties.forEach(message::putUserProperty);
        return message;
    }

    /** A line of mqpull --out json. */
    static Record ofJson(String line) {
        JsonObject object = JsonParser.parseString(line).getAsJsonObject();
        byte[] body;
        if (object.has("body_b64")) {
            body = Base64.getDecoder().decode(object.get("body_b64").getAsString());
        } else {
            body = object.get("body").getAsString().getBytes(StandardCharsets.UTF_8);
        }
        List<String> keys = new ArrayList<>();
        if (object.has("keys")) {
            object.getAsJsonArray("keys").forEach(key -> keys.add(key.getAsString()));
        }
        TreeMap<String, String> own = new TreeMap<>();
        if (object.has("properties")) {
            for (Map.Entry<String, JsonElement> p : object.getAsJsonObject("properties").entrySet()) {
                own.put(p.getKey(), p.getValue().getAsString());
            }
        }
        return new Record(body, keys, object.has("tags") ? object.get("tags").getAsString() : null, own);
    }

    static List<Record> ofJsonLines(String lines) {
        List<Record> records = new ArrayList<>();
        lines.lines().forEach(line -> records.add(ofJson(line)));
        return records;
    }

    /** A line for mqsend --in json; the body as base64 where asked for. */
    String json(boolean base64) {
        TreeMap<String, Object> object = new TreeMap<>();
        if (base64) {
            object.put("body_b64", Base64.getEncoder().encodeToString(body));
        } else {
            object.put("body", text());
        }
        if (!keys.isEmpty()) {
            object.put("keys", keys);
        }
        if (tags != null) {
            object.put("tags", tags);
        }
        if (!properties.isEmpty()) {
            object.put("properties", properties);
        }
        return new Gson().toJson(object);
    }

    String text() {
        return new String(body, StandardCharsets.UTF_8);
    }

    /** Equal records, and only those, print alike: also the form in which they are compared. */
    @Override
    public String toString() {
        String shown = Base64.getEncoder().encodeToString(body);
        return "keys=" + keys + " tags=" + tags + " properties=" + properties + " body(" + body.length + ")=" + shown;
    }
}
