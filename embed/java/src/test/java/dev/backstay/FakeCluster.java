package dev.backstay;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A cluster of a few lines: what is applied becomes ready after a second, unless its image is one that no registry has. A
 * real host sends the same requests to an API server.
 */
final class FakeCluster {
    final Map<String, ObjectNode> objects = new TreeMap<>();
    private final Map<String, Long> appliedAt = new TreeMap<>();
    private int version;

    /** Does an action and gives what has to be told: what is there now, then how the action ended. */
    List<ObjectNode> perform(JsonNode action, long at) {
        List<ObjectNode> inputs = new ArrayList<>();
        ArrayNode applied = Backstay.JSON.createArrayNode();
        for (JsonNode work : action.get("work")) {
            String what = work.get("do").asText();
            if (what.equals("apply") || what.equals("create-hook")) {
                applied.add(apply(work.get("key"), work.get("object").deepCopy(), at));
            } else if (what.equals("delete")) {
                ObjectNode gone = objects.remove(nameOf(work.get("key")));
                if (gone != null) {
                    inputs.add(observed(gone, true));
                }
            }
        }
        inputs.addAll(look(at));
        ObjectNode completed = Backstay.JSON.createObjectNode().put("input", "completed");
        completed.set("id", action.get("id"));
        completed.putObject("outcome").put("outcome", "succeeded").set("applied", applied);
        inputs.add(completed);
        return inputs;
    }

    /** Everything there is at a time. */
    List<ObjectNode> look(long at) {
        List<ObjectNode> inputs = new ArrayList<>();
        for (Map.Entry<String, ObjectNode> entry : objects.entrySet()) {
            if (entry.getValue().get("kind").asText().equals("Deployment")) {
                settle(entry.getValue(), at - appliedAt.get(entry.getKey()));
            }
            inputs.add(observed(entry.getValue(), false));
        }
        return inputs;
    }

    private static ObjectNode observed(ObjectNode object, boolean deleted) {
        ObjectNode input = Backstay.JSON.createObjectNode().put("input", "observed").put("deleted", deleted);
        input.set("object", object.deepCopy());
        return input;
    }

    private ObjectNode apply(JsonNode key, ObjectNode stored, long at) {
        version++;
        ObjectNode known = objects.get(nameOf(key));
        String uid = known == null ? "uid-" + version : known.at("/metadata/uid").asText();
        int generation = known == null ? 1 : known.at("/metadata/generation").asInt() + 1;
        ((ObjectNode) stored.get("metadata"))
                .put("uid", uid)
                .put("generation", generation)
                .put("resourceVersion", Integer.toString(version))
                .put("creationTimestamp", "2026-01-01T00:00:00Z");
        objects.put(nameOf(key), stored);
        appliedAt.put(nameOf(key), at);
        ObjectNode applied = Backstay.JSON.createObjectNode().put("uid", uid).put("generation", generation);
        applied.set("key", key);
        return applied;
    }

    private static void settle(ObjectNode deployment, long ageMs) {
        boolean isReady = ageMs >= 1_000 && !image(deployment).endsWith(":missing");
        boolean hasFailed = ageMs >= 60_000 && !isReady;
        int count = deployment.at("/spec/replicas").asInt(1);
        ObjectNode status = deployment.putObject("status");
        status.put("observedGeneration", deployment.at("/metadata/generation").asInt());
        status.put("replicas", count).put("updatedReplicas", count);
        status.put("readyReplicas", isReady ? count : 0).put("availableReplicas", isReady ? count : 0);
        ArrayNode conditions = status.putArray("conditions");
        conditions.addObject().put("type", "Available").put("status", isReady ? "True" : "False");
        String reason = isReady ? "NewReplicaSetAvailable" : hasFailed ? "ProgressDeadlineExceeded" : "ReplicaSetUpdated";
        conditions.addObject().put("type", "Progressing").put("status", hasFailed ? "False" : "True").put("reason", reason);
    }

    static String image(JsonNode deployment) {
        return deployment.at("/spec/template/spec/containers/0/image").asText();
    }

    private static String nameOf(JsonNode key) {
        return key.get("group").asText() + "/" + key.get("kind").asText() + "/" + key.get("namespace").asText() + "/"
                + key.get("name").asText();
    }
}
