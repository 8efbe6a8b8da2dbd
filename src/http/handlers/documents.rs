//! Documents: workflows, apps, pools and channels. One set of handlers; the route says which kind.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::{ok, page, send, unexpected, with_status};
use crate::{
    controller::ExecuteError,
    fleet::{
        Command, DeleteDocument, DocumentDid, DocumentHead, DocumentKind, PauseDocument, PutChannel, PutDocument,
        Refusal, Reply, ResumeDocument,
    },
    http::{
        access::CallerToken,
        app::App,
        convert,
        documents::{self, Checked},
        problem::{ApiError, ApiResult, Code},
        request::{BodyReader, JsonBody, PathPart, Query, content_type, cursor, parse_id},
    },
    ids::Name,
    wire::document::{Document, PauseRequest, Stored},
};

/// `Some(0)`: it must not be there.
type Precondition = Option<u32>;

pub(crate) async fn put(
    app: App,
    kind: DocumentKind,
    caller: CallerToken,
    name: String,
    mut query: Query,
    request: Request,
) -> ApiResult<Response> {
    let dry_run = query.flag("dry_run");
    query.finish()?;
    let name: Name = name.parse().map_err(|error: crate::ids::IdError| ApiError::fault("/name", error.to_string()))?;
    let head = app.handle().document_head(kind, name.clone()).await?;
    let if_version = precondition(request.headers(), head.as_ref())?;
    let bytes = body(&app, request).await?;
    let checked = documents::check(&app, kind, &name, &bytes).await?;
    if dry_run {
        return rehearse(&app, head.as_ref(), if_version, (kind, name), checked).await;
    }
    let Checked { json, digest, spec, warnings, target, .. } = checked;
    let document = PutDocument { name: name.clone(), content: json, digest, spec, if_version, by: caller.principal() };
    let spare = target.as_ref().map(|target| target.spare.clone());
    let command = match target {
        None => Command::PutDocument(document),
        Some(target) => Command::PutChannel(PutChannel { document, target }),
    };
    let reply = match app.handle().execute(command).await {
        Err(ExecuteError::Refused(Refusal::Conflict(detail))) if if_version.is_some() => {
            return Err(ApiError::new(Code::PreconditionFailed, detail));
        }
        other => other?,
    };
    let (head, did, secret) = match reply {
        Reply::Document(reply) => (reply.head, reply.did, None),
        Reply::Channel(reply) => (reply.head, reply.did, spare.filter(|_| reply.made_secret)),
        other => return Err(unexpected(&other)),
    };
    let unchanged = did == DocumentDid::Same;
    let stored = Stored {
        kind: kind.as_str().to_owned(),
        name,
        version: head.version,
        unchanged,
        dry_run,
        changes: Vec::new(),
        warnings,
        secret: secret.map(|secret| secret.expose().to_owned()),
    };
    let mut response = with_status(if unchanged { StatusCode::OK } else { StatusCode::CREATED }, stored);
    send::set(&mut response, header::ETAG, &tag(&head));
    Ok(response)
}

/// What a `PUT` would do.
async fn rehearse(
    app: &App,
    head: Option<&DocumentHead>,
    if_version: Precondition,
    (kind, name): (DocumentKind, Name),
    checked: Checked,
) -> ApiResult<Response> {
    let at = head.map_or(0, |head| head.version);
    if if_version.is_some_and(|wanted| wanted != at) {
        return Err(ApiError::new(Code::PreconditionFailed, changed(kind, &name, head)));
    }
    let unchanged = head.is_some_and(|head| head.digest == checked.digest && head.spec == checked.spec);
    // A deleted document goes on counting where it stopped.
    let newest = app.handle().versions(kind, name.clone(), None, 1).await?.items.first().map_or(0, |row| row.version);
    let before = match head {
        Some(head) => app.library().version(app.handle(), kind, &name, head.version).await?,
        None => None,
    };
    let changes = documents::changes(before.as_ref().map(|entry| &entry.content), &checked.content);
    Ok(ok(Stored {
        kind: kind.as_str().to_owned(),
        name,
        version: if unchanged { newest } else { newest + 1 },
        unchanged,
        dry_run: true,
        changes,
        warnings: checked.warnings,
        secret: None,
    }))
}

async fn body(app: &App, request: Request) -> ApiResult<bytes::Bytes> {
    let (parts, body) = request.into_parts();
    if content_type(&parts.headers).as_deref() == Some("multipart/form-data") {
        let detail = "send the document itself, as application/yaml or application/json";
        return Err(ApiError::new(Code::UnsupportedMediaType, detail));
    }
    BodyReader::new(&parts.headers, body, app.limits().body_bytes).whole().await
}

const PAUSED: &str = "-paused";

/// Pausing changes what is shown and not the version: a paused document has another tag, so that who has seen it paused is
/// shown it anew once it is resumed.
fn tag(head: &DocumentHead) -> String {
    let paused = if head.paused.is_some() { PAUSED } else { "" };
    format!("\"{}{paused}\"", head.version)
}

/// `If-Match` names the version last seen, or `*` for any; `If-None-Match: *` that there must be none.
fn precondition(headers: &HeaderMap, head: Option<&DocumentHead>) -> ApiResult<Precondition> {
    if headers.get(header::IF_NONE_MATCH).map(HeaderValue::as_bytes) == Some(b"*") {
        return Ok(Some(0));
    }
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        let missing =
            || ApiError::new(Code::PreconditionFailed, "there is no such document: leave If-Match out to make it");
        return head.map(|head| Some(head.version)).ok_or_else(missing);
    }
    let number = text.trim_start_matches("W/").trim_matches('"');
    let version = number.strip_suffix(PAUSED).unwrap_or(number).parse().ok().filter(|version| *version > 0);
    version.map(Some).ok_or_else(|| {
        ApiError::new(Code::PreconditionFailed, "If-Match is not an ETag of this document: take the one its GET gave")
    })
}

fn changed(kind: DocumentKind, name: &Name, head: Option<&DocumentHead>) -> String {
    let now = head.map_or_else(|| "is not there".to_owned(), |head| format!("is at version {}", head.version));
    format!("{} `{name}` {now}: read it again and put your change into that", kind.as_str())
}

pub(crate) async fn show(app: App, kind: DocumentKind, name: String, headers: HeaderMap) -> ApiResult<Response> {
    let head = find(&app, kind, &name).await?;
    let document = shown(&app, &head, head.version).await?;
    let tag = tag(&head);
    // The reason may change while it is paused: then it is always shown anew.
    let known = head.paused.is_none() && send::matches(&headers, header::IF_NONE_MATCH, &tag);
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { ok(document) };
    send::set(&mut response, header::ETAG, &tag);
    Ok(response)
}

async fn find(app: &App, kind: DocumentKind, name: &str) -> ApiResult<DocumentHead> {
    let name: Name = parse_id(kind.as_str(), name)?;
    let head = app.handle().document_head(kind, name.clone()).await?;
    head.ok_or_else(|| {
        ApiError::not_found(format!("{} `{name}`: check the spelling, or list what there is", kind.as_str()))
    })
}

async fn shown(app: &App, head: &DocumentHead, version: u32) -> ApiResult<Document> {
    let (kind, name) = (head.kind(), &head.name);
    let entry = app.library().version(app.handle(), kind, name, version).await?;
    let entry = entry.ok_or_else(|| ApiError::not_found(format!("version {version} of {} `{name}`", kind.as_str())))?;
    Ok(convert::document(&entry.version, Some(head)))
}

pub(crate) async fn list(app: App, kind: DocumentKind, mut query: Query) -> ApiResult<Response> {
    let limit = query.limit();
    let after: Option<String> = query.parse("cursor", cursor::decode);
    query.finish()?;
    let heads = app.handle().documents(kind).await?;
    let (heads, next) = cursor::page_by_name(heads, after.as_deref(), limit, |head| head.name.to_string());
    let mut items = Vec::with_capacity(heads.len());
    for head in heads {
        items.push(shown(&app, &head, head.version).await?);
    }
    Ok(page(items, next))
}

pub(crate) async fn versions(app: App, kind: DocumentKind, name: String, mut query: Query) -> ApiResult<Response> {
    let limit = usize::try_from(query.limit()).unwrap_or(usize::MAX);
    let before: Option<u32> = query.parse("cursor", cursor::decode);
    query.finish()?;
    let name: Name = parse_id(kind.as_str(), &name)?;
    let head = app.handle().document_head(kind, name.clone()).await?;
    let found = app.handle().versions(kind, name.clone(), before, limit).await?;
    if found.items.is_empty() && before.is_none() {
        return Err(ApiError::not_found(format!("{} `{name}`: check the spelling", kind.as_str())));
    }
    let items = found.items.iter().map(|row| convert::document(row, head.as_ref())).collect();
    Ok(page(items, found.next.map(|version| cursor::encode(&version))))
}

/// Also of a deleted document: jobs that ran it point at it.
pub(crate) async fn version(app: App, kind: DocumentKind, name: String, version: String) -> ApiResult<Response> {
    let name: Name = parse_id(kind.as_str(), &name)?;
    let number: u32 = parse_id("version", &version)?;
    let head = app.handle().document_head(kind, name.clone()).await?;
    let entry = app.library().version(app.handle(), kind, &name, number).await?;
    let entry = entry.ok_or_else(|| ApiError::not_found(format!("version {number} of {} `{name}`", kind.as_str())))?;
    Ok(ok(convert::document(&entry.version, head.as_ref())))
}

pub(crate) async fn delete(
    app: App,
    kind: DocumentKind,
    caller: CallerToken,
    name: String,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let head = find(&app, kind, &name).await?;
    let if_version = precondition(&headers, Some(&head))?;
    if if_version.is_some_and(|wanted| wanted != head.version) {
        return Err(ApiError::new(Code::PreconditionFailed, changed(kind, &head.name, Some(&head))));
    }
    let command = DeleteDocument { kind, name: head.name, if_version, by: caller.principal() };
    app.handle().execute(Command::DeleteDocument(command)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) async fn pause(
    app: App,
    kind: DocumentKind,
    caller: CallerToken,
    name: String,
    request: PauseRequest,
) -> ApiResult<Response> {
    let name: Name = parse_id(kind.as_str(), &name)?;
    let command = PauseDocument { kind, name: name.clone(), reason: request.reason, by: caller.principal() };
    app.handle().execute(Command::PauseDocument(command)).await?;
    show(app, kind, name.to_string(), HeaderMap::new()).await
}

pub(crate) async fn resume(app: App, kind: DocumentKind, caller: CallerToken, name: String) -> ApiResult<Response> {
    let name: Name = parse_id(kind.as_str(), &name)?;
    let command = ResumeDocument { kind, name: name.clone(), by: caller.principal() };
    app.handle().execute(Command::ResumeDocument(command)).await?;
    show(app, kind, name.to_string(), HeaderMap::new()).await
}

/// The handlers of one kind, with the arguments routes give.
macro_rules! kinds {
    ($($module:ident: $kind:ident;)+) => {$(
        pub(crate) mod $module {
            use super::{
                App, ApiResult, CallerToken, DocumentKind, HeaderMap, JsonBody, PathPart, PauseRequest, Query, Request,
                Response, State,
            };

            const KIND: DocumentKind = DocumentKind::$kind;

            pub(crate) async fn put(
                State(app): State<App>,
                caller: CallerToken,
                PathPart(name): PathPart<String>,
                query: Query,
                request: Request,
            ) -> ApiResult<Response> {
                super::put(app, KIND, caller, name, query, request).await
            }

            pub(crate) async fn show(
                State(app): State<App>,
                PathPart(name): PathPart<String>,
                headers: HeaderMap,
            ) -> ApiResult<Response> {
                super::show(app, KIND, name, headers).await
            }

            pub(crate) async fn list(State(app): State<App>, query: Query) -> ApiResult<Response> {
                super::list(app, KIND, query).await
            }

            pub(crate) async fn versions(
                State(app): State<App>,
                PathPart(name): PathPart<String>,
                query: Query,
            ) -> ApiResult<Response> {
                super::versions(app, KIND, name, query).await
            }

            pub(crate) async fn version(
                State(app): State<App>,
                PathPart((name, version)): PathPart<(String, String)>,
            ) -> ApiResult<Response> {
                super::version(app, KIND, name, version).await
            }

            pub(crate) async fn delete(
                State(app): State<App>,
                caller: CallerToken,
                PathPart(name): PathPart<String>,
                headers: HeaderMap,
            ) -> ApiResult<Response> {
                super::delete(app, KIND, caller, name, headers).await
            }

            pub(crate) async fn pause(
                State(app): State<App>,
                caller: CallerToken,
                PathPart(name): PathPart<String>,
                JsonBody(request): JsonBody<PauseRequest>,
            ) -> ApiResult<Response> {
                super::pause(app, KIND, caller, name, request).await
            }

            pub(crate) async fn resume(
                State(app): State<App>,
                caller: CallerToken,
                PathPart(name): PathPart<String>,
            ) -> ApiResult<Response> {
                super::resume(app, KIND, caller, name).await
            }
        }
    )+};
}

kinds! {
    workflows: Workflow;
    apps: App;
    pools: Pool;
    channels: Channel;
}
