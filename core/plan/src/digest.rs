//! A plan's name: the same plan has the same digest on every machine.

use alloc::format;
use alloc::string::String;

use crate::step::Plan;

impl Plan {
    /// A 64-bit FNV-1a hash over the plan's JSON, as 16 hex digits. It tells plans apart; it is not a signature.
    /// The time budget is left out: it is advice, not something that is executed.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
        let executed = (
            (&self.release, &self.namespace, &self.operation, self.from, self.to),
            (&self.steps, &self.hooks, &self.undo, &self.undo_hooks),
        );
        match serde_json::to_vec(&executed) {
            Ok(bytes) => hash.write(&bytes),
            // A plan is made of strings, numbers and JSON values: it always serialises. Should that ever change, the
            // digest still differs from every good one.
            Err(error) => hash.write(format!("unserialisable: {error}").as_bytes()),
        }
        format!("{:016x}", hash.0)
    }
}

struct Fnv(u64);

impl Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
