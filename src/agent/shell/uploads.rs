//! Sends pictures while the job runs, and what was left of earlier ones: beside the reports, never in their way.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream};
use tokio::sync::Notify;

use super::shared::SharedLink;
use crate::agent::{
    disk::{Pending, Spool},
    link::LinkError,
};

/// Pictures on their way at once.
const PARALLEL: usize = 2;

/// Looked for even without a call, so that nothing is forgotten.
const SWEEP: Duration = Duration::from_secs(30);

/// After a failure.
const PAUSE: Duration = Duration::from_secs(2);

/// Runs until it is dropped. The spool's files are the queue.
pub(super) async fn run(link: SharedLink, spool: Spool, called: Arc<Notify>) {
    loop {
        let pending = spool.pending();
        if pending.is_empty() {
            let _ = tokio::time::timeout(SWEEP, called.notified()).await;
            continue;
        }
        let sent: Vec<bool> = stream::iter(pending)
            .map(|picture| send(&link, &spool, picture))
            .buffer_unordered(PARALLEL)
            .collect()
            .await;
        if sent.contains(&false) {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Whether it is done with, sent or given up.
async fn send(link: &SharedLink, spool: &Spool, picture: Pending) -> bool {
    let bytes = match tokio::fs::read(&picture.path).await {
        Ok(bytes) => bytes,
        // Dropped meanwhile to make room.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return true,
        Err(error) => {
            tracing::warn!(path = %picture.path.display(), %error, "a picture can't be read; it will be tried again");
            return false;
        }
    };
    match link.get().put_blob(&picture.label, &picture.digest, bytes).await {
        Ok(()) => spool.sent(&picture),
        Err(error) if given_up(&error) => {
            tracing::warn!(attempt = %picture.label.attempt, digest = %picture.digest, %error, "a picture is not sent");
            spool.sent(&picture);
        }
        Err(error) => {
            tracing::debug!(attempt = %picture.label.attempt, %error, "a picture will be sent later");
            return false;
        }
    }
    true
}

fn given_up(error: &LinkError) -> bool {
    error.is_final()
}
