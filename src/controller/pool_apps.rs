//! Which apps the machines of a pool keep an eye on while they are idle.

use crate::{
    fleet::{DocumentKind, DocumentSpec, Fleet},
    ids::{Digest, Name},
};

/// Names and versions; the contents are read from the store by whoever tells the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolApps {
    /// Changes with any of the fields.
    pub digest: Digest,
    pub pool: Name,
    /// Of the pool's document. None where it is not stored, as the default pool need not be.
    pub pool_version: Option<u32>,
    pub apps: Vec<(Name, u32)>,
}

/// Apps the pool names but that are not stored are left out until they are.
pub(super) fn pool_apps(fleet: &Fleet, pool: &Name) -> PoolApps {
    let head = fleet.document(DocumentKind::Pool, pool);
    let named = head.and_then(|head| match &head.spec {
        DocumentSpec::Pool(spec) => Some(&spec.apps),
        DocumentSpec::Workflow(_) | DocumentSpec::App(_) | DocumentSpec::Channel(_) => None,
    });
    let stored = |name: &Name| fleet.document(DocumentKind::App, name).map(|head| (name.clone(), head.version));
    let apps: Vec<_> = named.into_iter().flatten().filter_map(stored).collect();
    let pool_version = head.map(|head| head.version);
    // Names have neither spaces nor line ends.
    let documents = std::iter::once((pool, pool_version.unwrap_or(0))).chain(apps.iter().map(|(name, v)| (name, *v)));
    let lines: Vec<_> = documents.map(|(name, version)| format!("{name} {version}\n")).collect();
    PoolApps { digest: Digest::of(lines.concat().as_bytes()), pool: pool.clone(), pool_version, apps }
}
