//! What goes wrong with the host itself while it rehearses. What goes wrong in the cluster is the model's affair.

use backstay_object::Timestamp;

/// Troubles of the host. The default has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Decides everything below that is left to chance.
    pub seed: u64,
    /// The host dies right after it polled its n-th output, for each n, and another one goes on from the journal.
    pub crash_after: Vec<u64>,
    /// Somebody presses Ctrl-C then.
    pub abort_at: Option<Timestamp>,
    /// Percentage of changing actions that are done but whose reply is lost.
    pub lost_replies_percent: u8,
    /// Percentage of actions for which the server is not reachable at first.
    pub unreachable_percent: u8,
    /// Percentage of observations that come twice.
    pub repeated_percent: u8,
}

/// A number that follows from a seed and a count.
pub(crate) fn mix(seed: u64, count: u64) -> u64 {
    let mut z =
        seed.wrapping_add(count.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A seeded source of chances.
#[derive(Clone, Debug)]
pub(crate) struct Chances {
    seed: u64,
    count: u64,
}

impl Chances {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed, count: 0 }
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.count += 1;
        mix(self.seed, self.count) % limit.max(1)
    }

    pub(crate) fn percent(&mut self, percent: u8) -> bool {
        percent > 0 && self.below(100) < u64::from(percent)
    }
}
