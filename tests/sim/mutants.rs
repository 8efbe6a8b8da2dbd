//! Each rule broken on purpose is noticed: a checker that finds nothing proves nothing.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    thread,
};

use deskfleet::mutant::{Mutant, switch_to};

use crate::seeds::play;

/// A mutant that survives so many histories is not caught.
const SEEDS_EACH: u64 = 150;

/// Where each was caught last: its search begins there, so that it is short as long as little has changed.
const CAUGHT_AT: &[(Mutant, u64)] = &[
    (Mutant::DropFence, 13),
    (Mutant::AnswerBeforeCommit, 27),
    (Mutant::ReuseEpochs, 4),
    (Mutant::SkipTheSweep, 7),
    (Mutant::RenewWhatIsRevoked, 21),
    (Mutant::GrantNoTtlAfterRestart, 11),
    (Mutant::ForgetTheFirstAnswer, 17),
    (Mutant::ForgetIdempotencyKeys, 2),
    (Mutant::ForgetUniqueKeys, 7),
    (Mutant::TouchBeforeAcknowledged, 1),
    (Mutant::CountDeclines, 11),
    (Mutant::ForgetAttempts, 1),
    (Mutant::ForgetCancels, 17),
    (Mutant::IgnoreDeadlines, 14),
    (Mutant::IgnoreLimitsOfBatches, 10),
    (Mutant::SkipTheSync, 2),
    (Mutant::GoOnAfterFull, 27),
    (Mutant::ForgetTheLog, 1),
    (Mutant::LetTheClockRunBack, 10),
    (Mutant::IgnoreTheLapse, 16),
    (Mutant::CancelWhatSucceeded, 14),
    (Mutant::ReplayAfterCommit, 5),
    (Mutant::IntendAfterTheStop, 37),
    (Mutant::ActBeforeRecorded, 1),
    (Mutant::ForgetTheOutbox, 3),
    (Mutant::AcceptLowerGenerations, 2),
];

fn hunt(mutant: Mutant) -> Option<(u64, String)> {
    let known = CAUGHT_AT.iter().find(|(known, _)| *known == mutant).map(|(_, seed)| *seed);
    known.into_iter().chain(1..=SEEDS_EACH).find_map(|seed| {
        switch_to(Some(mutant));
        let played = catch_unwind(AssertUnwindSafe(|| play(seed)));
        switch_to(None);
        let wrong = played.map_or_else(|_| vec!["it panicked".to_owned()], |played| played.wrong);
        wrong.into_iter().next().map(|wrong| (seed, wrong))
    })
}

#[test]
fn every_broken_rule_is_noticed() {
    assert!(Mutant::ALL.len() >= 25);
    // One alone, by its name.
    let wanted = std::env::var("MUTANT").ok();
    let is_wanted = |mutant: &Mutant| wanted.as_ref().is_none_or(|name| *name == format!("{mutant:?}"));
    let waiting = Mutex::new(Mutant::ALL.iter().copied().filter(is_wanted).collect::<Vec<_>>());
    let survived = Mutex::new(Vec::new());
    let hunter = || {
        loop {
            let Some(mutant) = waiting.lock().unwrap().pop() else { return };
            match hunt(mutant) {
                Some((seed, wrong)) => println!("{mutant:?}: seed {seed}: {wrong}"),
                None => survived.lock().unwrap().push(mutant),
            }
        }
    };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..threads {
            scope.spawn(hunter);
        }
    });
    let survived = survived.into_inner().unwrap();
    assert!(survived.is_empty(), "not noticed within {SEEDS_EACH} seeds: {survived:?}");
}
