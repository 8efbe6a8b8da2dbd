//! Documents, pauses and tokens change.

use crate::{
    fleet::{
        document::{DocumentHead, DocumentKind, Pause},
        event::{Event, Fact, Stored},
        state::Fleet,
    },
    ids::Name,
};

pub(super) fn apply(fleet: &mut Fleet, event: &Event) {
    let at = event.at;
    match &event.fact {
        Fact::WorkflowStored { document } | Fact::AppStored { document } | Fact::PoolStored { document } => {
            fleet.store_document(document);
        }
        Fact::ChannelStored { document, target } => {
            fleet.store_document(document);
            if let Some(target) = target {
                fleet.set_target(at, &document.head.name, target);
            }
        }
        Fact::DocumentDeleted { document, name } => {
            fleet.change_head(*document, name, |head| {
                head.deleted_at = Some(at);
                head.paused = None;
            });
            if *document == DocumentKind::Channel {
                fleet.forget_target(name);
            }
        }
        Fact::DocumentPaused { document, name, pause } => fleet.set_pause(*document, name, Some(pause.clone())),
        Fact::DocumentResumed { document, name } => fleet.set_pause(*document, name, None),
        Fact::FleetPaused { pause } => {
            fleet.meta.paused = Some(pause.clone());
            fleet.fit.structure = true;
        }
        Fact::FleetRestored { generation, seed, .. } => {
            fleet.meta.generation = *generation;
            fleet.meta.seed = seed.unwrap_or(fleet.meta.seed);
        }
        Fact::FleetResumed {} => {
            fleet.meta.paused = None;
            fleet.fit.structure = true;
        }
        Fact::TokenCreated { token } => {
            fleet.index.tokens.insert(token.digest, token.id);
            fleet.dirty.tokens.insert(token.id);
            fleet.tokens.insert(token.id, (**token).clone());
        }
        Fact::TokenRevoked { token } => {
            if let Some(token) = fleet.tokens.remove(token) {
                fleet.index.tokens.remove(&token.digest);
            }
            fleet.dirty.tokens.insert(*token);
        }
        Fact::JoinTokenCreated { token } => {
            fleet.index.join_tokens.insert(token.digest, token.id);
            fleet.dirty.join_tokens.insert(token.id);
            fleet.join_tokens.insert(token.id, (**token).clone());
        }
        Fact::JoinTokenRevoked { token } => {
            if let Some(token) = fleet.join_tokens.remove(token) {
                fleet.index.join_tokens.remove(&token.digest);
            }
            fleet.dirty.join_tokens.insert(*token);
        }
        _ => {}
    }
}

impl Fleet {
    fn store_document(&mut self, document: &Stored) {
        let key = (document.head.kind(), document.head.name.clone());
        self.fit.structure |= key.0 == DocumentKind::Pool;
        self.documents.insert(key.clone(), (*document.head).clone());
        self.dirty.heads.insert(key);
        self.dirty.versions.extend(document.version.as_deref().cloned());
    }

    fn change_head(&mut self, kind: DocumentKind, name: &Name, change: impl FnOnce(&mut DocumentHead)) {
        let key = (kind, name.clone());
        if let Some(head) = self.documents.get_mut(&key) {
            change(head);
            self.dirty.heads.insert(key);
            self.fit.structure = true;
        }
    }

    fn set_pause(&mut self, kind: DocumentKind, name: &Name, pause: Option<Pause>) {
        self.change_head(kind, name, |head| head.paused = pause);
    }
}
