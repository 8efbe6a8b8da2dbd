//! The same request twice: the first answer again, or a refusal where it is not the same.

use super::{Answer, needs::key_of};
use crate::mutant::{Mutant, is_on};
use crate::{
    fleet::{
        batch::Batch,
        command::{Idempotency, Replay},
        dirty::Remembered,
        draft::Draft,
        index::idempotency_id,
        job::{IdempotencyKey, Job, StateName},
        refusal::{Fault, Refusal},
        reply::{BatchReply, JobDid, JobReply, Reply},
        rows::{Found, Made},
        token::Principal,
    },
    ids::{JobId, Name},
};

/// The answer to a request that was made before; else the key to remember, if the client gave one.
pub(super) fn replay(
    draft: &Draft<'_>,
    idempotency: Option<&Idempotency>,
    by: &Principal,
    found: &Found,
) -> Result<Result<Option<Box<IdempotencyKey>>, Reply>, Refusal> {
    let Some(idempotency) = idempotency else { return Ok(Ok(None)) };
    let max = draft.fleet.settings.max_text_chars;
    if idempotency.key.is_empty() || idempotency.key.chars().count() > max {
        let detail = format!("the header Idempotency-Key has 1 to {max} characters");
        return Err(Refusal::Invalid { faults: vec![Fault::new("", detail)] });
    }
    let key = key_of(idempotency, by);
    let Some(before) = remembered(draft, &key, found) else { return Ok(Ok(Some(Box::new(key)))) };
    if before.body != key.body {
        return Err(Refusal::IdempotencyMismatch);
    }
    let gone = || Refusal::Conflict("what this Idempotency-Key made is no longer kept: use a new key".to_owned());
    let reply = match before.made {
        Made::Job(id) => {
            let job = job(draft, id, found).ok_or_else(gone)?.clone();
            Reply::Job(Box::new(JobReply { job, did: JobDid::Replayed }))
        }
        Made::Batch(id) => {
            let batch = batch(draft, id, found).ok_or_else(gone)?.clone();
            Reply::Batch(Box::new(BatchReply { batch, did: JobDid::Replayed }))
        }
    };
    Ok(Err(reply))
}

pub(super) fn again(draft: &Draft<'_>, command: &Replay, found: &Found) -> Answer {
    match replay(draft, Some(&command.idempotency), &command.by, found)? {
        Err(reply) => Ok(reply),
        Ok(_) => Err(Refusal::not_found("request with the Idempotency-Key", &command.idempotency.key)),
    }
}

fn remembered(draft: &Draft<'_>, key: &IdempotencyKey, found: &Found) -> Option<Remembered> {
    if is_on(Mutant::ForgetIdempotencyKeys) {
        return None;
    }
    let id = idempotency_id(key);
    let fleet = draft.fleet;
    if let Some(open) = fleet.index.idempotency.get(&id) {
        return Some(*open);
    }
    let fresh = fleet.dirty.settled.idempotency.get(&id);
    let row = fresh.or_else(|| found.idempotency.as_ref().filter(|row| idempotency_id(&row.key) == id))?;
    (draft.now.wall < row.expires).then_some(Remembered { body: row.key.body, made: row.made })
}

/// In memory or as found on disk.
pub(super) fn job<'a>(draft: &Draft<'a>, id: JobId, found: &'a Found) -> Option<&'a Job> {
    draft.fleet.job(id).or_else(|| found.jobs.get(&id))
}

pub(super) fn batch<'a>(draft: &Draft<'a>, id: crate::ids::BatchId, found: &'a Found) -> Option<&'a Batch> {
    draft.fleet.batch(id).or_else(|| found.batches.get(&id))
}

/// Refuses a key that an open or succeeded job of the workflow has.
pub(super) fn check_key_is_free(
    draft: &Draft<'_>,
    workflow: &Name,
    key: Option<&String>,
    found: &Found,
) -> Result<(), Refusal> {
    match key_holder(draft, (workflow, key), found) {
        Some((_, refusal)) => Err(refusal),
        None => Ok(()),
    }
}

/// As above, for a job that may have it itself.
pub(super) fn check_key_is_free_for(
    draft: &Draft<'_>,
    own: JobId,
    key: (&Name, Option<&String>),
    found: &Found,
) -> Result<(), Refusal> {
    match key_holder(draft, key, found) {
        Some((holder, refusal)) if holder != own => Err(refusal),
        _ => Ok(()),
    }
}

fn key_holder(draft: &Draft<'_>, (workflow, key): (&Name, Option<&String>), found: &Found) -> Option<(JobId, Refusal)> {
    let key = key.filter(|_| !is_on(Mutant::ForgetUniqueKeys))?;
    let id = (workflow.clone(), key.clone());
    let fleet = draft.fleet;
    let taken =
        |job, state: StateName| Some((job, Refusal::DuplicateKey { key: key.clone(), job, state: state.as_str() }));
    if let Some(open) = fleet.index.unique_keys.get(&id) {
        let state = fleet.jobs.get(open).map_or(StateName::Queued, Job::name_of_state);
        return taken(*open, state);
    }
    let settled = match fleet.dirty.settled.unique_keys.get(&id) {
        Some(fresh) => fresh.as_ref(),
        None => found.unique_keys.get(&id),
    };
    match settled {
        Some(row) if draft.now.wall < row.until => {
            let state = job(draft, row.job, found).map_or(StateName::Succeeded, Job::name_of_state);
            taken(row.job, state)
        }
        _ => None,
    }
}
