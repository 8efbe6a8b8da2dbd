//! The last picture of a machine, or a new one.

use std::time::Duration;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName},
    response::Response,
};

use super::{
    machines::find,
    send::{self, Shown},
};
use crate::{
    fleet::Status,
    http::{
        app::App,
        problem::{ApiError, ApiResult, Code},
        request::{PathPart, Query},
    },
};

const TAKEN_AT: HeaderName = HeaderName::from_static("deskfleet-taken-at");
/// A parked poll answers at once; a busy desktop may take a moment.
const FRESH_TIMEOUT: Duration = Duration::from_secs(20);

pub(crate) async fn show(
    State(app): State<App>,
    PathPart(name): PathPart<String>,
    mut query: Query,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let fresh = query.flag("fresh");
    query.finish()?;
    let view = find(&app, &name).await?;
    let machine = &view.row.name;
    let frame = if fresh {
        if view.status == Status::Offline {
            let detail = format!("machine `{machine}` is offline: without `fresh` there may be an older picture");
            return Err(ApiError::new(Code::WrongState, detail));
        }
        app.handle().want_frame(view.row.id, FRESH_TIMEOUT).await.ok_or_else(|| {
            ApiError::new(
                Code::NoAnswer,
                format!("machine `{machine}` sent no picture in time: look at its agent's log"),
            )
        })?
    } else {
        app.handle().frame(view.row.id).await?.ok_or_else(|| {
            ApiError::not_found(format!("picture of machine `{machine}` yet: ask for one with ?fresh=true"))
        })?
    };
    let shown = Shown { content_type: &frame.content_type, file_name: None, immutable: false };
    let mut response = send::blob(&app, frame.digest, shown, &headers).await?;
    send::set(&mut response, TAKEN_AT, &frame.at.to_string());
    Ok(response)
}
