//! Storing, deleting, pausing and resuming documents, and pausing the whole fleet.

use super::{Answer, outbox};
use crate::{
    fleet::{
        command::{DeleteDocument, PauseDocument, PauseFleet, PutDocument, ResumeDocument},
        document::{DEFAULT_POOL, DocumentHead, DocumentKind, DocumentSpec, DocumentVersion, Pause},
        draft::Draft,
        event::{Fact, Stored},
        job::Place,
        limits::Checks,
        refusal::Refusal,
        reply::{DocumentDid, DocumentReply, Reply},
        token::Principal,
    },
    ids::Name,
};

pub(super) fn put(draft: &mut Draft<'_>, command: PutDocument) -> Answer {
    let fact = match command.spec.kind() {
        DocumentKind::Workflow => |document| Fact::WorkflowStored { document },
        DocumentKind::App => |document| Fact::AppStored { document },
        DocumentKind::Pool => |document| Fact::PoolStored { document },
        DocumentKind::Channel => return Err(Refusal::invalid("/kind", "a channel is stored with where it sends")),
    };
    let (head, did) = store(draft, command, true, fact)?;
    Ok(reply(head, did))
}

/// Makes a new version, unless the content is that of the newest one and what goes along with it is the `same` too.
pub(super) fn store(
    draft: &mut Draft<'_>,
    command: PutDocument,
    same: bool,
    fact: impl FnOnce(Stored) -> Fact,
) -> Result<(DocumentHead, DocumentDid), Refusal> {
    let kind = command.spec.kind();
    let fleet = draft.fleet;
    let before = fleet.documents.get(&(kind, command.name.clone()));
    let live = before.filter(|head| head.is_live());
    check_version(kind, &command.name, live, command.if_version)?;
    if let Some(live) = live.filter(|live| same && live.digest == command.digest && live.spec == command.spec) {
        return Ok((live.clone(), DocumentDid::Same));
    }
    let max = fleet.settings.max_documents;
    if before.is_none() && fleet.documents.len() >= max {
        let message = format!("{max} documents are stored and that is the limit: raise it in the settings");
        return Err(Refusal::QuotaExceeded(message));
    }
    let now = draft.now.wall;
    let version = before.map_or(1, |head| head.version + 1);
    let head = DocumentHead {
        name: command.name.clone(),
        version,
        digest: command.digest,
        spec: command.spec.clone(),
        paused: live.and_then(|head| head.paused.clone()),
        created_at: live.map_or(now, |head| head.created_at),
        updated_at: now,
        deleted_at: None,
    };
    let row = DocumentVersion {
        name: command.name,
        version,
        digest: command.digest,
        spec: command.spec,
        content: command.content,
        created_at: now,
        by: command.by,
    };
    let document = Stored { head: Box::new(head.clone()), version: Some(Box::new(row)) };
    draft.push(fact(document));
    Ok((head, DocumentDid::Stored))
}

fn reply(head: DocumentHead, did: DocumentDid) -> Reply {
    Reply::Document(Box::new(DocumentReply { head, did }))
}

fn check_version(
    kind: DocumentKind,
    name: &Name,
    live: Option<&DocumentHead>,
    expected: Option<u32>,
) -> Result<(), Refusal> {
    let Some(expected) = expected else { return Ok(()) };
    let newest = live.map_or(0, |head| head.version);
    if newest == expected {
        return Ok(());
    }
    let kind = kind.as_str();
    Err(Refusal::Conflict(match (expected, newest) {
        (0, newest) => format!("{kind} `{name}` exists already, at version {newest}"),
        (_, 0) => format!("{kind} `{name}` does not exist any more"),
        _ => format!("{kind} `{name}` is at version {newest}, not {expected}: read it again and repeat the change"),
    }))
}

fn live<'a>(draft: &Draft<'a>, kind: DocumentKind, name: &Name) -> Result<&'a DocumentHead, Refusal> {
    draft.fleet.document(kind, name).ok_or_else(|| Refusal::not_found(kind.as_str(), &name))
}

pub(super) fn delete(draft: &mut Draft<'_>, command: &DeleteDocument) -> Answer {
    let head = live(draft, command.kind, &command.name)?;
    check_version(command.kind, &command.name, Some(head), command.if_version)?;
    if let Some(user) = user_of(draft, command.kind, &command.name) {
        let kind = command.kind.as_str();
        let message = format!("{kind} `{}` is in use by {user}: change or end that first", command.name);
        return Err(Refusal::Conflict(message));
    }
    if command.kind == DocumentKind::Channel {
        outbox::drop_channel(draft, &command.name);
    }
    draft.push(Fact::DocumentDeleted { document: command.kind, name: command.name.clone() });
    Ok(Reply::Done)
}

/// What would break without the document, if anything.
fn user_of(draft: &Draft<'_>, kind: DocumentKind, name: &Name) -> Option<String> {
    let fleet = draft.fleet;
    let job = match kind {
        DocumentKind::Workflow => {
            let own = fleet.index.workflow_jobs.get(name).and_then(|jobs| jobs.first().copied());
            own.or_else(|| fleet.jobs.values().find(|job| job.spec.calls.contains_key(name)).map(|job| job.id))
        }
        DocumentKind::App => fleet.jobs.values().find(|job| job.spec.apps.contains_key(name)).map(|job| job.id),
        DocumentKind::Pool => {
            let place = Place::Pool(name.clone());
            fleet.jobs.values().find(|job| job.spec.place == place).map(|job| job.id)
        }
        // Nothing refers to a channel.
        DocumentKind::Channel => return None,
    };
    if let Some(job) = job.filter(|_| !(kind == DocumentKind::Pool && name.as_str() == DEFAULT_POOL)) {
        return Some(format!("{job}, which is open"));
    }
    if kind == DocumentKind::Pool
        && name.as_str() != DEFAULT_POOL
        && let Some(machines) = fleet.index.pool_machines.get(name)
    {
        let machine = machines.first().and_then(|id| fleet.machines.get(id))?;
        return Some(format!("machine `{}`", machine.name));
    }
    let named_by = |head: &&DocumentHead| match (&head.spec, kind) {
        (DocumentSpec::Workflow(spec), DocumentKind::App) => spec.apps.contains(name),
        (DocumentSpec::Workflow(spec), DocumentKind::Workflow) => head.name != *name && spec.calls.contains_key(name),
        (DocumentSpec::Workflow(spec), DocumentKind::Pool) => {
            name.as_str() != DEFAULT_POOL && spec.pool.as_ref() == Some(name)
        }
        (DocumentSpec::Pool(spec), DocumentKind::App) => spec.apps.contains(name),
        _ => false,
    };
    let head = fleet.documents.values().filter(|head| head.is_live()).find(named_by)?;
    Some(format!("{} `{}`", head.kind().as_str(), head.name))
}

pub(super) fn pause(draft: &mut Draft<'_>, command: PauseDocument) -> Answer {
    let PauseDocument { kind, name, reason, by } = command;
    let mut head = live(draft, kind, &name)?.clone();
    let pause = make_pause(draft, reason, by)?;
    if head.paused.as_ref().is_none_or(|paused| paused.reason != pause.reason) {
        head.paused = Some(pause.clone());
        draft.push(Fact::DocumentPaused { document: kind, name, pause });
    }
    Ok(reply(head, DocumentDid::Paused))
}

pub(super) fn resume(draft: &mut Draft<'_>, command: ResumeDocument) -> Answer {
    let mut head = live(draft, command.kind, &command.name)?.clone();
    if head.paused.take().is_some() {
        draft.push(Fact::DocumentResumed { document: command.kind, name: command.name });
    }
    Ok(reply(head, DocumentDid::Resumed))
}

pub(super) fn pause_fleet(draft: &mut Draft<'_>, command: PauseFleet) -> Answer {
    let pause = make_pause(draft, command.reason, command.by)?;
    if draft.fleet.meta.paused.as_ref().is_none_or(|paused| paused.reason != pause.reason) {
        draft.push(Fact::FleetPaused { pause });
    }
    Ok(Reply::Done)
}

pub(super) fn resume_fleet(draft: &mut Draft<'_>) -> Reply {
    if draft.fleet.meta.paused.is_some() {
        draft.push(Fact::FleetResumed {});
    }
    Reply::Done
}

fn make_pause(draft: &Draft<'_>, reason: Option<String>, by: Principal) -> Result<Pause, Refusal> {
    let mut checks = Checks::new(&draft.fleet.settings, "");
    checks.optional_text("/reason", reason.as_deref());
    if checks.faults.is_empty() {
        Ok(Pause { reason, by, at: draft.now.wall })
    } else {
        Err(Refusal::Invalid { faults: checks.faults })
    }
}
