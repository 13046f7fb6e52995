//! Every interleaving of a small world, to its end: an upgrade of two objects (one changed, one new) with a hook, and once each a
//! crash, a lost reply, an abort and a rival that takes the release over. Each state is a copy of the machine and its world;
//! `world/key.rs` says which of them count as one.
//!
//! What is assumed of the world: a request of a host that is gone, or that lost the release, has arrived or will never
//! arrive by the time the next one begins (the Lease of 30 s sees to that). Time passes only while nothing else can happen, and
//! then to the next moment at which a machine wants to be woken. Each trouble happens at most once in a world, and a rival
//! always goes back. An API server that refuses, watches that lag beside other troubles, further objects and waves are for the
//! seeds of `soak`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;
mod world;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Condvar, Mutex};

use common::in_a_word;
use world::{Troubles, World};

/// What the threads that explore share.
struct Shared {
    /// Worlds still to be looked at, and how many threads look at one: they may add more.
    open: Mutex<(Vec<World>, usize)>,
    more: Condvar,
    /// What tells worlds apart.
    key: fn(&World) -> u64,
    known: Mutex<HashSet<u64>>,
    /// How often each verdict was reached, and what the clusters looked like then.
    ends: Mutex<(BTreeMap<String, usize>, BTreeSet<String>)>,
}

impl Shared {
    /// The next world; `None` when there are no more.
    fn take(&self) -> Option<World> {
        let mut open = self.open.lock().unwrap();
        loop {
            if let Some(world) = open.0.pop() {
                open.1 += 1;
                return Some(world);
            }
            if open.1 == 0 {
                return None;
            }
            open = self.more.wait(open).unwrap();
        }
    }

    fn give(&self, worlds: Vec<World>) {
        let mut open = self.open.lock().unwrap();
        open.0.extend(worlds);
        open.1 = open.1.saturating_sub(1);
        self.more.notify_all();
    }

    fn work(&self) {
        while let Some(world) = self.take() {
            let next = world.successors();
            if next.is_empty() {
                // L1: nothing can happen any more only when the rollout is over.
                let verdict = world.verdict().unwrap_or_else(|| panic!("stuck: {world:#?}"));
                world.check_end(&verdict);
                let word = in_a_word(&verdict);
                let mut ends = self.ends.lock().unwrap();
                ends.1.insert(format!("{word}: {}", world.cluster()));
                *ends.0.entry(word).or_default() += 1;
            }
            next.iter().for_each(World::check);
            let keys: Vec<u64> = next.iter().map(self.key).collect();
            let mut known = self.known.lock().unwrap();
            let new = next.into_iter().zip(keys).filter(|(_, key)| known.insert(*key));
            let new = new.map(|(world, _)| world).collect();
            drop(known);
            self.give(new);
        }
    }
}

/// Ends the program's other threads, too, when one finds something wrong: they would wait for it for ever.
struct Alarm<'a>(&'a Shared);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut open = self.0.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *open = (Vec::new(), 0);
            self.0.more.notify_all();
        }
    }
}

/// What was visited.
struct Explored {
    states: usize,
    /// How often each verdict was reached.
    verdicts: BTreeMap<String, usize>,
    /// Every verdict with every cluster it was reached with.
    ends: BTreeSet<String>,
}

/// Visits everything that can happen.
fn explore(first: World, key: fn(&World) -> u64) -> Explored {
    let shared = Shared {
        key,
        known: Mutex::new(HashSet::from([key(&first)])),
        open: Mutex::new((vec![first], 0)),
        more: Condvar::new(),
        ends: Mutex::default(),
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let _alarm = Alarm(&shared);
                shared.work();
            });
        }
    });
    let (verdicts, ends) = shared.ends.into_inner().unwrap();
    Explored { states: shared.known.into_inner().unwrap().len(), verdicts, ends }
}

/// Letters of the troubles that a world has: c(rash), l(ost reply), a(bort), r(ival), w(atches that lag). With R instead of r
/// who lost the release to the rival takes its own steps at once.
fn troubles(letters: &str) -> Troubles {
    Troubles {
        crash: letters.contains('c'),
        lost_reply: letters.contains('l'),
        abort: letters.contains('a'),
        rival: letters.contains(['r', 'R']),
        prompt_loser: letters.contains('R'),
        late: letters.contains('w'),
    }
}

/// Each trouble alone and in pairs; `BACKSTAY_EXPLORE=claR` (or any letters) chooses another world. All four together are part
/// of `cargo xtask soak`: 502,686 states, a minute of one processor in a release build.
#[test]
fn every_interleaving_keeps_the_invariants() {
    let given = std::env::var("BACKSTAY_EXPLORE").ok();
    let worlds = given
        .as_deref()
        .map_or_else(|| vec!["w", "c", "l", "a", "r", "cl", "ca", "la", "aR"], |letters| vec![letters]);
    let (mut states, mut verdicts) = (0, BTreeMap::<String, usize>::new());
    for letters in &worlds {
        let began = std::time::Instant::now();
        let explored = explore(World::new(troubles(letters)), World::key);
        let seconds = began.elapsed().as_secs_f64();
        println!("{letters:<5} {:>8} states in {seconds:.1} s  {:?}", explored.states, explored.verdicts);
        states += explored.states;
        explored.verdicts.into_iter().for_each(|(end, count)| *verdicts.entry(end).or_default() += count);
    }
    println!("{states} states explored to their ends");
    let known = [
        "deployed",
        "rolled-back aborted",
        "rolled-back hook-failed",
        "rolled-back deadline-exceeded",
        "refused aborted",
    ];
    assert_eq!(verdicts.keys().find(|end| !known.contains(&end.as_str())), None, "{verdicts:?}");
    if worlds.iter().any(|letters| letters.contains('a')) {
        assert_eq!(verdicts.len(), known.len(), "an end was never reached: {verdicts:?}");
        assert!(states > 10_000, "only {states} states: the worlds are too small to prove anything");
    }
}

/// Worlds that the key takes for the same have the same ends: told apart by everything there is, they have no others.
#[test]
fn the_key_loses_no_end() {
    for letters in ["w", "c", "l", "a", "R"] {
        let world = || World::new(troubles(letters));
        let (by_key, exact) = (explore(world(), World::key), explore(world(), World::fingerprint));
        assert_eq!(by_key.ends, exact.ends, "{letters}");
        assert!(by_key.states <= exact.states, "{letters}: {} states", exact.states);
    }
}
