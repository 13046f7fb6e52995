package dev.backstay;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Collection;

/** One rollout: {@link #step()} is what to do now, {@link #tell} says what happened and gives the next step. */
public final class Rollout {
    private final Backstay backstay;
    private JsonNode step;

    Rollout(Backstay backstay, JsonNode step) {
        this.backstay = backstay;
        this.step = step;
    }

    /** What to do now: {@code records}, {@code actions}, {@code events}, {@code wake_at}, {@code verdict}, {@code exit}. */
    public JsonNode step() {
        return step;
    }

    /** Whether it is over. */
    public boolean isOver() {
        return step.hasNonNull("verdict");
    }

    /**
     * Tells what happened until a time, in milliseconds since 1970.
     *
     * @throws BackstayException when an input was refused: nothing was taken in and the step before still holds
     */
    public JsonNode tell(long at, Collection<? extends JsonNode> inputs) {
        ObjectNode told = Backstay.JSON.createObjectNode().put("at", at);
        told.set("state", step.get("state"));
        told.putArray("inputs").addAll(inputs);
        step = backstay.call("rollout", told);
        return step;
    }
}
