//! The link as several parts of the shell use it: replaced when the certificate is.

use std::sync::{Arc, PoisonError, RwLock};

use crate::agent::link::Link;

#[derive(Debug, Clone)]
pub(super) struct SharedLink(Arc<RwLock<Link>>);

impl SharedLink {
    pub(super) fn new(link: Link) -> Self {
        Self(Arc::new(RwLock::new(link)))
    }

    pub(super) fn get(&self) -> Link {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn replace(&self, link: Link) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = link;
    }
}
