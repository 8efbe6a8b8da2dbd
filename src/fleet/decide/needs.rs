//! Which rows on disk a command has to be decided with.

use crate::{
    fleet::{
        command::{Command, Idempotency, JobRequest, Report, ReportBody},
        document::DocumentKind,
        job::IdempotencyKey,
        journal::LoopKey,
        rows::Need,
        state::Fleet,
        token::Principal,
    },
    ids::{BatchId, JobId},
};

/// The rows that have to be read from the store and passed with the command. Empty where memory is enough.
pub fn needs(fleet: &Fleet, command: &Command) -> Vec<Need> {
    let mut needs = Vec::new();
    match command {
        Command::SubmitJob(command) => {
            idempotency(&mut needs, command.idempotency.as_ref(), &command.by);
            request(fleet, &mut needs, &command.request);
        }
        Command::SubmitBatch(command) => {
            idempotency(&mut needs, command.idempotency.as_ref(), &command.by);
            for item in command.items.iter().take(fleet.settings.max_batch_items) {
                request(fleet, &mut needs, item);
            }
        }
        Command::CancelJob(command) => job(fleet, &mut needs, command.job),
        Command::ReleaseJob(command) => job(fleet, &mut needs, command.job),
        Command::ReviewJob(command) => job(fleet, &mut needs, command.job),
        Command::RetryJob(command) => {
            idempotency(&mut needs, command.idempotency.as_ref(), &command.by);
            job(fleet, &mut needs, command.job);
        }
        Command::Replay(command) => idempotency(&mut needs, Some(&command.idempotency), &command.by),
        Command::CancelBatch(command) => batch(fleet, &mut needs, command.batch),
        // A late report is kept with the attempt it belongs to.
        Command::ReplayMessages(command) => needs.push(Need::Messages {
            subscriber: command.subscriber.clone(),
            from: command.from,
            to: command.to.unwrap_or(u64::MAX),
            // One more than could be sent, so that too many are seen to be.
            at_most: fleet.settings.max_pending_messages + 1,
        }),
        Command::Report(command) => {
            job(fleet, &mut needs, command.fence.job);
            rounds(fleet, &mut needs, command);
        }
        _ => {}
    }
    needs.sort();
    needs.dedup();
    needs
}

fn idempotency(needs: &mut Vec<Need>, idempotency: Option<&Idempotency>, by: &Principal) {
    if let Some(idempotency) = idempotency {
        needs.push(Need::Idempotency(key_of(idempotency, by)));
    }
}

pub(super) fn key_of(idempotency: &Idempotency, by: &Principal) -> IdempotencyKey {
    IdempotencyKey {
        token: by.token(),
        route: idempotency.route.clone(),
        key: idempotency.key.clone(),
        body: idempotency.body,
    }
}

fn request(fleet: &Fleet, needs: &mut Vec<Need>, request: &JobRequest) {
    if let Some(key) = &request.key
        && !fleet.index.unique_keys.contains_key(&(request.workflow.clone(), key.clone()))
    {
        needs.push(Need::UniqueKey { workflow: request.workflow.clone(), key: key.clone() });
    }
    let newest = fleet.document(DocumentKind::Workflow, &request.workflow).map(|head| head.version);
    if let (Some(version), Some(newest)) = (request.version, newest)
        && version != newest
    {
        needs.push(Need::Version { kind: DocumentKind::Workflow, name: request.workflow.clone(), version });
    }
}

fn job(fleet: &Fleet, needs: &mut Vec<Need>, id: JobId) {
    if fleet.job(id).is_none() {
        needs.push(Need::Job(id));
    }
}

/// What is known of the rounds a report speaks of.
fn rounds(fleet: &Fleet, needs: &mut Vec<Need>, report: &Report) {
    let job = report.fence.job;
    let mut add = |round: LoopKey| needs.push(Need::LoopItem(job, round));
    match &report.body {
        ReportBody::Intent(told) => told.key.clone().into_iter().for_each(&mut add),
        ReportBody::Settled(told) => told.key.clone().into_iter().for_each(&mut add),
        ReportBody::Loop(told) => {
            let items = told.items.iter().take(fleet.settings.max_steps_per_report);
            items.map(|item| LoopKey { path: told.path.clone(), key: item.key.clone() }).for_each(&mut add);
        }
        _ => {}
    }
}

fn batch(fleet: &Fleet, needs: &mut Vec<Need>, id: BatchId) {
    if fleet.batch(id).is_none() {
        needs.push(Need::Batch(id));
    }
}
