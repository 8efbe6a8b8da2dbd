//! A store of a few maps: what a real one would have on disk.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    fleet::{
        Artifact, Batch, DeliveryRow, DeliveryState, DocumentHead, DocumentKind, DocumentVersion, Found,
        IdempotencyRow, Job, JoinToken, LoopItemRow, LoopKey, Machine, Meta, Need, PendingRow, Posted, Rows, StepRow,
        SubscriberId, TargetRow, Token, UniqueKeyRow, Write,
    },
    ids::{BatchId, JobId, JoinTokenId, MachineId, Name, TokenId},
};

#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    pub(super) meta: Option<Meta>,
    pub(super) jobs: BTreeMap<JobId, Job>,
    pub(super) batches: BTreeMap<BatchId, Batch>,
    pub(super) machines: BTreeMap<MachineId, Machine>,
    pub(super) heads: BTreeMap<(DocumentKind, Name), DocumentHead>,
    pub(super) versions: BTreeMap<(DocumentKind, Name, u32), DocumentVersion>,
    pub(super) tokens: BTreeMap<TokenId, Token>,
    pub(super) join_tokens: BTreeMap<JoinTokenId, JoinToken>,
    pub(super) idempotency: BTreeMap<(Option<TokenId>, String, String), IdempotencyRow>,
    pub(super) unique_keys: BTreeMap<(Name, String), UniqueKeyRow>,
    pub(super) steps: Vec<StepRow>,
    pub(super) artifacts: Vec<Artifact>,
    pub(super) targets: BTreeMap<Name, TargetRow>,
    /// Every message that was ever written.
    pub(super) messages: BTreeMap<(SubscriberId, u64), Posted>,
    pub(super) pending: BTreeSet<(SubscriberId, u64)>,
    pub(super) deliveries: BTreeMap<(SubscriberId, u64), DeliveryRow>,
    pub(super) newest_event: u64,
    pub(super) loop_items: BTreeMap<(JobId, LoopKey), LoopItemRow>,
}

impl Disk {
    pub(super) fn rows(&self) -> Rows {
        Rows {
            meta: self.meta.clone().unwrap(),
            jobs: self.jobs.values().filter(|job| !job.is_settled()).cloned().collect(),
            batches: self.batches.values().filter(|batch| !batch.is_settled()).cloned().collect(),
            machines: self.machines.values().cloned().collect(),
            heads: self.heads.values().cloned().collect(),
            tokens: self.tokens.values().cloned().collect(),
            join_tokens: self.join_tokens.values().cloned().collect(),
            targets: self.targets.values().cloned().collect(),
            pending: self.pending.iter().map(|key| self.pending_row(key)).collect(),
            newest_event: self.newest_event,
        }
    }

    fn pending_row(&self, key: &(SubscriberId, u64)) -> PendingRow {
        let row = self.deliveries.get(key);
        PendingRow {
            subscriber: key.0.clone(),
            seq: key.1,
            attempts: row.map_or(0, |row| row.attempts),
            replayed_at: row.and_then(|row| row.replayed_at),
        }
    }

    pub(super) fn find(&self, needs: &[Need]) -> Found {
        let mut found = Found::default();
        for need in needs {
            match need {
                Need::Idempotency(key) => {
                    let id = (key.token, key.route.clone(), key.key.clone());
                    found.idempotency = self.idempotency.get(&id).cloned();
                    found.jobs = self.jobs.clone();
                    found.batches = self.batches.clone();
                }
                Need::UniqueKey { .. } => found.unique_keys = self.unique_keys.clone(),
                Need::Job(id) => {
                    found.jobs.extend(self.jobs.get(id).map(|job| (*id, job.clone())));
                    found.unique_keys = self.unique_keys.clone();
                    found.batches = self.batches.clone();
                }
                Need::Batch(id) => found.batches.extend(self.batches.get(id).map(|batch| (*id, batch.clone()))),
                Need::Version { .. } => found.versions = self.versions.clone(),
                Need::Messages { subscriber, from, to, at_most } => {
                    let range = (subscriber.clone(), *from)..=(subscriber.clone(), *to);
                    found.messages = self.messages.range(range).map(|(key, _)| key.1).take(*at_most).collect();
                }
                Need::LoopItem(..) => found.loop_items = self.loop_items.clone(),
            }
        }
        found
    }

    pub(super) fn apply(&mut self, writes: Vec<Write>) {
        for write in writes {
            match write {
                Write::Meta(meta) => self.meta = Some(meta),
                Write::Job(row) => {
                    self.jobs.insert(row.id, *row);
                }
                Write::Batch(row) => {
                    self.batches.insert(row.id, *row);
                }
                Write::Machine(row) => {
                    self.machines.insert(row.id, *row);
                }
                Write::MachineGone(id) => {
                    self.machines.remove(&id);
                }
                Write::Head(row) => {
                    self.heads.insert((row.kind(), row.name.clone()), *row);
                }
                Write::Version(row) => {
                    self.versions.insert((row.kind(), row.name.clone(), row.version), *row);
                }
                Write::Token(row) => {
                    self.tokens.insert(row.id, *row);
                }
                Write::TokenGone(id) => {
                    self.tokens.remove(&id);
                }
                Write::JoinToken(row) => {
                    self.join_tokens.insert(row.id, *row);
                }
                Write::JoinTokenGone(id) => {
                    self.join_tokens.remove(&id);
                }
                Write::Idempotency(row) => {
                    let id = (row.key.token, row.key.route.clone(), row.key.key.clone());
                    self.idempotency.insert(id, *row);
                }
                Write::UniqueKey(row) => {
                    self.unique_keys.insert((row.workflow.clone(), row.key.clone()), *row);
                }
                Write::UniqueKeyGone { workflow, key } => {
                    self.unique_keys.remove(&(workflow, key));
                }
                Write::LoopItem(row) => {
                    self.loop_items.insert((row.job, row.round.clone()), *row);
                }
                Write::Step(row) => self.steps.push(*row),
                Write::Artifact(row) => self.artifacts.push(row.artifact),
                Write::Posted(posted) => {
                    let key = (posted.subscriber.clone(), posted.seq);
                    self.pending.insert(key.clone());
                    self.messages.insert(key, posted);
                }
                Write::Delivery(row) => {
                    let key = (row.subscriber.clone(), row.seq);
                    if row.state == DeliveryState::Pending {
                        self.pending.insert(key.clone());
                    } else {
                        self.pending.remove(&key);
                    }
                    self.deliveries.insert(key, *row);
                }
                Write::Target(row) => {
                    self.targets.insert(row.channel.clone(), *row);
                }
                Write::TargetGone(channel) => {
                    self.targets.remove(&channel);
                }
            }
        }
    }
}
