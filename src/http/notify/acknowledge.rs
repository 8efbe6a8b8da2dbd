//! Reports of deliveries on their way to the engine: one command at a time, with everything that has gathered meanwhile, so that
//! many receivers do not mean many commits.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::{
    controller::{ExecuteError, Handle},
    fleet::DeliveryReport,
};

const WAITING: usize = 1_024;
const MOST_AT_ONCE: usize = 256;
/// After the engine could not take one.
const PAUSE: Duration = Duration::from_millis(500);

type Entry = (DeliveryReport, oneshot::Sender<()>);

pub(super) struct Acknowledger(mpsc::Sender<Entry>);

impl Acknowledger {
    pub(super) fn start(handle: Handle) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(forward(handle, receiver));
        Self(sender)
    }

    /// Returns when it is committed, or never will be because the controller ends.
    pub(super) async fn report(&self, report: DeliveryReport) {
        let (done, committed) = oneshot::channel();
        if self.0.send((report, done)).await.is_ok() {
            // An error is the end of the other side.
            let _ = committed.await;
        }
    }
}

async fn forward(handle: Handle, mut waiting: mpsc::Receiver<Entry>) {
    let mut entries = Vec::new();
    while waiting.recv_many(&mut entries, MOST_AT_ONCE).await > 0 {
        let (reports, done): (Vec<DeliveryReport>, Vec<_>) = entries.drain(..).unzip();
        loop {
            match handle.report_deliveries(reports.clone()).await {
                Ok(()) => break,
                Err(ExecuteError::ShuttingDown) => return,
                // What was delivered stays to be reported; until then its subscriber waits.
                Err(error) => {
                    tracing::debug!(%error, "deliveries cannot be reported now");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        for one in done {
            let _ = one.send(());
        }
    }
}
