//! How much one template may do and make before it counts as endless (docs/deviations.md). Go has no such limits: there the
//! memory or the stack ends.

use std::cell::Cell;

use crate::value::Value;

/// Steps of one file: nodes that run, rounds of `range`, and what functions read and write, by size. Some seconds of work.
pub(crate) const STEPS: u64 = 20_000_000;

/// Bytes of one text and of what one file renders to. A release that Kubernetes can store has one or two MiB.
pub(crate) const TEXT: usize = 16 << 20;

/// Elements of one list.
pub(crate) const ITEMS: usize = 1 << 20;

/// How deep lists and maps may be nested where they are written, copied, merged or compared.
pub(crate) const NESTING: usize = 500;

/// How many values one copy, merge or comparison may visit.
pub(crate) const VISITS: usize = 4 << 20;

/// What is said of a value that was not written to its end.
pub(crate) const CUT: &str = "the value contains itself, or is too large or nested too deep to be written";

thread_local! {
    static WAS_CUT: Cell<bool> = const { Cell::new(false) };
}

/// Notes that a text was not written to its end. Go's `fmt` cannot fail, so whoever runs the function asks afterwards.
pub(crate) fn cut() {
    WAS_CUT.set(true);
}

/// Whether something was cut since the last question.
pub(crate) fn take_cut() -> bool {
    WAS_CUT.replace(false)
}

/// What reading or making a value costs, in steps.
pub(crate) fn size(value: &Value) -> u64 {
    match value {
        Value::Text(text) => text.len() as u64 / 256,
        Value::Bytes(bytes) => bytes.len() as u64 / 256,
        Value::List(list) => list.len() as u64 / 16,
        Value::Map(map) => map.len() as u64 / 16,
        _ => 0,
    }
}

/// What functions cost, in steps, that are slow by nature: keys, certificates, passwords.
pub(crate) fn effort(function: &str) -> u64 {
    match function {
        "genPrivateKey" | "genCA" | "genSelfSignedCert" | "genSignedCert" | "bcrypt" | "htpasswd"
        | "derivePassword" => 100_000,
        _ => 0,
    }
}
