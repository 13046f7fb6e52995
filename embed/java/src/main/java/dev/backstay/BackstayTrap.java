package dev.backstay;

/** The module stopped in the middle of a call (out of memory or of stack). The next call gets a new instance. */
public final class BackstayTrap extends RuntimeException {
    private static final long serialVersionUID = 1;

    BackstayTrap(String message, Throwable cause) {
        super(message, cause);
    }
}
