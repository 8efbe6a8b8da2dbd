//! Requests that wait: for a job or batch to settle, for steps, for a fresh picture. None of them holds up the engine.

use std::{future::Future, time::Duration};

use super::{
    error::{ExecuteError, ReadError},
    handle::{Handle, Message},
    reads::JobView,
    sleep::sleep,
    stats::Gauge,
    waiters::Key,
};
use crate::{
    fleet::{Batch, JobState, StepRow},
    ids::{BatchId, JobId, MachineId},
    store::{Frame, Page},
};

impl Handle {
    /// The job once it is settled, waiting or blocked, or as it is when the time is over.
    pub async fn wait_job(&self, id: JobId, wait: Duration) -> Result<Option<JobView>, ReadError> {
        let stands = |view: &Option<JobView>| {
            view.as_ref().is_none_or(|view| {
                let state = &view.job.state;
                view.job.is_settled() || matches!(state, JobState::Waiting(_) | JobState::Blocked { .. })
            })
        };
        self.wait(Key::Job(id), wait, stands, || self.job(id)).await
    }

    /// The batch once all its jobs are settled, or as it is when the time is over.
    pub async fn wait_batch(&self, id: BatchId, wait: Duration) -> Result<Option<Batch>, ReadError> {
        let settled = |batch: &Option<Batch>| batch.as_ref().is_none_or(Batch::is_settled);
        self.wait(Key::Batch(id), wait, settled, || self.batch(id)).await
    }

    /// As `steps`, but waits while there are none after that number and more may come.
    pub async fn wait_steps(
        &self,
        job: JobId,
        attempt: u32,
        after: u32,
        limit: usize,
        wait: Duration,
    ) -> Result<Page<StepRow, u32>, ReadError> {
        let some = |found: &(Page<StepRow, u32>, bool)| !found.0.items.is_empty() || found.1;
        let found = self.wait(Key::Progress(job), wait, some, || async {
            // The state first: steps come no later than the end of their attempt.
            let view = self.job(job).await?;
            let live = view.is_some_and(|view| {
                let last = view.job.attempts.last();
                !view.job.is_settled() && last.is_none_or(|last| attempt > last.number || last.outcome.is_none())
            });
            Ok((self.steps(job, attempt, after, limit).await?, !live))
        });
        Ok(found.await?.0)
    }

    /// Asks a machine for a picture and waits for it. None where it does not come in time.
    pub async fn want_frame(&self, machine: MachineId, wait: Duration) -> Option<Frame> {
        let _counted = Gauge::raise(&self.shared.counters.waiters);
        let mut asker = self.shared.frames.want(machine);
        self.shared.waiters.wake([Key::Machine(machine)]);
        let mut closing = self.watch_closing();
        tokio::select! {
            biased;
            frame = asker.frame() => frame,
            () = sleep(&self.clock, wait) => None,
            _ = closing.wait_for(|closing| *closing) => None,
        }
    }

    /// A machine has sent a picture; its blob is stored. `request` is the id it was asked with. Returns after the commit.
    pub async fn frame_arrived(
        &self,
        machine: MachineId,
        request: Option<String>,
        frame: Frame,
    ) -> Result<(), ExecuteError> {
        let arrived = frame.clone();
        let committed = self.ask(|sender| {
            Message::Frame(machine, frame, Box::new(move |done, _, _| drop(sender.send(done.map(|_| ())))))
        });
        committed.await??;
        self.shared.frames.arrived(machine, request.as_deref(), &arrived);
        Ok(())
    }

    /// Reads, and reads again whenever it may have changed, until it is as wanted, the time is over or the controller closes.
    async fn wait<T, Reading>(
        &self,
        key: Key,
        wait: Duration,
        enough: impl Fn(&T) -> bool,
        read: impl Fn() -> Reading,
    ) -> Result<T, ReadError>
    where
        Reading: Future<Output = Result<T, ReadError>>,
    {
        let _counted = Gauge::raise(&self.shared.counters.waiters);
        let waiter = self.shared.waiters.register(key);
        let mut closing = self.watch_closing();
        let over = sleep(&self.clock, wait);
        tokio::pin!(over);
        loop {
            let found = read().await?;
            if enough(&found) {
                return Ok(found);
            }
            let woken = tokio::select! {
                biased;
                () = waiter.woken() => true,
                () = &mut over => false,
                _ = closing.wait_for(|closing| *closing) => false,
            };
            if !woken {
                return read().await;
            }
        }
    }
}
