package dev.backstay;

import com.fasterxml.jackson.databind.JsonNode;

/** The request was answered with an error. */
public final class BackstayException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final transient JsonNode error;
    private final String code;

    BackstayException(JsonNode error) {
        super(error.path("message").asText());
        this.error = error;
        this.code = error.path("code").asText();
    }

    /** For programs, e.g. {@code template}; new ones may be added. */
    public String code() {
        return code;
    }

    /** What else the answer tells, e.g. {@code file} and {@code line} (from 1). */
    public JsonNode error() {
        return error;
    }
}
