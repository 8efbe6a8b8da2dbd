//! One request, or many: times parsed, input held against the workflow's schema, files looked for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    fleet::{self, Concurrency, DocumentKind, EventPattern, JobRequest, Notify, SecretText},
    http::{
        app::App,
        documents::{Entry, unknown_events},
        notify::key,
        problem::{ApiError, ApiResult, fault},
    },
    ids::{Digest, Json, Name},
    time::{Timestamp, parse_duration},
    wire::{self, channel::NotifyRequest, problem::Fault},
    workflow::{Scope, ScopeParts, TemplateError, Workflow},
};

/// What a job tells unless it says more.
const ENDS: [&str; 4] = ["job.succeeded", "job.failed", "job.cancelled", "job.needs_review"];
/// What is wrong with more jobs than this is not told one by one.
const MAX_FAULTS: usize = 100;

/// Levels of lists and objects in an input. It travels inside other documents, and readers of JSON stop at 128.
const MAX_INPUT_DEPTH: usize = 64;

type Workflows = BTreeMap<(Name, Option<u32>), Option<Arc<Entry>>>;

/// A single job. A workflow that is not there is `404`, as there is nothing to hold the input against.
pub(crate) async fn checked(app: &App, request: wire::job::JobRequest) -> ApiResult<JobRequest> {
    let workflows = workflows(app, std::slice::from_ref(&request)).await?;
    if workflows.values().any(Option::is_none) {
        return Err(no_workflow(&request));
    }
    let missing = missing_files(app, std::slice::from_ref(&request)).await?;
    let mut faults = Vec::new();
    let checked =
        Check { app, workflows: &workflows, missing: &missing, prefix: String::new() }.job(request, &mut faults);
    let numbered = checked.iter().map(|job| (String::new(), job));
    add_what_the_fleet_finds(app, &mut faults, numbered).await?;
    finish(faults, checked)
}

/// All of a batch, or all that is wrong with it.
pub(crate) async fn checked_all(app: &App, requests: Vec<wire::job::JobRequest>) -> ApiResult<Vec<JobRequest>> {
    let workflows = workflows(app, &requests).await?;
    let missing = missing_files(app, &requests).await?;
    let mut faults = Vec::new();
    let mut checked = Vec::with_capacity(requests.len());
    for (index, request) in requests.into_iter().enumerate() {
        let prefix = format!("/items/{index}");
        let check = Check { app, workflows: &workflows, missing: &missing, prefix };
        let job = check.job(request, &mut faults);
        checked.extend(job.map(|job| (check.prefix, job)));
        if faults.len() >= MAX_FAULTS {
            faults.push(fault("", "there are more faults; mend these first"));
            break;
        }
    }
    let numbered = checked.iter().map(|(prefix, job)| (prefix.clone(), job));
    add_what_the_fleet_finds(app, &mut faults, numbered).await?;
    finish(faults, Some(checked.into_iter().map(|(_, job)| job).collect()))
}

/// Where something is wrong already, what the fleet would refuse later is told too. Without a fault the fleet says it itself.
async fn add_what_the_fleet_finds(
    app: &App,
    faults: &mut Vec<Fault>,
    checked: impl Iterator<Item = (String, &JobRequest)>,
) -> ApiResult<()> {
    if faults.is_empty() || faults.len() >= MAX_FAULTS {
        return Ok(());
    }
    let jobs: Vec<(String, JobRequest)> = checked.map(|(prefix, job)| (prefix, job.clone())).collect();
    let look = app.handle().look(move |fleet, now| {
        let found = jobs.iter().flat_map(|(prefix, job)| fleet::faults_of(fleet, now, job, prefix));
        found.take(MAX_FAULTS).collect::<Vec<_>>()
    });
    faults.extend(look.await?.into_iter().map(|found| fault(found.pointer, found.detail)));
    Ok(())
}

fn finish<T>(faults: Vec<Fault>, checked: Option<T>) -> ApiResult<T> {
    match checked {
        Some(checked) if faults.is_empty() => Ok(checked),
        _ => Err(ApiError::invalid(faults)),
    }
}

fn no_workflow(request: &wire::job::JobRequest) -> ApiError {
    let what = match request.version {
        Some(version) => format!("version {version} of workflow `{}`", request.workflow),
        None => format!("workflow `{}`", request.workflow),
    };
    let mut error = ApiError::not_found(format!("{what}: check the spelling, or store it first"));
    error.faults.push(fault("/workflow", "does not exist"));
    error
}

/// Each workflow version once; none where it does not exist.
async fn workflows(app: &App, requests: &[wire::job::JobRequest]) -> ApiResult<Workflows> {
    let mut found = Workflows::new();
    for request in requests {
        let key = (request.workflow.clone(), request.version);
        if found.contains_key(&key) {
            continue;
        }
        // Only of a workflow that is still there, also where a version is named.
        let head = app.handle().document_head(DocumentKind::Workflow, request.workflow.clone()).await?;
        let entry = match head {
            None => None,
            Some(head) => {
                let version = request.version.unwrap_or(head.version);
                app.library().version(app.handle(), DocumentKind::Workflow, &request.workflow, version).await?
            }
        };
        found.insert(key, entry);
    }
    Ok(found)
}

async fn missing_files(app: &App, requests: &[wire::job::JobRequest]) -> ApiResult<BTreeSet<Digest>> {
    let digests: BTreeSet<Digest> = requests.iter().flat_map(|request| request.files.values().copied()).collect();
    let mut missing = BTreeSet::new();
    for digest in digests {
        if app.handle().claim_blob(digest).await?.is_none() {
            missing.insert(digest);
        }
    }
    Ok(missing)
}

/// Whether a value has more than so many levels of lists and objects.
fn is_deeper(value: &serde_json::Value, levels: usize) -> bool {
    let inner: Vec<&serde_json::Value> = match value {
        serde_json::Value::Array(items) => items.iter().collect(),
        serde_json::Value::Object(fields) => fields.values().collect(),
        _ => return false,
    };
    levels == 0 || inner.into_iter().any(|inner| is_deeper(inner, levels - 1))
}

struct Check<'a> {
    app: &'a App,
    workflows: &'a Workflows,
    missing: &'a BTreeSet<Digest>,
    /// Of all pointers: empty, or `/items/3`.
    prefix: String,
}

impl Check<'_> {
    fn fault(&self, faults: &mut Vec<Fault>, pointer: &str, detail: impl Into<String>) {
        faults.push(fault(format!("{}{pointer}", self.prefix), detail));
    }

    /// `None` where there is at least one fault that leaves nothing to build from.
    fn job(&self, request: wire::job::JobRequest, faults: &mut Vec<Fault>) -> Option<JobRequest> {
        let now = self.app.clock().now().wall;
        let mut time = |field: &str, text: Option<&String>| {
            let parsed = text.map(|text| moment(text, now));
            parsed.and_then(|parsed| parsed.map_err(|detail| self.fault(faults, field, detail)).ok())
        };
        let run_at = time("/run_at", request.run_at.as_ref());
        let deadline = time("/deadline", request.deadline.as_ref());
        let notify = self.notify(&request.notify, faults);
        for (file, digest) in request.files.iter().filter(|(_, digest)| self.missing.contains(digest)) {
            let pointer = format!("/files/{}", file.replace('~', "~0").replace('/', "~1"));
            self.fault(faults, &pointer, format!("is not stored yet: upload it as PUT /v1/blobs/{digest}"));
        }
        let entry = self.workflows.get(&(request.workflow.clone(), request.version)).and_then(Option::as_ref);
        let Some(entry) = entry else {
            self.fault(faults, "/workflow", format!("there is no workflow `{}` of this version", request.workflow));
            return None;
        };
        let (input, concurrency) = self.input(entry, &request.input, faults)?;
        Some(JobRequest {
            workflow: request.workflow,
            version: Some(entry.version.version),
            input,
            key: request.key,
            pool: request.pool,
            machine: request.machine,
            require: request.require,
            priority: request.priority.into(),
            run_at,
            deadline,
            files: request.files,
            labels: request.labels,
            concurrency,
            notify,
        })
    }

    fn notify(&self, requests: &[NotifyRequest], faults: &mut Vec<Fault>) -> Vec<Notify> {
        let guard = self.app.guard();
        let mut notify = Vec::with_capacity(requests.len());
        for (index, request) in requests.iter().enumerate() {
            let place = format!("/notify/{index}");
            if let Err(why) = guard.url(&request.url) {
                self.fault(faults, &format!("{place}/url"), why);
            }
            if let Err(why) = key(&request.secret.0) {
                self.fault(faults, &format!("{place}/secret"), why);
            }
            let asked = request.events.clone();
            let events = asked.unwrap_or_else(|| ENDS.map(str::to_owned).into());
            if events.is_empty() {
                self.fault(faults, &format!("{place}/events"), "is empty: leave it out to be told how the job ends");
            }
            faults.extend(unknown_events(&format!("{}{place}/events", self.prefix), &events));
            notify.push(Notify {
                url: request.url.clone(),
                secret: SecretText::new(request.secret.0.clone()),
                events: events.iter().filter_map(|text| EventPattern::parse(text)).collect(),
            });
        }
        notify
    }

    /// With the schema's defaults, as the job will show it, and with what it says of the workflow's concurrency.
    fn input(
        &self,
        entry: &Entry,
        input: &serde_json::Value,
        faults: &mut Vec<Fault>,
    ) -> Option<(Json, Option<Concurrency>)> {
        if is_deeper(input, MAX_INPUT_DEPTH) {
            self.fault(faults, "/input", format!("is nested deeper than {MAX_INPUT_DEPTH} levels: flatten it"));
            return None;
        }
        let document = match entry.document() {
            Ok(document) => document,
            Err(error) => {
                self.fault(faults, "/workflow", error.detail);
                return None;
            }
        };
        let workflow = document.as_workflow()?;
        let schema = &workflow.input;
        let wrong = schema.check(input);
        let concurrency = match concurrency(workflow, input, self.app.clock().now().wall).transpose() {
            // Of an input that does not fit, no key is expected.
            _ if !wrong.is_empty() => None,
            Ok(concurrency) => concurrency,
            Err(error) => {
                self.fault(faults, "/input", format!("the workflow's concurrency key cannot be made from it: {error}"));
                None
            }
        };
        for wrong in wrong {
            self.fault(faults, &format!("/input{}", wrong.pointer), wrong.detail);
        }
        Some((Json::new(schema.with_defaults(input).to_string()), concurrency))
    }
}

fn concurrency(
    workflow: &Workflow,
    input: &serde_json::Value,
    now: Timestamp,
) -> Option<Result<Concurrency, TemplateError>> {
    let limit = workflow.concurrency.as_ref()?;
    let key = limit.key.as_ref().map(|key| {
        let now_ms = i64::try_from(now.as_ms()).unwrap_or(i64::MAX);
        key.text(&Scope::new(&ScopeParts { input: workflow.input.complete(input), now_ms, ..ScopeParts::default() }))
    });
    Some(key.transpose().map(|key| Concurrency { key, max: limit.max }))
}

/// A time, or a duration from now.
fn moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let duration = parse_duration(text).map_err(|_| {
        "is neither a time nor a duration: write RFC 3339, such as 2026-12-01T06:00:00Z, or such as 2h".to_owned()
    })?;
    Ok(now.saturating_add(duration))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_nested_so_deep_and_no_deeper() {
        let nested = |levels: usize| (0..levels).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]));
        assert!(!is_deeper(&nested(MAX_INPUT_DEPTH), MAX_INPUT_DEPTH));
        assert!(is_deeper(&nested(MAX_INPUT_DEPTH + 1), MAX_INPUT_DEPTH));
        assert!(!is_deeper(&serde_json::json!({"a": [], "b": {}}), 2));
    }

    #[test]
    fn a_moment_is_a_time_or_a_while_from_now() {
        let now = Timestamp::from_ms(1_000);
        assert_eq!(moment("2h", now), Ok(Timestamp::from_ms(7_201_000)));
        assert_eq!(moment("2025-12-01T06:00:00Z", now), Ok(Timestamp::from_ms(1_764_568_800_000)));
        assert!(moment("tomorrow", now).unwrap_err().contains("2h"));
    }
}
