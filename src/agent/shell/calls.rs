//! The two calls that are always under way or about to be: a poll and a report.

use std::future::pending;

use tokio::task::JoinHandle;

use super::{POLL_WAIT, Running, Shell};
use crate::{
    agent::{link::LinkError, session::CallFailure},
    time::Mono,
    wire::agent::{PollAnswer, ReportAnswer, ReportBody},
};

#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) poll: Option<JoinHandle<Result<PollAnswer, LinkError>>>,
    pub(super) report: Option<JoinHandle<Result<ReportAnswer, LinkError>>>,
    /// The controller did not answer lately; told once each way.
    away: bool,
    /// It does not take this machine's certificate; told once, and a reason to renew it whatever the clock here says.
    pub(super) unknown: bool,
    /// Steps in the report under way.
    steps_under_way: usize,
}

/// Waits for a call if there is one, and takes it out.
pub(super) async fn joined<T>(handle: &mut Option<JoinHandle<T>>) -> T {
    let Some(under_way) = handle else { return pending().await };
    let result = under_way.await;
    *handle = None;
    match result {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            // A bug stops the program.
            Ok(panic) => std::panic::resume_unwind(panic),
            // It was ended by us; whoever did that has seen to the rest.
            Err(_) => pending().await,
        },
    }
}

impl Shell {
    pub(super) fn send_due(&mut self, now: Mono) {
        if self.calls.poll.is_none()
            && let Some(request) = self.session.next_poll(now)
        {
            let link = self.link.get();
            self.calls.poll = Some(tokio::spawn(async move { link.poll(&request, POLL_WAIT).await }));
        }
        if self.calls.report.is_none()
            && let Some((report, first)) = self.session.next_report(now)
        {
            self.calls.steps_under_way = match &report.body {
                ReportBody::Steps { steps } => steps.len(),
                ReportBody::Complete(completion) => completion.steps.len(),
                _ => 0,
            };
            if first {
                self.journal(report.number);
            }
            let link = self.link.get();
            self.calls.report = Some(tokio::spawn(async move { link.report(&report).await }));
        }
    }

    pub(super) fn poll_answered(&mut self, answer: Result<PollAnswer, LinkError>) {
        let answer = answer.map_err(|error| self.note(error));
        self.note_reached(answer.is_ok());
        if let Some(unheard) = self.unheard.take_if(|_| answer.is_ok()) {
            // Nobody waits where there is nothing left to tell.
            let _ = unheard.send(());
        }
        let now = self.clock.now().mono;
        self.session.handle_poll(answer, now);
        self.share_lease();
    }

    pub(super) fn report_answered(&mut self, answer: Result<ReportAnswer, LinkError>) {
        let answer = answer.map_err(|error| self.note(error));
        self.note_reached(answer.is_ok());
        if let Ok(answer) = &answer {
            if let Some(running) = &mut self.running {
                running.steps_told += self.calls.steps_under_way;
            }
            self.journal(answer.number);
        }
        let now = self.clock.now().mono;
        self.session.handle_report(answer, now);
        self.share_lease();
    }

    /// Gives up the poll under way: there is something new to say.
    pub(super) fn abandon_poll(&mut self) {
        if let Some(poll) = self.calls.poll.take() {
            poll.abort();
        }
        let now = self.clock.now().mono;
        self.session.poll_abandoned(now);
    }

    /// How far telling has come, for an agent that is started after this one.
    fn journal(&self, number: u64) {
        let Some(Running { spool: Some(spool), steps_told, .. }) = &self.running else { return };
        if let Err(error) = spool.told(number, *steps_told) {
            tracing::warn!(%error, "how far the attempt is told is not on disk");
        }
    }

    fn note(&mut self, error: LinkError) -> CallFailure {
        if !self.calls.away && !error.is_code("lease_lost") {
            tracing::warn!(%error, "the controller does not answer as hoped; trying on");
            self.calls.away = true;
        }
        if error.is_code("duplicate_identity") && !self.calls.unknown {
            tracing::error!(
                %error,
                "the controller has heard another agent with this machine's certificate; nothing runs here until an operator \
                 has looked at the machine"
            );
            self.calls.unknown = true;
        }
        // It may come to this while the controller is away.
        if let LinkError::Problem { status: 401 | 403, .. } = &error
            && !self.calls.unknown
        {
            tracing::error!(
                %error,
                "the controller does not take this machine's certificate; if the machine was removed, delete the folder \
                 `identity` in {} and start the agent with a join token",
                self.settings.data_dir.display()
            );
            self.calls.unknown = true;
        }
        error.into_failure()
    }

    fn note_reached(&mut self, reached: bool) {
        self.calls.unknown &= !reached;
        if reached && self.calls.away {
            tracing::info!("the controller answers again");
            self.calls.away = false;
        }
    }
}
