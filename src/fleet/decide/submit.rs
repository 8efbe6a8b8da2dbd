//! Submitting jobs, one or many.

use std::{collections::BTreeMap, sync::Arc};

use super::{Answer, calls, idempotency};
use crate::{
    fleet::{
        batch::{Batch, Counts},
        command::{JobRequest, SubmitBatch, SubmitJob},
        concurrency,
        document::{DEFAULT_POOL, DocumentKind, DocumentSpec, WorkflowSpec},
        draft::Draft,
        event::{Fact, Submitted},
        job::{AppPin, BlockedReason, Job, JobSpec, JobState, Place},
        limits::{Checks, PRIORITY_MAX},
        queue::Class,
        refusal::{Fault, Refusal},
        reply::{BatchReply, JobDid, JobReply, Reply},
        rows::Found,
        state::Fleet,
        token::Principal,
    },
    ids::{BatchId, JobId, Name},
    time::Now,
};

/// Addresses told of one job, besides the channels.
const MAX_NOTIFY: usize = 8;
/// The team of what the controller itself submits.
const SYSTEM_TEAM: &str = "default";

pub(super) fn job(draft: &mut Draft<'_>, command: SubmitJob, found: &Found) -> Answer {
    let SubmitJob { request, idempotency, by } = command;
    let key = match idempotency::replay(draft, idempotency.as_ref(), &by, found)? {
        Ok(key) => key,
        Err(reply) => return Ok(reply),
    };
    let spec = pin(draft, request, &by, String::new(), found).map_err(Rejection::into_refusal)?;
    idempotency::check_key_is_free(draft, &spec.workflow, spec.key.as_ref(), found)?;
    check_room(draft, 1)?;
    let job = enter(draft, JobSpec { idempotency: key, ..spec }, &mut BTreeMap::new());
    Ok(Reply::Job(Box::new(JobReply { job, did: JobDid::Created })))
}

pub(super) fn batch(draft: &mut Draft<'_>, command: SubmitBatch, found: &Found) -> Answer {
    let SubmitBatch { items, max_running, stop_after_failures, idempotency, by } = command;
    let key = match idempotency::replay(draft, idempotency.as_ref(), &by, found)? {
        Ok(key) => key,
        Err(reply) => return Ok(reply),
    };
    check_batch(draft, items.len(), max_running, stop_after_failures)?;
    let specs = pin_all(draft, items, &by, found)?;
    for spec in &specs {
        idempotency::check_key_is_free(draft, &spec.workflow, spec.key.as_ref(), found)?;
    }
    check_room(draft, specs.len())?;
    let id = BatchId::new(draft.wall_ms(), draft.unique());
    let batch = Batch {
        id,
        team: team_of(&by),
        by,
        created_at: draft.now.wall,
        finished_at: None,
        max_running,
        stop_after_failures,
        stopped: false,
        cancel_requested_at: None,
        counts: Counts::default(),
        idempotency: key,
    };
    draft.push(Fact::BatchSubmitted { batch: Box::new(batch.clone()) });
    let mut reasons = BTreeMap::new();
    for spec in specs {
        enter(draft, JobSpec { batch: Some(id), ..spec }, &mut reasons);
    }
    Ok(Reply::Batch(Box::new(BatchReply { batch, did: JobDid::Created })))
}

fn check_batch(
    draft: &Draft<'_>,
    items: usize,
    max_running: Option<u32>,
    stop_after_failures: Option<u32>,
) -> Result<(), Refusal> {
    let mut checks = Checks::new(&draft.fleet.settings, "");
    let max = draft.fleet.settings.max_batch_items;
    if items == 0 {
        checks.fault("/items", "is empty: a batch has at least one job");
    } else if items > max {
        checks.fault("/items", format!("has {items} jobs, at most {max} are allowed: submit several batches"));
    }
    if max_running == Some(0) {
        checks.fault("/max_running", "is 0, so nothing would ever run: leave it out for no limit");
    }
    if stop_after_failures == Some(0) {
        checks.fault("/stop_after_failures", "is 0: leave it out never to stop, 1 stops at the first failure");
    }
    if checks.faults.is_empty() { Ok(()) } else { Err(Refusal::Invalid { faults: checks.faults }) }
}

/// All faults of all items together; a workflow that does not exist is one of them.
fn pin_all(draft: &Draft<'_>, items: Vec<JobRequest>, by: &Principal, found: &Found) -> Result<Vec<JobSpec>, Refusal> {
    const SHOWN_FAULTS: usize = 1_000;
    let mut specs: Vec<JobSpec> = Vec::with_capacity(items.len());
    let mut faults = Vec::new();
    let mut keys: BTreeMap<(Name, String), usize> = BTreeMap::new();
    for (index, item) in items.into_iter().enumerate() {
        if let Some(key) = &item.key
            && let Some(first) = keys.insert((item.workflow.clone(), key.clone()), index)
        {
            let detail = format!("`{key}` is the key of /items/{first} too: each job of a workflow has its own");
            faults.push(Fault::new(format!("/items/{index}/key"), detail));
        }
        match pin(draft, item, by, format!("/items/{index}"), found) {
            Ok(spec) => specs.push(spec),
            Err(rejection) => faults.extend(rejection.faults),
        }
    }
    faults.truncate(SHOWN_FAULTS);
    if faults.is_empty() { Ok(specs) } else { Err(Refusal::Invalid { faults }) }
}

pub(super) fn check_room(draft: &Draft<'_>, more: usize) -> Result<(), Refusal> {
    let max = draft.fleet.settings.max_open_jobs;
    if draft.fleet.jobs.len() + more <= max {
        return Ok(());
    }
    let open = draft.fleet.jobs.len();
    Err(Refusal::Overloaded(format!(
        "{open} jobs are open and the limit is {max}: try again later, or raise the limit in the settings"
    )))
}

/// Why a request is no job.
struct Rejection {
    /// Where only the workflow is wrong: it.
    unknown_workflow: Option<Name>,
    faults: Vec<Fault>,
}

impl Rejection {
    fn into_refusal(self) -> Refusal {
        match self.unknown_workflow {
            Some(workflow) => Refusal::not_found("workflow", &workflow),
            None => Refusal::Invalid { faults: self.faults },
        }
    }
}

fn team_of(by: &Principal) -> Name {
    match by {
        Principal::Token { team, .. } => team.clone(),
        Principal::System | Principal::Machine { .. } => fixed_name(SYSTEM_TEAM),
    }
}

fn fixed_name(name: &str) -> Name {
    name.parse().unwrap_or_else(|_| unreachable!("`{name}` is a name"))
}

/// Turns a request into what will run, whatever becomes of the documents later.
fn pin(
    draft: &Draft<'_>,
    request: JobRequest,
    by: &Principal,
    prefix: String,
    found: &Found,
) -> Result<JobSpec, Rejection> {
    let mut checks = Checks::new(&draft.fleet.settings, prefix);
    let workflow = find_workflow(draft, &request, found, &mut checks);
    let unknown_workflow = (workflow.is_none() && request.version.is_none()).then(|| request.workflow.clone());
    check_request(draft, &request, &mut checks);
    let place = find_place(draft, &request, workflow.as_ref().map(|(_, spec)| *spec), &mut checks);
    let calls = workflow
        .as_ref()
        .map(|(_, spec)| calls::pin(draft.fleet, &request.workflow, spec, &mut checks))
        .unwrap_or_default();
    let apps = workflow.as_ref().map(|(_, spec)| pin_apps(draft, spec, &mut checks)).unwrap_or_default();
    let faults = checks.faults;
    let (Some((version, workflow)), true) = (workflow, faults.is_empty()) else {
        let only = faults.len() == 1;
        return Err(Rejection { unknown_workflow: unknown_workflow.filter(|_| only), faults });
    };
    Ok(JobSpec {
        workflow: request.workflow,
        version,
        input: request.input,
        key: request.key,
        place,
        require: request.require,
        priority: i8::try_from(request.priority).unwrap_or_else(|_| unreachable!("the priority was checked")),
        run_at: request.run_at,
        deadline: request.deadline,
        files: request.files,
        labels: request.labels,
        notify: request.notify,
        team: team_of(by),
        by: by.clone(),
        batch: None,
        retry_of: None,
        idempotency: None,
        apps,
        calls,
        retry: workflow.retry.clone(),
        timeout_ms: workflow.timeout_ms,
        concurrency: request.concurrency,
    })
}

/// What the fleet alone would find wrong with a request now, for telling it together with what others find. Submitting checks
/// again.
pub fn faults_of(fleet: &Fleet, now: Now, request: &JobRequest, prefix: &str) -> Vec<Fault> {
    let draft = Draft::new(fleet, now, Principal::System);
    let mut checks = Checks::new(&fleet.settings, prefix);
    check_request(&draft, request, &mut checks);
    let workflow = fleet.document(DocumentKind::Workflow, &request.workflow).and_then(|head| match &head.spec {
        DocumentSpec::Workflow(spec) => Some(spec),
        DocumentSpec::App(_) | DocumentSpec::Pool(_) | DocumentSpec::Channel(_) => None,
    });
    find_place(&draft, request, workflow, &mut checks);
    checks.faults
}

fn find_workflow<'a>(
    draft: &Draft<'a>,
    request: &JobRequest,
    found: &'a Found,
    checks: &mut Checks<'_>,
) -> Option<(u32, &'a WorkflowSpec)> {
    let Some(head) = draft.fleet.document(DocumentKind::Workflow, &request.workflow) else {
        checks.fault("/workflow", format!("there is no workflow `{}`: store it first", request.workflow));
        return None;
    };
    let version = request.version.unwrap_or(head.version);
    let key = (DocumentKind::Workflow, request.workflow.clone(), version);
    let spec = if version == head.version { Some(&head.spec) } else { found.versions.get(&key).map(|row| &row.spec) };
    if let Some(DocumentSpec::Workflow(spec)) = spec {
        return Some((version, spec));
    }
    let (name, newest) = (&request.workflow, head.version);
    checks.fault("/version", format!("workflow `{name}` has no version {version}: the newest is {newest}"));
    None
}

fn check_request(draft: &Draft<'_>, request: &JobRequest, checks: &mut Checks<'_>) {
    checks.optional_text("/key", request.key.as_deref());
    checks.labels("/labels", &request.labels);
    checks.labels("/require", &request.require);
    checks.count("/files", request.files.len());
    if request.notify.len() > MAX_NOTIFY {
        checks.fault("/notify", format!("has {} entries, at most {MAX_NOTIFY} are allowed", request.notify.len()));
    }
    request.files.keys().for_each(|file| checks.file_name("/files", file));
    if let Some(limit) = &request.concurrency {
        concurrency::check_limit(checks, limit, draft.fleet.settings.max_text_chars);
    }
    if request.priority.abs() > PRIORITY_MAX {
        checks.fault("/priority", format!("is outside -{PRIORITY_MAX} to {PRIORITY_MAX}"));
    }
    if let Some(deadline) = request.deadline {
        if deadline <= draft.now.wall {
            checks.fault("/deadline", format!("{deadline} has passed: it is {} now", draft.now.wall));
        } else if request.run_at.is_some_and(|run_at| deadline <= run_at) {
            checks.fault("/deadline", "is not after run_at: the job could never run");
        }
    }
}

/// The machine it names, else its own pool, else the workflow's, else the default one.
fn find_place(
    draft: &Draft<'_>,
    request: &JobRequest,
    workflow: Option<&WorkflowSpec>,
    checks: &mut Checks<'_>,
) -> Place {
    let fleet = draft.fleet;
    if let Some(pool) = &request.pool
        && !fleet.pool_exists(pool)
    {
        checks.fault("/pool", format!("there is no pool `{pool}`: store it, or name another"));
    }
    if let Some(name) = &request.machine {
        match (fleet.machine_named(name), &request.pool) {
            (None, _) => checks.fault("/machine", format!("there is no machine `{name}`: check the name, or join it")),
            (Some(machine), Some(pool)) if machine.pool != *pool => {
                let detail = format!("machine `{name}` is in pool `{}`, not in `{pool}`: leave one out", machine.pool);
                checks.fault("/machine", detail);
            }
            _ => {}
        }
        return Place::Machine(name.clone());
    }
    if let Some(pool) = &request.pool {
        return Place::Pool(pool.clone());
    }
    let pool = workflow.and_then(|workflow| workflow.pool.clone()).unwrap_or_else(|| fixed_name(DEFAULT_POOL));
    if !fleet.pool_exists(&pool) {
        checks.fault("/pool", format!("the workflow's pool `{pool}` does not exist: store it, or name another here"));
    }
    Place::Pool(pool)
}

fn pin_apps(draft: &Draft<'_>, workflow: &WorkflowSpec, checks: &mut Checks<'_>) -> BTreeMap<Name, AppPin> {
    let mut pins = BTreeMap::new();
    for app in &workflow.apps {
        match draft.fleet.document(DocumentKind::App, app).map(|head| (head.version, &head.spec)) {
            Some((version, DocumentSpec::App(spec))) => {
                pins.insert(app.clone(), AppPin { version, launchable: spec.launchable });
            }
            _ => checks.fault("/workflow", format!("it uses app `{app}`, which does not exist: store the app first")),
        }
    }
    pins
}

/// Why jobs of a class are blocked, worked out once for each class of a batch.
pub(super) type Reasons = BTreeMap<Class, Option<BlockedReason>>;

/// Makes the job and says where it starts.
pub(super) fn enter(draft: &mut Draft<'_>, spec: JobSpec, reasons: &mut Reasons) -> Job {
    let now = draft.now.wall;
    let mut job = Job {
        id: JobId::new(draft.wall_ms(), draft.unique()),
        spec: Arc::new(spec),
        state: JobState::Queued,
        created_at: now,
        queued_at: None,
        queued_turn: 0,
        started_at: None,
        finished_at: None,
        cancel: None,
        attempts: Vec::new(),
        declines: 0,
        journal: Box::default(),
        reviews: Vec::new(),
        retried_by: None,
    };
    if let Some(due) = job.spec.run_at.filter(|due| now < *due) {
        job.state = JobState::Scheduled { due };
    } else {
        job.queued_at = Some(now);
        job.queued_turn = draft.fleet.meta.epoch;
        let class = Class::of(&job, None);
        let reason = reasons.entry(class).or_insert_with_key(|class| draft.fleet.blocked_reason(class));
        if let Some(reason) = reason.clone() {
            job.state = JobState::Blocked { reason };
        }
    }
    draft.push(Fact::JobSubmitted { job: Submitted(Box::new(job.clone())) });
    if let JobState::Blocked { reason } = &job.state {
        // Told as any other block is: who waits for such events need not look into submitted jobs.
        draft.push(Fact::JobBlocked { job: job.id, reason: reason.clone() });
    }
    job
}
