//! Whether a report under a number that was answered already is the one that was answered.
//!
//! An agent whose memory was set back counts backwards too: what it says then under a known number may be another thing, and the
//! answer to the first, "go on", would let it begin a commit that nobody has recorded.

use crate::{
    fleet::{
        attempt::FailedStep,
        command::{End, IntentReport, LoopReport, ReportBody, SettledReport},
        journal::LoopKey,
    },
    ids::Digest,
};

/// What a report says, as far as another one must not be taken for it. Kept with its number over versions, so it is made of what the
/// agent names and not of how it is held here.
pub(super) fn mark(body: &ReportBody) -> Digest {
    let (kind, names): (&str, Vec<&str>) = match body {
        ReportBody::Accept => ("accept", vec![]),
        ReportBody::Ready => ("ready", vec![]),
        ReportBody::Decline { .. } => ("decline", vec![]),
        ReportBody::Renew => ("renew", vec![]),
        ReportBody::Steps(_) => ("steps", vec![]),
        ReportBody::Intent(IntentReport { step, key, .. }) => ("intent", commit(step, key.as_ref())),
        ReportBody::Settled(SettledReport { step, key, done: true, .. }) => ("done", commit(step, key.as_ref())),
        ReportBody::Settled(SettledReport { step, key, .. }) => ("not done", commit(step, key.as_ref())),
        ReportBody::Loop(LoopReport { path, items, .. }) => {
            ("loop", std::iter::once(path.as_str()).chain(items.iter().map(|item| item.key.as_str())).collect())
        }
        ReportBody::Complete { end: End::Succeeded { .. }, .. } => ("succeeded", vec![]),
        ReportBody::Complete { end: End::Failed(_), .. } => ("failed", vec![]),
        ReportBody::Complete { end: End::Cancelled, .. } => ("cancelled", vec![]),
    };
    let mut text = kind.to_owned();
    for name in names {
        text.push('\0');
        text.push_str(name);
    }
    Digest::of(text.as_bytes())
}

fn commit<'a>(step: &'a FailedStep, round: Option<&'a LoopKey>) -> Vec<&'a str> {
    let round = round.into_iter().flat_map(|round| [round.path.as_str(), round.key.as_str()]);
    std::iter::once(step.path.as_str()).chain(round).collect()
}

/// None: it was answered by a version that kept no mark.
pub(super) fn repeats(before: Option<Digest>, mark: Digest) -> bool {
    before.is_none_or(|before| before == mark)
}
