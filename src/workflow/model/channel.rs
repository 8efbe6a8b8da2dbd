//! `kind: channel`.

use std::collections::BTreeMap;
use std::fmt;

use super::scalar::Name;

#[derive(Clone, Debug)]
pub struct Channel {
    pub name: Name,
    pub description: Option<String>,
    pub webhook: Webhook,
    /// Types such as `job.failed`, families such as `job.*`, or `*`. That there are such is not known here.
    pub events: Vec<String>,
    /// Each empty: any.
    pub workflows: Vec<Name>,
    pub pools: Vec<Name>,
    pub teams: Vec<Name>,
}

#[derive(Clone, Debug)]
pub struct Webhook {
    pub url: String,
    /// `None` where the value is masked: the one stored before is meant.
    pub headers: BTreeMap<String, Option<Secret>>,
    /// `None`: those stored before, or one made by the controller.
    pub secrets: Option<Vec<Secret>>,
}

/// Prints as nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// What stands in the place of a secret where a document is shown.
    pub const MASK: &'static str = "********";

    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
