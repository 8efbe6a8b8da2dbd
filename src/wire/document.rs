//! Documents (workflows, apps, pools, channels) with their versions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    ids::{Digest, Name},
    time::Timestamp,
};

/// A stored document. `PUT` sends the bare document (JSON or YAML); with images, beside its own keys, as `images: {file: sha256}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Document {
    pub kind: String,
    pub name: Name,
    pub version: u32,
    pub digest: Digest,
    pub created_at: Timestamp,
    pub created_by: Option<String>,
    /// Null where it is not paused, else the reason.
    pub paused: Option<String>,
    /// What was sent, as JSON.
    #[schema(value_type = Object)]
    pub content: Value,
}

/// The answer to a `PUT`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Stored {
    pub kind: String,
    pub name: Name,
    /// The version it has, or with `dry_run` would get.
    pub version: u32,
    /// True where the content is that of the newest version: nothing was made.
    pub unchanged: bool,
    pub dry_run: bool,
    /// With `dry_run`: what would change, by JSON Pointer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Things that are allowed but look wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Of a channel that had no secret: the one made for it, shown this once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    pub pointer: String,
    #[schema(value_type = Value)]
    pub before: Option<Value>,
    #[schema(value_type = Value)]
    pub after: Option<Value>,
}

/// The body of `pause`; may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseRequest {
    #[serde(default)]
    #[schema(min_length = 1)]
    pub reason: Option<String>,
}

/// The answer to `PUT /v1/blobs/{sha256}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Blob {
    pub sha256: Digest,
    pub bytes: u64,
}

/// Images a document names: file to digest.
pub type Images = BTreeMap<String, Digest>;
