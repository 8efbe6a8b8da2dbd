//! The state: open work in memory, indexed by what decisions ask for.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    Assignment, Batch, Command, Decision, DocumentHead, DocumentKind, Event, Found, Job, JoinToken, Machine,
    MachineView, Meta, Refusal, Reply, Rows, Settings, Summary, Token, Write, apply, decide,
};
use crate::{
    ids::{BatchId, Digest, JobId, JoinTokenId, MachineId, MachineName, Name, TokenId},
    time::Now,
};

/// Everything that is open or registered. Settled jobs are not in it.
#[derive(Debug, Clone)]
pub struct Fleet {
    settings: Settings,
    meta: Meta,
    jobs: BTreeMap<JobId, Job>,
    batches: BTreeMap<BatchId, Batch>,
    machines: BTreeMap<MachineId, Machine>,
    documents: BTreeMap<(DocumentKind, Name), DocumentHead>,
    tokens: BTreeMap<TokenId, Token>,
    join_tokens: BTreeMap<JoinTokenId, JoinToken>,
    touched: BTreeSet<JobId>,
}

impl Fleet {
    /// From the rows of the store. Every live lease gets a full TTL; machines are offline until they are heard.
    pub fn load(settings: Settings, rows: Rows, now: Now) -> Self {
        let _ = now;
        Self {
            settings,
            meta: rows.meta,
            jobs: rows.jobs.into_iter().map(|job| (job.id, job)).collect(),
            batches: rows.batches.into_iter().map(|batch| (batch.id, batch)).collect(),
            machines: rows.machines.into_iter().map(|machine| (machine.id, machine)).collect(),
            documents: rows.heads.into_iter().map(|head| ((head.kind(), head.name.clone()), head)).collect(),
            tokens: rows.tokens.into_iter().map(|token| (token.id, token)).collect(),
            join_tokens: rows.join_tokens.into_iter().map(|token| (token.id, token)).collect(),
            touched: BTreeSet::new(),
        }
    }

    /// Decides a command and applies its events.
    pub fn handle(&mut self, now: Now, command: Command, found: &Found) -> Decision {
        let decision = decide(self, now, command, found);
        for event in &decision.events {
            apply(self, event);
        }
        decision
    }

    /// Gives free machines to queued jobs, blocks what can no longer be placed, and applies that. Once per batch of commands.
    pub fn place(&mut self, now: Now) -> Vec<Event> {
        let _ = (now, &self.touched);
        Vec::new()
    }

    /// The rows that changed since the last call, each once, as they are now. To be committed in one transaction.
    pub fn take_writes(&mut self) -> Vec<Write> {
        self.touched.clear();
        Vec::new()
    }

    /// Brings a reply up to date with what happened after its command: placement above all.
    pub fn refresh(&self, reply: Reply) -> Reply {
        reply
    }

    /// How long nothing happens by itself: zero where a timer is due, None where there is no timer.
    pub fn next_timeout(&self, now: Now) -> Option<Duration> {
        let _ = now;
        None
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// An open job; or one that settled since the last `take_writes`.
    pub fn job(&self, id: JobId) -> Option<&Job> {
        self.jobs.get(&id)
    }

    pub fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values()
    }

    pub fn batch(&self, id: BatchId) -> Option<&Batch> {
        self.batches.get(&id)
    }

    pub fn machine(&self, id: MachineId) -> Option<&Machine> {
        self.machines.get(&id)
    }

    pub fn machine_named(&self, name: &MachineName) -> Option<&Machine> {
        self.machines.values().find(|machine| machine.name == *name)
    }

    /// The machine that may use this certificate.
    pub fn machine_by_certificate(&self, certificate: &Digest) -> Option<&Machine> {
        self.machines.values().find(|machine| machine.certificates.iter().any(|own| own.digest == *certificate))
    }

    pub fn machine_view(&self, id: MachineId) -> Option<MachineView> {
        let _ = id;
        None
    }

    /// By name.
    pub fn machines(&self) -> Vec<MachineView> {
        Vec::new()
    }

    /// What a machine has to do now.
    pub fn assignment(&self, machine: MachineId) -> Assignment {
        let _ = machine;
        Assignment::Nothing
    }

    /// Stored and not deleted.
    pub fn document(&self, kind: DocumentKind, name: &Name) -> Option<&DocumentHead> {
        self.documents.get(&(kind, name.clone())).filter(|head| head.is_live())
    }

    pub fn documents(&self, kind: DocumentKind) -> impl Iterator<Item = &DocumentHead> {
        self.documents.values().filter(move |head| head.kind() == kind && head.is_live())
    }

    pub fn token(&self, id: TokenId) -> Option<&Token> {
        self.tokens.get(&id)
    }

    /// Only if it has not expired.
    pub fn token_by_digest(&self, digest: &Digest, now: Now) -> Option<&Token> {
        self.tokens.values().find(|token| token.digest == *digest && token.is_valid(now.wall))
    }

    pub fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.tokens.values()
    }

    pub fn join_tokens(&self) -> impl Iterator<Item = &JoinToken> {
        self.join_tokens.values()
    }

    /// Only if it may still be used. For checking before a certificate is made; joining checks again.
    pub fn join_token_by_digest(&self, digest: &Digest, now: Now) -> Result<&JoinToken, Refusal> {
        let found = self.join_tokens.values().find(|token| token.digest == *digest);
        found
            .filter(|token| token.is_valid(now.wall))
            .ok_or_else(|| Refusal::Unauthorized("this join token is not valid: ask for a new one".to_owned()))
    }

    pub fn summary(&self, now: Now) -> Summary {
        let _ = now;
        Summary::default()
    }

    /// How many jobs stand before it in the queue, 0 for the next one; None where it is not queued.
    pub fn queue_position(&self, job: JobId) -> Option<u64> {
        let _ = job;
        None
    }
}
