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

/// The same: a person at the console, who closes it or presses its keys, or the service that keeps this session.
#[cfg(windows)]
pub(super) struct Signals {
    interrupt: tokio::signal::windows::CtrlC,
    interrupt_hard: tokio::signal::windows::CtrlBreak,
    close: tokio::signal::windows::CtrlClose,
    service: Option<tokio::sync::oneshot::Receiver<()>>,
}

#[cfg(windows)]
impl Signals {
    pub(super) fn listen() -> Result<Self, AgentError> {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close};

        Ok(Self {
            interrupt: ctrl_c().map_err(AgentError::Signals)?,
            interrupt_hard: ctrl_break().map_err(AgentError::Signals)?,
            close: ctrl_close().map_err(AgentError::Signals)?,
            service: crate::agent::service::asked_to_stop(),
        })
    }

    pub(super) async fn next(&mut self) {
        let service = async {
            match &mut self.service {
                // Once only: it is used up.
                Some(asked) if asked.is_terminated() => std::future::pending().await,
                Some(asked) => {
                    if asked.await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.interrupt_hard.recv() => {}
            _ = self.close.recv() => {}
            () = service => self.service = None,
        }
    }
}
