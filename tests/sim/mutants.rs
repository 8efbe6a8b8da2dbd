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
    (Mutant::AnswerBeforeCommit, 4),
    (Mutant::ReuseEpochs, 4),
    (Mutant::SkipTheSweep, 6),
    (Mutant::RenewWhatIsRevoked, 50),
    (Mutant::GrantNoTtlAfterRestart, 11),
    (Mutant::ForgetTheFirstAnswer, 66),
    (Mutant::ForgetIdempotencyKeys, 2),
    (Mutant::ForgetUniqueKeys, 5),
    (Mutant::TouchBeforeAcknowledged, 1),
    (Mutant::CountDeclines, 4),
    (Mutant::ForgetAttempts, 68),
    (Mutant::ForgetCancels, 1),
    (Mutant::IgnoreDeadlines, 14),
    (Mutant::IgnoreLimitsOfBatches, 1),
    (Mutant::IgnoreModes, 7),
    (Mutant::SkipTheSync, 2),
    (Mutant::GoOnAfterFull, 9),
    (Mutant::ForgetTheLog, 1),
    (Mutant::LetTheClockRunBack, 10),
    (Mutant::CountTtlFromAnswer, 93),
    (Mutant::IgnoreTheLapse, 7),
    (Mutant::CancelWhatSucceeded, 4),
    (Mutant::ReplayAfterCommit, 5),
    (Mutant::IntendAfterTheStop, 64),
    (Mutant::ActBeforeRecorded, 1),
    (Mutant::SkipReviews, 5),
    (Mutant::ReviewWhatFailed, 21),
    (Mutant::SettleTooEarly, 9),
    (Mutant::ForgetRounds, 5),
    (Mutant::ForgetTheOutbox, 3),
    (Mutant::LoseWhatFailed, 1),
    (Mutant::AcceptLowerGenerations, 8),
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
    assert!(Mutant::ALL.len() >= 34);
    // One alone, by its name.
    let wanted = std::env::var("MUTANT").ok();
    let is_wanted = |mutant: &Mutant| {
        let named = wanted.as_ref().is_none_or(|name| *name == format!("{mutant:?}"));
        named && !Mutant::OF_THE_RUNNER.contains(mutant)
    };
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
