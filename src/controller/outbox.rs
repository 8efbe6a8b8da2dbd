//! What is to be sent, and what became of it: asked by whoever sends.

use std::{collections::BTreeSet, time::Duration};

use tokio::sync::watch;

use super::{
    error::{ExecuteError, ReadError},
    handle::Handle,
};
use crate::{
    fleet::{Command, DeliveryReport, Due, OutboxCounts, SubscriberId, Write},
    store::{Delivery, Message, Page, PageRequest},
};

/// How much of what is due is wanted at once.
#[derive(Debug, Clone, Copy)]
pub struct DueLimits {
    pub subscribers: usize,
    /// Of each.
    pub messages: usize,
}

impl Handle {
    /// Subscribers with something to send now, without those that are `busy`; and how long until another one has.
    pub async fn due_messages(
        &self,
        busy: BTreeSet<SubscriberId>,
        limits: DueLimits,
    ) -> Result<(Vec<Due>, Option<Duration>), ExecuteError> {
        let most = (limits.subscribers, limits.messages);
        self.look(move |fleet, now| fleet.due_messages(now, &busy, most)).await
    }

    /// Those of a subscriber's messages that are kept, by the numbers of their events.
    pub async fn messages(&self, subscriber: SubscriberId, seqs: Vec<u64>) -> Result<Vec<Message>, ReadError> {
        self.read(move |reader| reader.messages(&subscriber, &seqs)).await
    }

    /// What became of a subscriber's messages.
    pub async fn deliveries(
        &self,
        subscriber: SubscriberId,
        page: PageRequest<u64>,
    ) -> Result<Page<Delivery, u64>, ReadError> {
        self.read(move |reader| reader.deliveries(&subscriber, &page)).await
    }

    pub async fn report_deliveries(&self, reports: Vec<DeliveryReport>) -> Result<(), ExecuteError> {
        self.execute(Command::ReportDeliveries(reports)).await.map(drop)
    }

    pub async fn outbox_counts(&self) -> Result<OutboxCounts, ExecuteError> {
        self.look(|fleet, _| fleet.outbox_counts()).await
    }

    /// Changes whenever there may be something new to send.
    pub fn watch_outbox(&self) -> watch::Receiver<u64> {
        self.shared.outbox.subscribe()
    }
}

/// Whether something may be due after these writes that was not before: a message, a new target, a channel that is resumed.
pub(super) fn may_be_due(writes: &[Write]) -> bool {
    writes
        .iter()
        .any(|write| matches!(write, Write::Posted(_) | Write::Delivery(_) | Write::Target(_) | Write::Head(_)))
}
