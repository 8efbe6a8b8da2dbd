//! One document of any kind, with the tree it was read from.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::app::App;
use super::channel::Channel;
use super::pool::Pool;
use super::scalar::{Digest, ImageFile, Name};
use super::target::Place;
use super::workflow::Workflow;
use crate::workflow::fault::Fault;
use crate::workflow::node::Node;
use crate::workflow::source::check_json;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    App,
    Workflow,
    Pool,
    Channel,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::App, Self::Workflow, Self::Pool, Self::Channel];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Workflow => "workflow",
            Self::Pool => "pool",
            Self::Channel => "channel",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one for each document, never a list of them")]
pub enum Body {
    App(App),
    Workflow(Workflow),
    Pool(Pool),
    Channel(Channel),
}

/// A document without faults.
#[derive(Clone, Debug)]
pub struct Document {
    body: Body,
    tree: Node,
    images: BTreeMap<ImageFile, Place>,
}

impl Document {
    pub(crate) fn new(body: Body, tree: Node, images: BTreeMap<ImageFile, Place>) -> Self {
        Self { body, tree, images }
    }

    /// Reads a document that arrived as JSON. The limits are those of text.
    pub fn from_json(value: &Value) -> Result<Self, Vec<Fault>> {
        check_json(value).map_err(|fault| vec![fault])?;
        Self::read(Node::from_json(value))
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
            Body::Channel(_) => Kind::Channel,
        }
    }

    pub fn name(&self) -> &Name {
        match &self.body {
            Body::App(app) => &app.name,
            Body::Workflow(workflow) => &workflow.name,
            Body::Pool(pool) => &pool.name,
            Body::Channel(channel) => &channel.name,
        }
    }

    pub fn as_app(&self) -> Option<&App> {
        if let Body::App(app) = &self.body { Some(app) } else { None }
    }

    pub fn as_workflow(&self) -> Option<&Workflow> {
        if let Body::Workflow(workflow) = &self.body { Some(workflow) } else { None }
    }

    pub fn as_pool(&self) -> Option<&Pool> {
        if let Body::Pool(pool) = &self.body { Some(pool) } else { None }
    }

    pub fn as_channel(&self) -> Option<&Channel> {
        if let Body::Channel(channel) = &self.body { Some(channel) } else { None }
    }

    /// The tree it was read from.
    pub fn tree(&self) -> &Node {
        &self.tree
    }

    /// The image files it uses, each with the place of its first use.
    pub fn images(&self) -> &BTreeMap<ImageFile, Place> {
        &self.images
    }

    /// The digests it carries, by file. Empty for a document as it was written, and for one without images.
    pub fn digests(&self) -> BTreeMap<ImageFile, Digest> {
        match &self.body {
            Body::App(app) => app.images.clone(),
            Body::Workflow(workflow) => workflow.images.clone(),
            Body::Pool(_) | Body::Channel(_) => BTreeMap::new(),
        }
    }

    /// The images that carry no digest yet: none, once the document may travel.
    pub fn images_without_digest(&self) -> Vec<&ImageFile> {
        let digests = self.digests();
        self.images.keys().filter(|file| !digests.contains_key(*file)).collect()
    }

    /// The document in the form that travels: as it was written, keys sorted, defaults not filled in.
    pub fn to_json(&self) -> Value {
        self.tree.to_json()
    }

    /// The same document with the digests of its images in it, as its top-level `images`. Digests it does not need are left
    /// out; one that is missing is a fault at the image's place.
    pub fn with_digests(&self, digests: &BTreeMap<ImageFile, Digest>) -> Result<Self, Vec<Fault>> {
        let missing = self.images.iter().filter(|(file, _)| !digests.contains_key(*file));
        let faults: Vec<Fault> = missing
            .map(|(file, place)| Fault {
                pointer: place.pointer.clone(),
                line: place.line,
                column: place.column,
                detail: format!("the image {file} is missing"),
                suggestion: Some("put it beside the document".to_owned()),
            })
            .collect();
        if !faults.is_empty() {
            return Err(faults);
        }
        if self.images.is_empty() {
            return Ok(self.clone());
        }
        let carried: BTreeMap<ImageFile, Digest> =
            self.images.keys().filter_map(|file| Some((file.clone(), digests.get(file)?.clone()))).collect();
        let json = carried.iter().map(|(file, digest)| (file.to_string(), Value::from(digest.as_str()))).collect();
        let mut document = self.clone();
        document.tree.set("images", &Value::Object(json));
        match &mut document.body {
            Body::App(app) => app.images = carried,
            Body::Workflow(workflow) => workflow.images = carried,
            Body::Pool(_) | Body::Channel(_) => {}
        }
        Ok(document)
    }
}
