//! What the fleet keeps of documents: names, versions and the few facts it decides by. Their content passes through unread.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{attempt::Category, subscriber::ChannelSpec, token::Principal};
use crate::{
    ids::{Digest, Json, Name},
    time::Timestamp,
};

pub type Labels = BTreeMap<String, String>;

/// The pool that always exists, stored or not.
pub const DEFAULT_POOL: &str = "default";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    Workflow,
    App,
    Pool,
    Channel,
}

impl DocumentKind {
    pub const ALL: [Self; 4] = [Self::Workflow, Self::App, Self::Pool, Self::Channel];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Workflow => "workflow",
            Self::App => "app",
            Self::Pool => "pool",
            Self::Channel => "channel",
        }
    }
}

/// What the fleet needs to know of the newest version, and whether it is paused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentHead {
    pub name: Name,
    /// Of the newest version, from 1. Goes on counting when a deleted document is stored again.
    pub version: u32,
    /// Of the newest content.
    pub digest: Digest,
    pub spec: DocumentSpec,
    pub paused: Option<Pause>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub deleted_at: Option<Timestamp>,
}

/// One version, content included. Never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentVersion {
    pub name: Name,
    pub version: u32,
    pub digest: Digest,
    pub spec: DocumentSpec,
    pub content: Json,
    pub created_at: Timestamp,
    pub by: Principal,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentSpec {
    Workflow(WorkflowSpec),
    App(AppSpec),
    Pool(PoolSpec),
    Channel(ChannelSpec),
}

impl DocumentSpec {
    pub const fn kind(&self) -> DocumentKind {
        match self {
            Self::Workflow(_) => DocumentKind::Workflow,
            Self::App(_) => DocumentKind::App,
            Self::Pool(_) => DocumentKind::Pool,
            Self::Channel(_) => DocumentKind::Channel,
        }
    }
}

impl DocumentHead {
    pub const fn kind(&self) -> DocumentKind {
        self.spec.kind()
    }

    pub const fn is_live(&self) -> bool {
        self.deleted_at.is_none()
    }
}

impl DocumentVersion {
    pub const fn kind(&self) -> DocumentKind {
        self.spec.kind()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowSpec {
    pub apps: BTreeSet<Name>,
    pub pool: Option<Name>,
    /// Limit of one attempt.
    pub timeout_ms: u64,
    pub retry: RetryPolicy,
    /// The workflows it calls itself, and the first step that does.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub calls: BTreeMap<Name, String>,
    /// Whether others may call it: no step of it is a commit. Earlier versions of deskfleet did not write it down.
    #[serde(default)]
    pub callable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppSpec {
    /// Whether an agent can start it; else a person must have it open.
    pub launchable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PoolSpec {
    /// Kept ready on its machines ahead of work.
    pub apps: BTreeSet<Name>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// In all, the first included; at least 1.
    pub attempts: u32,
    pub backoff_ms: u64,
    pub max_backoff_ms: u64,
    /// Prefer a machine the job has not failed on.
    pub other_machine: bool,
    /// Failures worth another attempt.
    pub categories: BTreeSet<Category>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        let technical = [
            Category::TargetNotFound,
            Category::Timeout,
            Category::AppCrashed,
            Category::AppNotReady,
            Category::Desktop,
            Category::MachineLost,
            Category::Agent,
        ];
        Self {
            attempts: 3,
            backoff_ms: 10_000,
            max_backoff_ms: 300_000,
            other_machine: true,
            categories: technical.into(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pause {
    pub reason: Option<String>,
    pub by: Principal,
    pub at: Timestamp,
}
