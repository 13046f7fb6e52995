package dev.backstay;

import com.dylibso.chicory.compiler.MachineFactoryCompiler;
import com.dylibso.chicory.runtime.Instance;
import com.dylibso.chicory.runtime.InterpreterMachine;
import com.dylibso.chicory.runtime.Machine;
import com.dylibso.chicory.wasm.ChicoryException;
import com.dylibso.chicory.wasm.Parser;
import com.dylibso.chicory.wasm.WasmModule;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Function;

/**
 * Backstay's core: renders Helm charts, plans, rehearses and drives rollouts.
 *
 * <p>It is one WebAssembly module without imports, run by Chicory without native code. What every call takes and gives is in
 * docs/embedding.md. Not for several threads at once: use one object per thread, made with {@link #another()}.
 */
public final class Backstay {
    /** The version of the contract this package speaks. */
    public static final int ABI = 1;

    /** Reads and writes the JSON of requests and answers. */
    public static final ObjectMapper JSON = new ObjectMapper();

    private static final String VARIABLE = "BACKSTAY_WASM";

    private final WasmModule module;
    private final Function<Instance, Machine> machines;
    private Instance instance;

    private Backstay(WasmModule module, Function<Instance, Machine> machines) {
        this.module = module;
        this.machines = machines;
    }

    /** The packed module, or the one that {@code BACKSTAY_WASM} names; compiled to bytecode. */
    public static Backstay load() throws IOException {
        String named = System.getenv(VARIABLE);
        if (named != null && !named.isEmpty()) {
            return load(Files.readAllBytes(Path.of(named)));
        }
        try (InputStream packed = Backstay.class.getResourceAsStream("backstay.wasm")) {
            if (packed == null) {
                throw new IOException("no module is packed; set " + VARIABLE + " to its path");
            }
            return load(packed.readAllBytes());
        }
    }

    /** A module compiled to bytecode: that takes seconds once, and calls are fast. */
    public static Backstay load(byte[] code) {
        WasmModule module = parse(code);
        return checked(new Backstay(module, MachineFactoryCompiler.compile(module)));
    }

    /** A module that is interpreted: at hand at once, and slow; for a call or two. */
    public static Backstay interpret(byte[] code) {
        return checked(new Backstay(parse(code), InterpreterMachine::new));
    }

    private static WasmModule parse(byte[] code) {
        WasmModule module = Parser.parse(code);
        if (module.importSection().importCount() > 0) {
            throw new IllegalArgumentException("this is not the backstay module: it has imports");
        }
        return module;
    }

    private static Backstay checked(Backstay backstay) {
        long version = backstay.export("abi_version");
        if (version != ABI) {
            throw new IllegalArgumentException(
                    "the module speaks version " + version + " of the ABI, this package " + ABI);
        }
        return backstay;
    }

    /** The same module once more, e.g. for another thread; nothing is compiled again. */
    public Backstay another() {
        return new Backstay(module, machines);
    }

    private long export(String name, long... arguments) {
        if (instance == null) {
            instance = Instance.builder(module).withMachineFactory(machines).build();
        }
        long[] results = instance.export(name).apply(arguments);
        return results == null || results.length == 0 ? 0 : results[0];
    }

    /**
     * Text to text: both are JSON. An error is an answer, too.
     *
     * @throws BackstayTrap when the module stopped; the next call gets a new instance
     */
    public String ask(String request) {
        return new String(ask(request.getBytes(StandardCharsets.UTF_8)), StandardCharsets.UTF_8);
    }

    /** The same with bytes of UTF-8. */
    public byte[] ask(byte[] request) {
        // A request of nothing is none; one blank is the same to the module, and can be held.
        byte[] sent = request.length == 0 ? new byte[] {' '} : request;
        try {
            int pointer = (int) export("alloc", sent.length);
            if (pointer == 0) {
                throw new BackstayTrap("the module has no memory for a request of " + sent.length + " bytes", null);
            }
            instance.memory().write(pointer, sent);
            long answer = export("call", pointer, sent.length);
            int at = (int) (answer >>> 32);
            int length = (int) answer;
            if (at == 0) {
                throw new BackstayTrap("the module has no memory for the answer", null);
            }
            byte[] text = instance.memory().readBytes(at, length);
            export("free", at, length);
            return text;
        } catch (ChicoryException | StackOverflowError error) {
            // A trap leaves the instance unusable.
            instance = null;
            throw new BackstayTrap("the module stopped: " + error, error);
        } catch (BackstayTrap trap) {
            instance = null;
            throw trap;
        }
    }

    /**
     * A call by its name: gives what is {@code ok}.
     *
     * @param input anything Jackson writes as a JSON object
     * @throws BackstayException when the answer is an error
     */
    public JsonNode call(String name, Object input) {
        ObjectNode request = JSON.createObjectNode().put("call", name);
        request.set("input", JSON.valueToTree(input));
        try {
            JsonNode answer = JSON.readTree(ask(JSON.writeValueAsBytes(request)));
            if (answer.has("error")) {
                throw new BackstayException(answer.get("error"));
            }
            return answer.get("ok");
        } catch (JsonProcessingException error) {
            throw new IllegalStateException("what the module answered is not JSON", error);
        } catch (IOException error) {
            throw new IllegalStateException(error);
        }
    }

    /** Begins a rollout, or takes one up again from its journal. */
    public Rollout rollout(Object input) {
        return new Rollout(this, call("rollout", input));
    }
}
