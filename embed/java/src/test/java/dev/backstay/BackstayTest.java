package dev.backstay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.wasm.ChicoryException;
import com.dylibso.chicory.wasm.Parser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The same vectors as in every language, callers that break the rules, and the examples. */
final class BackstayTest {
    private static final Path REPOSITORY = Path.of("../..");

    /** What a module without memory or stack does: {@code alloc} is {@code unreachable}. */
    private static final String TRAPPING = "0061736d010000000115046000017f60017f017f60027f7f017e60027f7f000305040001020305030100"
            + "01072e05066d656d6f727902000b6162695f76657273696f6e000005616c6c6f6300010463616c6c0002046672656500030a110404"
            + "0041010b0300000b0300000b02000b";

    private static Backstay backstay;

    @BeforeAll
    static void load() throws IOException {
        backstay = Backstay.load();
    }

    private static void works(String after) {
        assertEquals(Backstay.ABI, backstay.call("version", empty()).get("abi").asInt(), after);
    }

    private static ObjectNode empty() {
        return Backstay.JSON.createObjectNode();
    }

    private static List<String> lines(String name) throws IOException {
        return Files.readAllLines(REPOSITORY.resolve("tests/embed/vectors").resolve(name));
    }

    private static byte[] bytes(String hex) {
        byte[] all = new BigInteger("01" + hex, 16).toByteArray();
        return java.util.Arrays.copyOfRange(all, 1, all.length);
    }

    @Test
    void sharedVectorsHaveTheSameBytes() throws Exception {
        List<String> requests = lines("requests.ndjson");
        List<String> answers = lines("answers.txt");
        assertTrue(requests.size() >= 200);
        assertEquals(requests.size(), answers.size());
        for (int index = 0; index < requests.size(); index++) {
            byte[] answer = backstay.ask(requests.get(index).getBytes(StandardCharsets.UTF_8));
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(answer);
            String name = answers.get(index).substring(65);
            assertEquals(answers.get(index), String.format("%064x %s", new BigInteger(1, digest), name));
        }
    }

    @Test
    void errorsHaveACode() throws Exception {
        for (String[] one : new String[][] {
            {"nope", "{}", "unknown-call"},
            {"plan", "{\"release\": 1}", "bad-request"},
            {"render", "{\"files\": [{\"path\": \"a\", \"text\": \"\"}]}", "chart"},
            {"rollout", "{\"at\": 0, \"state\": \"x\"}", "state"},
        }) {
            JsonNode input = Backstay.JSON.readTree(one[1]);
            BackstayException error = assertThrows(BackstayException.class, () -> backstay.call(one[0], input));
            assertEquals(one[2], error.code());
            works(one[0]);
        }
    }

    @Test
    void whatIsNoRequestIsAnError() {
        for (String request : List.of("", "{", "null", "[".repeat(100_000), "{\"call\": 1}")) {
            assertTrue(backstay.ask(request).contains("\"code\":\"bad-request\""), request);
            works(request);
        }
        byte[] answer = backstay.ask(new byte[] {(byte) 0xff, (byte) 0xfe});
        assertTrue(new String(answer, StandardCharsets.UTF_8).contains("bad-request"));
    }

    @Test
    void pointersThatAreNoneReachNothing() throws IOException {
        byte[] code = Files.readAllBytes(Path.of(System.getenv("BACKSTAY_WASM")));
        Instance instance = Instance.builder(Parser.parse(code)).build();
        for (long[] one : new long[][] {{0, 0}, {0, 9}, {-1, 1}, {-1, -1}, {8, -16}, {65_535, 2}}) {
            long answer = instance.export("call").apply(one)[0];
            String text = instance.memory().readString((int) (answer >>> 32), (int) answer);
            assertTrue(text.contains("bad-request"), text);
            instance.export("free").apply(answer >>> 32, (int) answer);
            instance.export("free").apply(one);
        }
        for (long length : new long[] {0, Integer.MIN_VALUE, -1}) {
            assertEquals(0, instance.export("alloc").apply(length)[0]);
        }
    }

    @Test
    void inputsInTheWrongOrderChangeNothing() {
        ObjectNode of = empty().put("release", "a").put("manifest", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n");
        Rollout rollout = backstay.rollout(empty().put("at", 1_000).set("of", of));
        JsonNode before = rollout.step();
        ObjectNode done = empty().put("input", "completed").put("id", 77);
        done.putObject("outcome").put("outcome", "succeeded");
        BackstayException error = assertThrows(BackstayException.class, () -> rollout.tell(1_000, List.of(done)));
        assertEquals("input", error.code());
        assertSame(before, rollout.step());
        done.set("id", before.at("/actions/0/id"));
        rollout.tell(2_000, List.of(done));
        assertFalse(rollout.isOver());
        assertThrows(BackstayException.class, () -> rollout.tell(2_000, List.of(done)));
    }

    @Test
    void aTrapIsAnExceptionAndTheNextCallWorks() {
        Backstay broken = Backstay.interpret(bytes(TRAPPING));
        for (int round = 0; round < 2; round++) {
            assertThrows(BackstayTrap.class, () -> broken.ask("{}"));
        }
        assertThrows(ChicoryException.class, () -> Backstay.interpret(new byte[] {1, 2, 3, 4, 5, 6, 7, 8}));
        assertEquals(Backstay.ABI, backstay.another().call("version", empty()).get("abi").asInt());
    }

    @Test
    void theExamplesRun() throws IOException {
        String text = Examples.timeoutOf(backstay, REPOSITORY.resolve("tests/charts/shop"));
        assertTrue(text.toLowerCase(java.util.Locale.ROOT).contains("recommended"), text);
        FakeCluster cluster = new FakeCluster();
        JsonNode first = Examples.drive(backstay, cluster, Examples.shop("shop/web:1"));
        assertEquals("deployed", first.at("/verdict/verdict").asText());
        ObjectNode next = Examples.shop("shop/web:missing").put("previous", Examples.manifest("shop/web:1"));
        JsonNode second = Examples.drive(backstay, cluster, next);
        assertEquals("rolled-back", second.at("/verdict/verdict").asText());
        assertEquals(1, second.get("exit").asInt());
        assertEquals("shop/web:1", FakeCluster.image(cluster.objects.values().iterator().next()));
    }
}
