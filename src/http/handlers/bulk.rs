//! One action on many: found by a filter, done one by one in slices, each with its own result.
//!
//! Every item is a command of its own, so that nothing waits behind a thousand of them. What is under way goes on when the client
//! goes away. An `Idempotency-Key` brings the same answer again; each retry is made under a key of its own derived from it, so that
//! even after a restart of the controller no job is retried twice by one key.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue},
    response::Response,
};
use futures_util::{StreamExt as _, stream};
use serde::Serialize;

use super::{jobs, machines, ok, submit};
use crate::{
    controller::{ExecuteError, Order, PageRequest},
    fleet::{CancelJob, Command, Idempotency, JobDid, ModeName, Principal, ReleaseJob, Reply, RetryJob, Role, SetMode},
    http::{
        access::{self, CallerToken},
        app::App,
        bulk_answers::Begun,
        problem::{ApiError, ApiResult, fault},
        request::{JsonBody, Query},
    },
    ids::{JobId, MachineName},
    wire::bulk::{
        FilterValue, JobAction, JobBulk, JobBulkItem, JobBulkRequest, MachineAction, MachineBulk, MachineBulkItem,
        MachineBulkRequest,
    },
};

/// Items of one request.
const MAX_ITEMS: usize = 10_000;
/// Of a dry run: named one by one.
const SHOWN: usize = 100;
/// Rows read, and commands under way, at a time.
const SLICE: usize = 500;
const AT_ONCE: usize = 32;
/// A full engine is waited for: half a request refused for load would be of no use.
const BUSY_TRIES: u32 = 60;
const BUSY_PAUSE: Duration = Duration::from_millis(500);

pub(crate) async fn of_jobs(
    State(app): State<App>,
    caller: CallerToken,
    headers: HeaderMap,
    JsonBody(request): JsonBody<JobBulkRequest>,
) -> ApiResult<Response> {
    if request.action == JobAction::Release {
        // As the route for one job asks.
        access::allow(&caller.0, Role::Operator)?;
    }
    let mut query = filter_query(&request.filter, request.all, JOB_FILTERS)?;
    let filter = jobs::filter(&mut query);
    finish(query)?;
    let idempotency = submit::idempotency(&headers, "POST /v1/jobs/bulk".to_owned(), &request)?;
    once(&app, &caller, idempotency.clone(), move |app, by| async move {
        let ids = matching(&app, &filter).await?;
        if request.dry_run {
            let items = ids.iter().take(SHOWN).map(|job| item(*job, "matched")).collect();
            return Ok(to_json(&JobBulk { dry_run: true, matched: ids.len() as u64, done: 0, refused: 0, items }));
        }
        let each = stream::iter(ids).map(|job| one_job(&app, job, request.action, idempotency.as_ref(), &by));
        let items: Vec<JobBulkItem> = each.buffered(AT_ONCE).collect().await;
        let refused = items.iter().filter(|item| item.code.is_some()).count() as u64;
        let matched = items.len() as u64;
        Ok(to_json(&JobBulk { dry_run: false, matched, done: matched - refused, refused, items }))
    })
    .await
}

pub(crate) async fn of_machines(
    State(app): State<App>,
    caller: CallerToken,
    headers: HeaderMap,
    JsonBody(request): JsonBody<MachineBulkRequest>,
) -> ApiResult<Response> {
    let mode = match request.action {
        MachineAction::Drain => ModeName::Draining,
        MachineAction::Activate => ModeName::Active,
        MachineAction::Maintenance => ModeName::Maintenance,
        MachineAction::Quarantine => ModeName::Quarantined,
    };
    machines::check_now(mode, request.now)?;
    let mut query = filter_query(&request.filter, request.all, MACHINE_FILTERS)?;
    let filter = machines::filter(&mut query);
    finish(query)?;
    let idempotency = submit::idempotency(&headers, "POST /v1/machines/bulk".to_owned(), &request)?;
    once(&app, &caller, idempotency, move |app, by| async move {
        let mut found = app.handle().machines().await?;
        found.retain(|view| filter.fits(view));
        limit(found.len())?;
        let names = found.into_iter().map(|view| view.row.name);
        if request.dry_run {
            let matched = names.len() as u64;
            let items = names.take(SHOWN).map(|machine| machine_item(machine, Ok(()), "matched")).collect();
            return Ok(to_json(&MachineBulk { dry_run: true, matched, done: 0, refused: 0, items }));
        }
        let each = stream::iter(names).map(|machine| {
            let (reason, now, by) = (request.reason.clone(), request.now, by.clone());
            let command = SetMode { machine: machine.clone(), mode, reason, now, by };
            let app = &app;
            async move {
                let done = execute(app, Command::SetMode(command)).await.map(|_| ());
                machine_item(machine, done, "done")
            }
        });
        let items: Vec<MachineBulkItem> = each.buffered(AT_ONCE).collect().await;
        let refused = items.iter().filter(|item| item.code.is_some()).count() as u64;
        let matched = items.len() as u64;
        Ok(to_json(&MachineBulk { dry_run: false, matched, done: matched - refused, refused, items }))
    })
    .await
}

const JOB_FILTERS: &[&str] =
    &["state", "workflow", "pool", "machine", "team", "batch", "key", "category", "since", "until"];
const MACHINE_FILTERS: &[&str] = &["status", "mode", "pool"];

/// The filter as the query of the list would have it.
fn filter_query(filter: &BTreeMap<String, FilterValue>, all: bool, known: &[&str]) -> ApiResult<Query> {
    if filter.is_empty() && !all {
        let detail = "is empty, which would mean all there is: name something, or add `\"all\": true`";
        return Err(ApiError::fault("/filter", detail));
    }
    let unknown = filter.keys().filter(|name| !known.contains(&name.as_str()) && !name.starts_with("label."));
    let faults: Vec<_> = unknown
        .map(|name| fault(format!("/filter/{name}"), format!("is no filter; known are {}, label.K", known.join(", "))))
        .collect();
    if !faults.is_empty() {
        return Err(ApiError::invalid(faults));
    }
    let text = |value: &FilterValue| match value {
        FilterValue::One(value) => value.clone(),
        FilterValue::Several(values) => values.join(","),
    };
    // One that says nothing would be taken for one that is not there.
    if let Some((name, _)) = filter.iter().find(|(_, value)| text(value).is_empty()) {
        return Err(ApiError::fault(format!("/filter/{name}"), "is empty: leave it out, or write a value"));
    }
    Ok(Query::from_pairs(filter.iter().map(|(name, value)| (name.clone(), text(value))).collect()))
}

/// The faults of a query, told where the filter stands.
fn finish(query: Query) -> ApiResult<()> {
    query.finish().map_err(|mut error| {
        for fault in &mut error.faults {
            fault.pointer = fault.pointer.replacen('?', "/filter/", 1);
        }
        ApiError::invalid(error.faults)
    })
}

async fn matching(app: &App, filter: &crate::controller::JobFilter) -> ApiResult<Vec<JobId>> {
    let mut ids = Vec::new();
    let mut after = None;
    loop {
        let page = PageRequest { after, limit: SLICE, order: Order::OldestFirst };
        let found = app.handle().jobs(filter.clone(), page).await?;
        ids.extend(found.items.iter().map(|job| job.id));
        limit(ids.len())?;
        after = found.next;
        if after.is_none() {
            return Ok(ids);
        }
    }
}

fn limit(found: usize) -> ApiResult<()> {
    if found <= MAX_ITEMS {
        return Ok(());
    }
    Err(ApiError::fault("/filter", format!("fits more than {MAX_ITEMS}, the most of one request: narrow it")))
}

async fn one_job(
    app: &App,
    job: JobId,
    action: JobAction,
    idempotency: Option<&Idempotency>,
    by: &Principal,
) -> JobBulkItem {
    let command = match action {
        JobAction::Cancel => Command::CancelJob(CancelJob { job, by: by.clone() }),
        JobAction::Retry => {
            let own = |whole: &Idempotency| Idempotency {
                route: format!("POST /v1/jobs/bulk/{job}"),
                key: whole.key.clone(),
                body: whole.body,
            };
            Command::RetryJob(RetryJob { job, force: None, idempotency: idempotency.map(own), by: by.clone() })
        }
        JobAction::Release => Command::ReleaseJob(ReleaseJob { job, by: by.clone() }),
    };
    match execute(app, command).await {
        Ok(Reply::Job(reply)) => match (action, reply.did) {
            (JobAction::Retry, _) => JobBulkItem { retry: Some(reply.job.id), ..item(job, "retried") },
            (JobAction::Cancel, JobDid::CancelRequested) => item(job, "cancel_requested"),
            (JobAction::Cancel, _) => item(job, "cancelled"),
            (JobAction::Release, _) => item(job, "released"),
        },
        Ok(_) => item(job, "done"),
        Err(error) => JobBulkItem {
            code: Some(error.code.as_str().to_owned()),
            detail: Some(error.detail),
            ..item(job, "refused")
        },
    }
}

fn item(job: JobId, result: &str) -> JobBulkItem {
    JobBulkItem { job, result: result.to_owned(), retry: None, code: None, detail: None }
}

fn machine_item(machine: MachineName, done: ApiResult<()>, result: &str) -> MachineBulkItem {
    let (result, code, detail) = match done {
        Ok(()) => (result, None, None),
        Err(error) => ("refused", Some(error.code.as_str().to_owned()), Some(error.detail)),
    };
    MachineBulkItem { machine, result: result.to_owned(), code, detail }
}

async fn execute(app: &App, command: Command) -> ApiResult<Reply> {
    for _ in 0..BUSY_TRIES {
        match app.handle().execute(command.clone()).await {
            Err(ExecuteError::Overloaded) => tokio::time::sleep(BUSY_PAUSE).await,
            other => return Ok(other?),
        }
    }
    Ok(app.handle().execute(command).await?)
}

/// Does it apart from the connection, or answers as the first time.
async fn once<F, D>(
    app: &App,
    caller: &CallerToken,
    idempotency: Option<Idempotency>,
    work: impl FnOnce(App, Principal) -> F,
) -> ApiResult<Response>
where
    F: Future<Output = ApiResult<D>> + Send + 'static,
    D: Into<Arc<serde_json::Value>> + Send + 'static,
{
    let by = caller.principal();
    let key = idempotency.map(|key| (caller.0.id, key));
    let turn = match key.map(|(token, key)| app.bulk_answers().begin(token, key)).transpose()? {
        Some(Begun::Before(answer)) => {
            let mut response = ok(answer.as_ref());
            response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
            return Ok(response);
        }
        Some(Begun::Now(turn)) => Some(turn),
        None => None,
    };
    let work = work(app.clone(), by);
    let running = tokio::spawn(async move {
        let answer: Arc<serde_json::Value> = work.await?.into();
        if let Some(turn) = turn {
            turn.finish(Arc::clone(&answer));
        }
        Ok::<_, ApiError>(answer)
    });
    let answer = running.await.map_err(|error| {
        tracing::error!(%error, "a bulk request failed");
        ApiError::new(crate::http::problem::Code::Internal, "it failed midway; the controller's log has more")
    })??;
    Ok(ok(answer.as_ref()))
}

fn to_json(answer: &impl Serialize) -> serde_json::Value {
    // Plain data: it always has a JSON form.
    serde_json::to_value(answer).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_are_done_at_once_and_one_more_is_refused_whole() {
        limit(10_000).unwrap();
        let refused = limit(10_001).unwrap_err();
        assert_eq!((refused.code.as_str(), refused.faults[0].pointer.as_str()), ("invalid", "/filter"));
    }
}
