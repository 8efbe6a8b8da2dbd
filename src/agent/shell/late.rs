//! Tells of attempts of an agent that is no more: they change nothing any more, but they are evidence.

use std::{collections::BTreeMap, time::Duration};

use tokio::sync::oneshot;

use super::shared::SharedLink;
use crate::{
    agent::{
        disk::{Leftover, Spool},
        link::LinkError,
    },
    ids::Incarnation,
    wire::{
        agent::{AttemptFailure, AttemptResult, Completion, Report, ReportBody},
        job::Category,
    },
};

/// Step reports in one report.
const MAX_STEPS: usize = 100;

/// Between two tries while the controller is away.
const PAUSE: Duration = Duration::from_secs(10);

/// Once the controller has heard of this process: before that it takes the last one for alive, and what is told for its words.
pub(super) async fn tell(link: SharedLink, spool: Spool, incarnation: Incarnation, heard: oneshot::Receiver<()>) {
    if heard.await.is_err() {
        return;
    }
    for leftover in spool.leftovers(incarnation) {
        let attempt = leftover.label.attempt;
        tracing::info!(%attempt, steps = leftover.steps.len(), "telling of an attempt this agent was stopped in");
        for report in reports(leftover) {
            send(&link, &report).await;
        }
        spool.settle(attempt);
    }
}

/// Whatever the answer is, it has been told; only not being heard is a reason to say it again.
async fn send(link: &SharedLink, report: &Report) {
    loop {
        match link.get().report(report).await {
            Err(error @ (LinkError::Unreachable(_) | LinkError::Problem { .. }))
                if !error.is_final() && !error.is_code("lease_lost") =>
            {
                tokio::time::sleep(PAUSE).await;
            }
            _ => return,
        }
    }
}

fn reports(leftover: Leftover) -> Vec<Report> {
    let Leftover { label, number, mut steps, result, intent } = leftover;
    let result = result.unwrap_or_else(|| {
        let mut message = "the agent was restarted while the attempt ran".to_owned();
        let step = intent.map(|intent| intent.step);
        if let Some(step) = &step {
            message = format!("{message}, in {} at {}: whether that happened is not known", step.action, step.path);
        }
        AttemptResult::Failed(AttemptFailure {
            category: Category::Agent,
            message,
            step,
            artifacts: Vec::new(),
            context: None,
        })
    });
    let last = steps.split_off(steps.len() - steps.len() % MAX_STEPS);
    let mut bodies: Vec<ReportBody> =
        steps.chunks(MAX_STEPS).map(|steps| ReportBody::Steps { steps: steps.to_vec() }).collect();
    bodies.push(ReportBody::Complete(Completion {
        result,
        steps: last,
        readiness: BTreeMap::new(),
        artifacts: Vec::new(),
    }));
    let numbered = (number + 1..).zip(bodies);
    numbered
        .map(|(number, body)| Report {
            job: label.job,
            attempt: label.attempt,
            epoch: label.epoch,
            incarnation: label.incarnation,
            number,
            body,
        })
        .collect()
}
