//! Ending in good order: first what is held is finished, after a grace it is given up, and a second signal ends at once.

use std::time::Duration;

use super::Shell;
use crate::{agent::AgentError, agent::runner::Stop, time::Mono};

/// What a job that runs gets to end by itself.
const GRACE: Duration = Duration::from_secs(30);

/// What is left to tell the controller how it ended.
const LAST_WORDS: Duration = Duration::from_secs(15);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopping {
    No,
    /// No more offers; what runs may go on until then.
    Draining {
        until: Mono,
    },
    /// What ran was told to stop; its end is told until then.
    Ending {
        until: Mono,
    },
    Now,
}

impl Shell {
    pub(super) fn signalled(&mut self) {
        let now = self.clock.now().mono;
        if self.stopping == Stopping::No {
            tracing::info!(
                grace_s = GRACE.as_secs(),
                busy = self.session.is_busy(),
                "stopping: no more offers are taken; what runs may end by itself. A second signal ends it at once"
            );
            self.stopping = Stopping::Draining { until: now.saturating_add(GRACE) };
            self.session.stop_taking();
            return;
        }
        tracing::warn!("stopping at once");
        self.desktop.fence();
        if let Some(running) = &self.running {
            running.control.stop(Stop::LeaseLost);
        }
        self.stopping = Stopping::Now;
    }

    /// Whether the program may end; moves on from one kind of stopping to the next.
    pub(super) fn is_finished(&mut self, now: Mono) -> bool {
        match self.stopping {
            Stopping::No => false,
            Stopping::Draining { until } if self.session.is_busy() => {
                if now >= until {
                    self.session.stop_now();
                    self.stopping = Stopping::Ending { until: now.saturating_add(LAST_WORDS) };
                    // The order is carried out in the next round.
                }
                false
            }
            Stopping::Ending { until } => !self.session.is_busy() || now >= until,
            Stopping::Draining { .. } | Stopping::Now => true,
        }
    }
}

/// The system's wishes that this program ends.
#[cfg(unix)]
pub(super) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub(super) fn listen() -> Result<Self, AgentError> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(AgentError::Signals)?,
            interrupt: signal(SignalKind::interrupt()).map_err(AgentError::Signals)?,
        })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere listening can fail")]
    pub(super) fn listen() -> Result<Self, AgentError> {
        Ok(Self)
    }

    pub(super) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
