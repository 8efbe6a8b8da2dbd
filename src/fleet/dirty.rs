//! Which rows have changed since they were last handed to the store.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    batch::Batch,
    document::{DocumentKind, DocumentVersion},
    job::Job,
    journal::{LoopItemRow, LoopKey},
    message::{DeliveryRow, Posted},
    rows::{ArtifactRow, IdempotencyRow, Made, StepRow, UniqueKeyRow, Write},
    state::Fleet,
    subscriber::{SubscriberId, TargetRow},
};
use crate::ids::{BatchId, Digest, JobId, JoinTokenId, MachineId, Name, TokenId};

/// An idempotency key without its body.
pub(super) type IdempotencyId = (Option<TokenId>, String, String);

#[derive(Debug, Clone, Default)]
pub(super) struct Dirty {
    pub(super) meta: bool,
    pub(super) jobs: BTreeSet<JobId>,
    pub(super) batches: BTreeSet<BatchId>,
    /// Also removed ones.
    pub(super) machines: BTreeSet<MachineId>,
    pub(super) heads: BTreeSet<(DocumentKind, Name)>,
    pub(super) tokens: BTreeSet<TokenId>,
    pub(super) join_tokens: BTreeSet<JoinTokenId>,
    pub(super) versions: Vec<DocumentVersion>,
    pub(super) steps: Vec<StepRow>,
    pub(super) artifacts: Vec<ArtifactRow>,
    pub(super) posted: Vec<Posted>,
    deliveries: BTreeMap<(SubscriberId, u64), DeliveryRow>,
    /// Of channels, also of deleted ones.
    pub(super) targets: BTreeSet<Name>,
    pub(super) loop_items: BTreeMap<(JobId, LoopKey), LoopItemRow>,
    /// Settled since then: still answered from memory, because the store does not have them yet.
    pub(super) settled: Settled,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Settled {
    pub(super) jobs: BTreeMap<JobId, Job>,
    pub(super) batches: BTreeMap<BatchId, Batch>,
    pub(super) idempotency: BTreeMap<IdempotencyId, IdempotencyRow>,
    /// None: the row goes.
    pub(super) unique_keys: BTreeMap<(Name, String), Option<UniqueKeyRow>>,
}

/// Which job or batch an open idempotency key made, and from which body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Remembered {
    pub(super) body: Digest,
    pub(super) made: Made,
}

impl Dirty {
    pub(super) fn deliver(&mut self, row: DeliveryRow) {
        self.deliveries.insert((row.subscriber.clone(), row.seq), row);
    }

    /// The rows as they are now.
    pub(super) fn into_writes(self, fleet: &Fleet) -> Vec<Write> {
        let mut writes = Vec::new();
        if self.meta {
            writes.push(Write::Meta(fleet.meta.clone()));
        }
        let Settled { jobs, batches, idempotency, unique_keys } = self.settled;
        let open = self.jobs.iter().filter_map(|id| fleet.jobs.get(id).cloned());
        writes.extend(open.chain(jobs.into_values()).map(|job| Write::Job(Box::new(job))));
        let open = self.batches.iter().filter_map(|id| fleet.batches.get(id).cloned());
        writes.extend(open.chain(batches.into_values()).map(|batch| Write::Batch(Box::new(batch))));
        writes.extend(self.machines.iter().map(|id| match fleet.machines.get(id) {
            Some(machine) => Write::Machine(Box::new(machine.clone())),
            None => Write::MachineGone(*id),
        }));
        let heads = self.heads.iter().filter_map(|id| fleet.documents.get(id));
        writes.extend(heads.map(|head| Write::Head(Box::new(head.clone()))));
        writes.extend(self.versions.into_iter().map(|version| Write::Version(Box::new(version))));
        writes.extend(self.tokens.iter().map(|id| match fleet.tokens.get(id) {
            Some(token) => Write::Token(Box::new(token.clone())),
            None => Write::TokenGone(*id),
        }));
        writes.extend(self.join_tokens.iter().map(|id| match fleet.join_tokens.get(id) {
            Some(token) => Write::JoinToken(Box::new(token.clone())),
            None => Write::JoinTokenGone(*id),
        }));
        writes.extend(idempotency.into_values().map(|row| Write::Idempotency(Box::new(row))));
        writes.extend(unique_keys.into_iter().map(|((workflow, key), row)| match row {
            Some(row) => Write::UniqueKey(Box::new(row)),
            None => Write::UniqueKeyGone { workflow, key },
        }));
        writes.extend(self.steps.into_iter().map(|row| Write::Step(Box::new(row))));
        writes.extend(self.artifacts.into_iter().map(|row| Write::Artifact(Box::new(row))));
        writes.extend(self.targets.into_iter().map(|channel| match fleet.targets.get(&channel) {
            Some(target) => Write::Target(Box::new(TargetRow { target: (**target).clone(), channel })),
            None => Write::TargetGone(channel),
        }));
        // What was posted and settled at once is settled in the end.
        writes.extend(self.posted.into_iter().map(Write::Posted));
        writes.extend(self.deliveries.into_values().map(|row| Write::Delivery(Box::new(row))));
        writes.extend(self.loop_items.into_values().map(|row| Write::LoopItem(Box::new(row))));
        writes
    }
}
