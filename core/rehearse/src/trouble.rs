//! What goes wrong with the host itself while it rehearses. What goes wrong in the cluster is the model's affair.

use backstay_object::Timestamp;
use backstay_sim::Fault;
use backstay_sim::api::Request;

/// What somebody else does on the cluster while the rehearsal runs.
#[derive(Clone, Debug)]
pub enum Meanwhile {
    /// A request to the API, whatever its answer.
    Asks(Box<Request>),
    /// Pushes an image of a size in bytes.
    Pushes(String, u64),
    /// Something begins to go wrong.
    Breaks(Fault),
    /// Something is in order again.
    Heals(Fault),
}

/// The host stands still for a while: a suspended laptop, a paused machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sleep {
    /// Right after the n-th output was polled.
    pub after: u64,
    /// For how many milliseconds.
    pub ms: u64,
    /// Who takes the release over when its Lease has run out; such a sleep lasts longer than the Lease. The sleeper wakes
    /// up in the end and believes that nothing has happened.
    pub rival: Option<Rival>,
}

/// What another host does with a rollout it takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rival {
    /// It goes on with it.
    GoesOn,
    /// It goes back.
    GoesBack,
}

/// Troubles of the host. The default has none.
#[derive(Clone, Debug, Default)]
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
    /// Percentage of looks at a watch that show nothing yet: what it has to tell comes later.
    pub late_percent: u8,
    /// Percentage of observations that come twice.
    pub repeated_percent: u8,
    /// Percentage of observations after which all watches are opened anew, so that everything is listed again.
    pub relisted_percent: u8,
    /// Percentage of observations that were lost: the watches are opened anew and only what is there now is listed.
    pub gap_percent: u8,
    /// Percentage of observations after which a server that lags behind answers: some objects are shown once more as they were
    /// before their last change.
    pub stale_percent: u8,
    /// News of the watches comes at most so often, in milliseconds; 0 for at once.
    pub news_every_ms: u64,
    /// The host's clock is set by so many milliseconds, forward or back, each at its time.
    pub clock_steps: Vec<(Timestamp, i64)>,
    /// The host stands still.
    pub sleeps: Vec<Sleep>,
    /// From when until when the API server answers nothing: actions fail, watches show nothing.
    pub api_down: Vec<(Timestamp, Timestamp)>,
    /// What others do meanwhile, each at its time.
    pub meanwhile: Vec<(Timestamp, Meanwhile)>,
}

impl Trouble {
    /// Whether the API server is away.
    pub(crate) fn is_down(&self, now: Timestamp) -> bool {
        self.api_down.iter().any(|(from, until)| (*from..*until).contains(&now))
    }

    /// When the next change of these comes after a time.
    pub(crate) fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let ends = self.api_down.iter().flat_map(|(from, until)| [*from, *until]);
        let steps = self.clock_steps.iter().map(|(at, _)| *at);
        ends.chain(self.meanwhile.iter().map(|(at, _)| *at)).chain(steps).filter(|at| *at > now).min()
    }
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
