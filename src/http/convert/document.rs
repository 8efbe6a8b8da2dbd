//! Documents as clients see them.

use super::value;
use crate::{fleet, wire::document::Document};

/// One version. Whether it is paused stands in its head.
pub(crate) fn document(version: &fleet::DocumentVersion, head: Option<&fleet::DocumentHead>) -> Document {
    Document {
        kind: version.kind().as_str().to_owned(),
        name: version.name.clone(),
        version: version.version,
        digest: version.digest,
        created_at: version.created_at,
        created_by: Some(principal(&version.by)),
        paused: head.and_then(|head| head.paused.as_ref()).map(pause_reason),
        content: value(&version.content),
    }
}

pub(super) fn pause_reason(pause: &fleet::Pause) -> String {
    pause.reason.clone().unwrap_or_else(|| "no reason given".to_owned())
}

/// Who did it, for people.
pub(super) fn principal(principal: &fleet::Principal) -> String {
    match principal {
        fleet::Principal::System => "controller".to_owned(),
        fleet::Principal::Token { name, .. } => name.clone(),
        fleet::Principal::Machine { id } => id.to_string(),
    }
}
