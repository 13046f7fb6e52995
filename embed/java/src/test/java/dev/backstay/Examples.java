package dev.backstay;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Two examples, run by the tests: the timeout of a chart, and rollouts on a fake cluster. */
final class Examples {
    private Examples() {}

    /** How long may the rollout of a chart take, and why? */
    static String timeoutOf(Backstay backstay, Path chart) throws IOException {
        ObjectNode render = Backstay.JSON.createObjectNode().put("release", "shop");
        ArrayNode files = render.putArray("files");
        try (Stream<Path> walk = Files.walk(chart)) {
            for (Path file : walk.filter(Files::isRegularFile).sorted().collect(Collectors.toList())) {
                // Jackson writes bytes as base64.
                files.addObject()
                        .put("path", chart.relativize(file).toString().replace('\\', '/'))
                        .put("base64", Files.readAllBytes(file));
            }
        }
        ObjectNode timeout = Backstay.JSON.createObjectNode().put("install", true);
        timeout.set("manifest", backstay.call("render", render).get("manifest"));
        return backstay.call("timeout", timeout).get("text").asText();
    }

    /** Drives one rollout to its end and gives its last step. */
    static JsonNode drive(Backstay backstay, FakeCluster cluster, JsonNode of) {
        long at = 1_767_225_600_000L;
        ObjectNode beginning = Backstay.JSON.createObjectNode().put("at", at);
        beginning.set("of", of);
        Rollout rollout = backstay.rollout(beginning);
        List<JsonNode> journal = new ArrayList<>(); // A real host keeps it where a crash cannot reach it.
        while (!rollout.isOver()) {
            JsonNode step = rollout.step();
            // Before the first action: whoever goes on after a crash begins here.
            step.get("records").forEach(journal::add);
            List<ObjectNode> inputs = new ArrayList<>();
            for (JsonNode action : step.get("actions")) {
                inputs.addAll(cluster.perform(action, at + 100));
            }
            // Time is a number here: a real host waits for its cluster, until `wake_at` at the latest.
            if (inputs.isEmpty()) {
                at = Math.min(at + 1_000, step.get("wake_at").asLong(Long.MAX_VALUE));
                inputs.addAll(cluster.look(at));
                inputs.add(Backstay.JSON.createObjectNode().put("input", "timeout"));
            } else {
                at += 100;
            }
            rollout.tell(at, inputs);
        }
        return rollout.step();
    }

    /** What is rolled out: two pods of an image. */
    static ObjectNode shop(String image) {
        return Backstay.JSON.createObjectNode().put("release", "shop").put("namespace", "prod").put("manifest", manifest(image));
    }

    static String manifest(String image) {
        return String.join("\n",
                "apiVersion: apps/v1",
                "kind: Deployment",
                "metadata: {name: web}",
                "spec:",
                "  replicas: 2",
                "  selector: {matchLabels: {app: web}}",
                "  template:",
                "    metadata: {labels: {app: web}}",
                "    spec: {containers: [{name: web, image: \"" + image + "\"}]}",
                "");
    }

    /** {@code mvn test-compile exec:java} or an IDE: prints both. */
    public static void main(String[] arguments) throws IOException {
        Backstay backstay = Backstay.load();
        if (arguments.length > 0) {
            System.out.println(timeoutOf(backstay, Path.of(arguments[0])));
        }
        FakeCluster cluster = new FakeCluster();
        System.out.println("install: " + drive(backstay, cluster, shop("shop/web:1")).get("verdict"));
        ObjectNode next = shop("shop/web:missing").put("previous", manifest("shop/web:1"));
        System.out.println("upgrade: " + drive(backstay, cluster, next).get("verdict"));
        System.out.println("now runs: " + FakeCluster.image(cluster.objects.values().iterator().next()));
    }
}
