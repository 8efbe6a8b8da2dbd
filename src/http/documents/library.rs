//! Versions of documents, read and parsed once. They never change, so what is kept never goes stale.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

use crate::{
    controller::Handle,
    fleet::{DocumentKind, DocumentVersion},
    http::{
        convert::value,
        problem::{ApiError, ApiResult, Code},
    },
    ids::Name,
    wire::agent::DocumentRef,
    workflow::Document,
};

/// Versions in use at one time are few: those of open jobs.
const MAX_KEPT: usize = 512;

/// One version, ready for use.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) version: DocumentVersion,
    pub(crate) content: Value,
    /// Not there where the language of today no longer reads it.
    document: Option<Document>,
}

impl Entry {
    fn new(version: DocumentVersion) -> Self {
        let content = value(&version.content);
        let document = Document::from_json(&content).ok();
        Self { version, content, document }
    }

    pub(crate) fn document(&self) -> ApiResult<&Document> {
        self.document.as_ref().ok_or_else(|| {
            let (kind, name) = (self.version.kind().as_str(), &self.version.name);
            let detail = format!("{kind} `{name}` was stored by another version of deskfleet: store it again");
            ApiError::new(Code::Conflict, detail)
        })
    }

    pub(crate) fn reference(&self) -> DocumentRef {
        DocumentRef { name: self.version.name.clone(), version: self.version.version, content: self.content.clone() }
    }
}

type Key = (DocumentKind, Name, u32);

#[derive(Debug, Default)]
pub(crate) struct Library(Mutex<BTreeMap<Key, Arc<Entry>>>);

impl Library {
    pub(crate) async fn version(
        &self,
        handle: &Handle,
        kind: DocumentKind,
        name: &Name,
        version: u32,
    ) -> ApiResult<Option<Arc<Entry>>> {
        let key = (kind, name.clone(), version);
        if let Some(entry) = self.lock().get(&key) {
            return Ok(Some(Arc::clone(entry)));
        }
        let Some(found) = handle.document(kind, name.clone(), Some(version)).await? else { return Ok(None) };
        let entry = Arc::new(Entry::new(found));
        let mut kept = self.lock();
        if kept.len() >= MAX_KEPT {
            kept.pop_first();
        }
        kept.insert(key, Arc::clone(&entry));
        Ok(Some(entry))
    }

    /// The newest version, unless the document is deleted.
    pub(crate) async fn newest(
        &self,
        handle: &Handle,
        kind: DocumentKind,
        name: &Name,
    ) -> ApiResult<Option<Arc<Entry>>> {
        match handle.document_head(kind, name.clone()).await? {
            Some(head) => self.version(handle, kind, name, head.version).await,
            None => Ok(None),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Arc<Entry>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
