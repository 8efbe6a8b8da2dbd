//! What became of messages, and sending them again: of a channel, or of the addresses of a job.

use axum::{extract::State, response::Response};

use super::{jobs::no_job, ok, page, unexpected};
use crate::{
    controller::{Order, PageRequest},
    fleet::{Command, DocumentKind, ReplayMessages, Reply, SubscriberId},
    http::{
        access::CallerToken,
        app::App,
        convert,
        problem::{ApiError, ApiResult},
        request::{JsonBody, PathPart, Query, cursor, parse_id},
    },
    ids::{JobId, Name},
    wire::channel::{Delivery, ReplayRequest, Replayed},
};

pub(crate) async fn of_channel(
    State(app): State<App>,
    PathPart(name): PathPart<String>,
    mut query: Query,
) -> ApiResult<Response> {
    let page_request = PageRequest {
        after: query.parse("cursor", cursor::decode::<u64>),
        limit: usize::try_from(query.limit()).unwrap_or(usize::MAX),
        order: order(&mut query),
    };
    query.finish()?;
    let name: Name = parse_id("channel", &name)?;
    let head = app.handle().document_head(DocumentKind::Channel, name.clone()).await?;
    let subscriber = SubscriberId::Channel(name.clone());
    let found = app.handle().deliveries(subscriber.clone(), page_request).await?;
    if head.is_none() && found.items.is_empty() {
        return Err(ApiError::not_found(format!("channel `{name}`: check the spelling, or list what there is")));
    }
    let items: Vec<Delivery> = found.items.into_iter().map(|one| convert::delivery(&subscriber, one)).collect();
    Ok(page(items, found.next.map(|seq| cursor::encode(&seq))))
}

fn order(query: &mut Query) -> Order {
    let order = |text: &str| match text {
        "newest" => Ok(Order::NewestFirst),
        "oldest" => Ok(Order::OldestFirst),
        _ => Err(format!("`{text}` is neither newest nor oldest")),
    };
    query.parse("order", order).unwrap_or_default()
}

/// Of all its addresses, one after the other. A job has few messages, so they are on one page.
pub(crate) async fn of_job(State(app): State<App>, PathPart(id): PathPart<String>) -> ApiResult<Response> {
    const MOST_OF_ONE: usize = 500;
    let (job, addresses) = job(&app, &id).await?;
    let mut items: Vec<Delivery> = Vec::new();
    for number in 0..addresses {
        let subscriber = SubscriberId::Job(job, number);
        let request = PageRequest { after: None, limit: MOST_OF_ONE, order: Order::OldestFirst };
        let found = app.handle().deliveries(subscriber.clone(), request).await?;
        items.extend(found.items.into_iter().map(|one| convert::delivery(&subscriber, one)));
    }
    Ok(page(items, None))
}

async fn job(app: &App, id: &str) -> ApiResult<(JobId, u8)> {
    let job: JobId = parse_id("job", id)?;
    let view = app.handle().job(job).await?.ok_or_else(|| no_job(job))?;
    Ok((job, u8::try_from(view.job.spec.notify.len()).unwrap_or(u8::MAX)))
}

pub(crate) async fn replay_channel(
    State(app): State<App>,
    caller: CallerToken,
    PathPart(name): PathPart<String>,
    JsonBody(request): JsonBody<ReplayRequest>,
) -> ApiResult<Response> {
    let name: Name = parse_id("channel", &name)?;
    let messages = replay(&app, &caller, SubscriberId::Channel(name), request).await?;
    Ok(ok(Replayed { messages }))
}

pub(crate) async fn replay_job(
    State(app): State<App>,
    caller: CallerToken,
    PathPart(id): PathPart<String>,
    JsonBody(request): JsonBody<ReplayRequest>,
) -> ApiResult<Response> {
    let (job, addresses) = job(&app, &id).await?;
    let mut messages = 0;
    for number in 0..addresses {
        messages += replay(&app, &caller, SubscriberId::Job(job, number), request).await?;
    }
    Ok(ok(Replayed { messages }))
}

async fn replay(app: &App, caller: &CallerToken, subscriber: SubscriberId, request: ReplayRequest) -> ApiResult<u64> {
    let ReplayRequest { from, to } = request;
    let command = ReplayMessages { subscriber, from, to, by: caller.principal() };
    match app.handle().execute(Command::ReplayMessages(command)).await? {
        Reply::Replayed { messages } => Ok(messages),
        other => Err(unexpected(&other)),
    }
}
