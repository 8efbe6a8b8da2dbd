//! One document of any kind, with the tree it was read from.

use std::collections::BTreeMap;
use std::fmt;

use super::app::App;
use super::pool::Pool;
use super::scalar::{Digest, ImageFile, Name};
use super::workflow::Workflow;
use crate::workflow::node::Node;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    App,
    Workflow,
    Pool,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::App, Self::Workflow, Self::Pool];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Workflow => "workflow",
            Self::Pool => "pool",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Clone, Debug)]
pub enum Body {
    App(App),
    Workflow(Workflow),
    Pool(Pool),
}

/// A document without faults.
#[derive(Clone, Debug)]
pub struct Document {
    body: Body,
    tree: Node,
}

impl Document {
    pub(crate) fn new(body: Body, tree: Node) -> Self {
        Self { body, tree }
    }

    pub fn body(&self) -> &Body {
        &self.body
    }

    pub fn into_body(self) -> Body {
        self.body
    }

    pub fn kind(&self) -> Kind {
        match &self.body {
            Body::App(_) => Kind::App,
            Body::Workflow(_) => Kind::Workflow,
            Body::Pool(_) => Kind::Pool,
        }
    }

    pub fn name(&self) -> &Name {
        match &self.body {
            Body::App(app) => &app.name,
            Body::Workflow(workflow) => &workflow.name,
            Body::Pool(pool) => &pool.name,
        }
    }

    /// The tree it was read from.
    pub fn tree(&self) -> &Node {
        &self.tree
    }

    /// The digests it carries, by file. Empty for a document as it was written.
    pub fn digests(&self) -> Option<&BTreeMap<ImageFile, Digest>> {
        match &self.body {
            Body::App(app) => Some(&app.images),
            Body::Workflow(workflow) => Some(&workflow.images),
            Body::Pool(_) => None,
        }
    }
}
