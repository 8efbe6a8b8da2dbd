//! Many histories, none of which may break a rule.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
};

use crate::{plan::Plan, world::World};

/// What one seed came to.
pub(crate) struct Played {
    pub(crate) wrong: Vec<String>,
    pub(crate) trace: u64,
}

pub(crate) fn play(seed: u64) -> Played {
    // Bodies are read with a patience that needs a runtime's timer, which is never waited for.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _within = runtime.enter();
    let mut world = World::new(Plan::of(seed));
    world.play();
    Played { wrong: std::mem::take(&mut world.history.wrong), trace: world.history.trace() }
}

fn number_from(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// In as many threads as there are processors, each history in one.
fn play_all(first: u64, count: u64) -> Vec<String> {
    let next = AtomicU64::new(first);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let players: Vec<_> = (0..threads).map(|_| scope.spawn(|| play_some(&next, first + count))).collect();
        players.into_iter().flat_map(|player| player.join().unwrap()).collect()
    })
}

fn play_some(next: &AtomicU64, end: u64) -> Vec<String> {
    let mut failed = Vec::new();
    loop {
        let seed = next.fetch_add(1, Relaxed);
        if seed >= end || failed.len() >= 3 {
            return failed;
        }
        let played = catch_unwind(AssertUnwindSafe(|| play(seed)));
        let wrong = match played {
            Ok(played) => played.wrong,
            Err(_) => vec!["it panicked; see above".to_owned()],
        };
        if !wrong.is_empty() {
            let again = format!("make sim SEEDS=1 FIRST={seed}");
            failed.push(format!("seed {seed} (play it again: {again}):\n  {}", wrong.join("\n  ")));
        }
    }
}

#[test]
fn no_history_breaks_a_rule() {
    let (first, count) = (number_from("FIRST", 1), number_from("SEEDS", 500));
    let failed = play_all(first, count);
    assert!(failed.is_empty(), "{} histories broke a rule:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn a_seed_replays_its_history_exactly() {
    for seed in 1..=8 {
        let (once, again) = (play(seed), play(seed));
        assert_eq!(once.trace, again.trace, "seed {seed}");
    }
}
