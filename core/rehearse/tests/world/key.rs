//! What tells two worlds apart: everything that decides what can still happen, and nothing else.
//!
//! Two worlds with the same key have the same future but for names, so that one of them is enough:
//! * The journal is left out for what its replay gives (S6 is checked at every step, and nothing else ever reads it).
//! * Times count by how far they are from now. Those that no decision reads any more are left out.
//! * Ids of actions and uids are named in the order in which they appear; the counters behind them only make new ones.
//! * A host that lost the release and stopped can do nothing any more.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher as _};

use super::World;

/// Numbers that follow these words are names.
const NAMED: [&str; 3] = ["ActionId(", "hook-", "web-"];
/// Numbers and times that follow these words decide nothing: counters, and the beginning of what has begun.
const IDLE: [&str; 4] = ["next_seq: ", "next_action: ", "next: ", "started_at: Timestamp("];

impl World {
    /// The key as a hash.
    pub(crate) fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write(self.canonical().as_bytes());
        hasher.finish()
    }

    /// Everything there is as a hash: tells apart what the key does not.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write(format!("{self:?}").as_bytes());
        hasher.finish()
    }

    /// What a user would see of the cluster.
    pub(crate) fn cluster(&self) -> String {
        let web = self.web.map(|(_, ready)| ready);
        let job = self.hook.map(|(_, job)| job);
        format!("{:?} conf {} web {web:?} hook {job:?}", self.records, self.conf)
    }

    fn canonical(&self) -> String {
        let mut text = String::with_capacity(16_384);
        let hook = self.hook.map(|(made_by, job)| (backstay_rollout::ActionId(made_by), job));
        let web = self.web.map(|(uid, ready)| (format!("web-{uid}"), ready));
        let durable = self.journal.replayed.as_deref();
        let cluster = (&self.records, self.conf, web, hook, self.troubles);
        // A String takes everything.
        let _ = write!(text, "{cluster:?}{durable:?}");
        for (at, host) in self.hosts.iter().enumerate() {
            if host.stopped && !self.holds(at) {
                continue;
            }
            let _ =
                write!(text, "host {} {} {:?} {:?}", host.stopped, host.unseen, host.wake_at, host.request);
            // The machine holds what the journal's replay gives: S6.
            let _ = write!(text, "{:?}", host.machine);
        }
        self.rename(&text)
    }

    /// Times relative to now, names in the order of their appearance.
    fn rename(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut names: [Vec<&str>; NAMED.len()] = Default::default();
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
            let (before, from) = rest.split_at(at);
            let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
            let (number, after) = from.split_at(end);
            out.push_str(before);
            rest = after;
            if IDLE.iter().any(|word| before.ends_with(word)) {
                continue;
            }
            if let Some(kind) = NAMED.iter().position(|word| before.ends_with(word)) {
                let known = names[kind].iter().position(|name| *name == number);
                let place = known.unwrap_or_else(|| {
                    names[kind].push(number);
                    names[kind].len() - 1
                });
                let _ = write!(out, "{place}");
            } else if before.ends_with("Timestamp(") {
                let time: u64 = number.parse().unwrap_or(u64::MAX);
                match time {
                    u64::MAX => out.push_str("never"),
                    _ => drop(write!(out, "{}", i128::from(time) - i128::from(self.now.0))),
                }
            } else {
                out.push_str(number);
            }
        }
        out.push_str(rest);
        out
    }
}
