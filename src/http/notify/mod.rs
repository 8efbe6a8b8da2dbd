//! Sends what the outbox holds: to many receivers at the same time, to each one in order.
//!
//! It decides nothing. What is due, when the next attempt follows and when a message is given up is the fleet's; here is only the
//! sending, and the report of how it went. What was sent and not yet reported when the process ends is sent again.

mod acknowledge;
mod guard;
mod letter;
mod outlet;
mod sign;
mod silence;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::task::JoinSet;

pub(crate) use guard::Guard;
pub(crate) use sign::{key, new_secret};

use super::app::App;
use crate::{
    controller::{DueLimits, StoredMessage as Message},
    fleet::{Attempted, DeliveryReport, Due, SubscriberId, Target},
    time::{Stopwatch, Timestamp},
};
use acknowledge::Acknowledger;
use letter::Letter;
use outlet::{Outlet, Undelivered};
use silence::Silences;

/// Messages read for one subscriber at once.
const RUN: usize = 50;
/// A run that takes long is reported in between.
const REPORT_AFTER: Duration = Duration::from_secs(1);
/// Without news it is looked again after so long: clocks may be set, settings of the system change.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// After the controller could not be asked.
const PAUSE: Duration = Duration::from_secs(1);

/// What every run needs.
struct Sender {
    app: App,
    outlet: Outlet,
    acknowledger: Acknowledger,
    silences: Silences,
    /// Of all messages, as `CloudEvents` asks for.
    source: String,
}

/// Until the controller closes.
pub(crate) async fn run(app: App, source: String) {
    let (handle, settings) = (app.handle().clone(), app.notifications());
    let (mut news, mut closing) = (handle.watch_outbox(), handle.watch_closing());
    let concurrency = settings.concurrency;
    let acknowledger = Acknowledger::start(handle.clone());
    let outlet = Outlet::new(settings);
    let sender = Arc::new(Sender { app: app.clone(), outlet, acknowledger, silences: Silences::default(), source });
    let mut runs: JoinSet<SubscriberId> = JoinSet::new();
    let mut busy: BTreeSet<SubscriberId> = BTreeSet::new();
    while !*closing.borrow() {
        news.borrow_and_update();
        let limits = DueLimits { subscribers: concurrency.saturating_sub(runs.len()), messages: RUN };
        let sleep = match handle.due_messages(busy.clone(), limits).await {
            Ok((due, next)) => {
                for due in due {
                    busy.insert(due.subscriber.clone());
                    runs.spawn(Arc::clone(&sender).send_all(due));
                }
                next.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP)
            }
            Err(error) => {
                tracing::debug!(%error, "what is to be sent cannot be asked for now");
                PAUSE
            }
        };
        tokio::select! {
            changed = news.changed() => if changed.is_err() { return },
            Some(ended) = runs.join_next() => forget(ended, &mut busy),
            _ = closing.wait_for(|closing| *closing) => return,
            () = tokio::time::sleep(sleep) => {}
        }
    }
}

fn forget(ended: Result<SubscriberId, tokio::task::JoinError>, busy: &mut BTreeSet<SubscriberId>) {
    match ended {
        Ok(subscriber) => drop(busy.remove(&subscriber)),
        // A fault of ours; the subscriber of it is not known any more.
        Err(error) => {
            tracing::error!(%error, "sending notifications has panicked; please report this");
            busy.clear();
        }
    }
}

impl Sender {
    /// Sends messages in order until one fails, and returns when all of that is committed.
    async fn send_all(self: Arc<Self>, due: Due) -> SubscriberId {
        let subscriber = due.subscriber.clone();
        let mut report = empty(&subscriber);
        let mut watch = Stopwatch::start();
        match self.messages(&due).await {
            Err(error) => tracing::debug!(%error, %subscriber, "messages cannot be read now"),
            Ok(messages) => {
                for seq in due.seqs.iter().copied() {
                    let message = messages.iter().find(|message| message.seq == seq);
                    match self.send(&due, seq, message).await {
                        Ok(status) => report.delivered.push((seq, status)),
                        Err(failed) => {
                            tracing::warn!(%subscriber, seq, error = failed.error, "a notification did not arrive");
                            report.failed = Some(failed);
                            break;
                        }
                    }
                    if watch.elapsed() > REPORT_AFTER {
                        self.acknowledger.report(std::mem::replace(&mut report, empty(&subscriber))).await;
                        watch = Stopwatch::start();
                    }
                }
            }
        }
        if report.delivered.is_empty() && report.failed.is_none() {
            // Nothing could be read: not again at once.
            tokio::time::sleep(PAUSE).await;
        } else {
            self.acknowledger.report(report).await;
        }
        subscriber
    }

    async fn messages(&self, due: &Due) -> Result<Vec<Message>, crate::controller::ReadError> {
        self.app.handle().messages(due.subscriber.clone(), due.seqs.clone()).await
    }

    async fn send(&self, due: &Due, seq: u64, message: Option<&Message>) -> Result<u16, Attempted> {
        let Some(message) = message else {
            // Only where somebody has taken rows out by hand. It is given up at once, as it counts as old.
            let lost = Undelivered::without_answer("the message is not kept any more".to_owned());
            return Err(attempted(seq, String::new(), Timestamp::default(), lost));
        };
        let (kind, at) = (message.told_as.clone(), message.event.at);
        let sent = async {
            let target = self.target(due).await?;
            let letter = self.compose(&due.subscriber, message).await?;
            match &due.subscriber {
                SubscriberId::Channel(_) => self.outlet.send(&target, &letter, self.app.clock().now().wall).await,
                SubscriberId::Job(..) => self.send_unless_silent(&target, &letter).await,
            }
        };
        sent.await.map_err(|undelivered| attempted(seq, kind, at, undelivered))
    }

    /// Channels are few, and each is sent to by one at a time; jobs are many.
    async fn send_unless_silent(&self, target: &Target, letter: &Letter) -> Result<u16, Undelivered> {
        let clock = self.app.clock();
        let receiver = origin(&target.url);
        self.silences.ask(&receiver, clock.now().mono).map_err(|left| Undelivered {
            retry_after: Some(left),
            ..Undelivered::without_answer("the receiver has not answered others; it is tried again soon".to_owned())
        })?;
        let sent = self.outlet.send(target, letter, clock.now().wall).await;
        match &sent {
            Err(undelivered) if undelivered.status.is_none() => {
                self.silences.did_not_answer(&receiver, clock.now().mono);
            }
            _ => self.silences.answered(&receiver),
        }
        sent
    }

    async fn compose(&self, to: &SubscriberId, message: &Message) -> Result<Letter, Undelivered> {
        let letter = letter::compose(&self.app, to, message.clone(), &self.source).await;
        letter.map_err(|error| Undelivered::without_answer(letter::told(&error)))
    }

    /// That of a settled job stands in its row alone.
    async fn target(&self, due: &Due) -> Result<Target, Undelivered> {
        if let Some(target) = &due.target {
            return Ok(target.clone());
        }
        let gone = || Undelivered::without_answer("nobody knows any more where this is to be sent".to_owned());
        let SubscriberId::Job(job, number) = &due.subscriber else { return Err(gone()) };
        match self.app.handle().job(*job).await {
            Ok(view) => {
                let notify = view.as_ref().and_then(|view| view.job.spec.notify.get(usize::from(*number)));
                notify.map(crate::fleet::Notify::target).ok_or_else(gone)
            }
            Err(error) => Err(Undelivered::without_answer(error.to_string())),
        }
    }
}

/// Scheme, host and port. What cannot be read is a receiver of its own, and refused where it is sent to.
fn origin(url: &str) -> String {
    reqwest::Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.origin().ascii_serialization())
}

fn attempted(seq: u64, kind: String, at: Timestamp, undelivered: Undelivered) -> Attempted {
    let Undelivered { status, error, retry_after } = undelivered;
    Attempted { seq, told_as: kind, told_at: at, status, error, retry_after }
}

fn empty(subscriber: &SubscriberId) -> DeliveryReport {
    DeliveryReport { subscriber: subscriber.clone(), delivered: Vec::new(), failed: None }
}
