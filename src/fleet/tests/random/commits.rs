//! Histories with little else than commits: none is replayed blindly, whoever dies and whenever.

use proptest::prelude::*;

use super::{AGENTS, Game, Request, Step, any_request, histories};
use crate::{
    fleet::{
        Decided, Fact, FailedStep, IntentReport, LoopItem, LoopItemState, LoopKey, LoopReport, ReportBody,
        SettledReport,
    },
    ids::{JobId, Json},
};

/// Little else than work on commits: agents that get far, die, and are cancelled in the middle.
fn any_commit_step() -> impl Strategy<Value = Step> {
    let agent = || 0..u8::try_from(AGENTS).unwrap();
    let request = any_request().prop_map(|request| Request { machine: None, north: false, run_in: None, ..request });
    prop_oneof![
        2 => request.prop_map(|request| Step::Submit { request, key: None }),
        1 => any::<u8>().prop_map(Step::Cancel),
        2 => (any::<u8>(), 0..3u8).prop_map(|(job, decision)| Step::Review { job, decision }),
        6 => agent().prop_map(|agent| Step::Poll { agent, says_held: true }),
        // Mostly intents, what became of them, and rounds; now and then an end.
        30 => (agent(), 4..50u8).prop_map(|(agent, choice)| Step::Report { agent, choice }),
        1 => any::<u8>().prop_map(Step::Repeat),
        1 => agent().prop_map(Step::StartAgent),
        1 => (agent(), any::<bool>()).prop_map(|(agent, now)| Step::Mode { agent, mode: 2, now }),
        1 => agent().prop_map(|agent| Step::Mode { agent, mode: 9, now: false }),
        1 => (0..20_000u32).prop_map(Step::Wait),
        1 => (0..40_000u32).prop_map(Step::Stall),
        1 => Just(Step::Restart),
    ]
}

impl Game {
    /// Nothing is begun a second time that is done, or of which nobody knows, unless a person said so.
    pub(super) fn watch_commits(&mut self, mark: usize) {
        for event in &self.world.events[mark..] {
            match &event.fact {
                Fact::AttemptIntentRecorded { job, intent, .. } => {
                    let commit = (*job, intent.step.path.clone(), intent.key.clone());
                    let before = self.commits.insert(commit.clone(), false);
                    assert_eq!(before, None, "{commit:?} is replayed blindly");
                }
                Fact::AttemptEffectSettled { job, intent, done, .. } => {
                    let commit = (*job, intent.step.path.clone(), intent.key.clone());
                    if *done {
                        self.commits.insert(commit, true)
                    } else {
                        self.commits.remove(&commit)
                    };
                }
                Fact::JobReviewed { job, decision: Decided::Retry, .. } => {
                    self.commits.retain(|(of, ..), done| of != job || *done);
                }
                Fact::JobCancelled { job } => {
                    let unknown = self.commits.iter().any(|((of, ..), done)| of == job && !done);
                    assert!(!unknown, "{job} is cancelled, and nobody knows what it has done");
                }
                _ => {}
            }
        }
    }

    /// An intent, what became of the open one, or a round of a loop.
    pub(super) fn effect(&self, job: JobId, choice: u8) -> ReportBody {
        let open = self.world.fleet.job(job).and_then(|job| job.journal.intent.clone());
        let round = |key: &str| LoopKey { path: "steps/2".to_owned(), key: key.to_owned() };
        let (vars, step) =
            (Json::new("{}"), |path: &str| FailedStep { path: path.to_owned(), id: None, action: "click".to_owned() });
        let intend = |path: &str, key, can_settle| {
            ReportBody::Intent(IntentReport { step: step(path), key, vars: vars.clone(), can_settle })
        };
        let settle = |done| match &open {
            Some(open) => {
                let (step, key) = (open.step.clone(), open.key.clone());
                ReportBody::Settled(SettledReport { step, key, done, vars: vars.clone() })
            }
            None => ReportBody::Steps(super::super::world::step(1)),
        };
        let told = |key: &str, state| {
            let items = vec![LoopItem { key: key.to_owned(), state, result: None }];
            ReportBody::Loop(LoopReport { path: "steps/2".to_owned(), total: Some(3), items })
        };
        // Often enough that a history has several of them in one attempt.
        match 10 + (choice - 10) % 8 {
            10 => intend("steps/4", None, true),
            11 => intend("steps/6", None, false),
            12 => intend("steps/2/steps/0", Some(round("a")), true),
            13 => settle(true),
            14 => settle(false),
            15 => intend("steps/2/steps/0", Some(round("b")), true),
            16 => told("b", LoopItemState::Failed),
            _ => told("c", LoopItemState::Done),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: histories(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_no_commit_is_replayed_blindly(steps in proptest::collection::vec(any_commit_step(), 20..160)) {
        let mut game = Game::new();
        for step in steps {
            game.step(step);
        }
        game.finish();
    }
}
