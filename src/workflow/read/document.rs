//! Reader of whole documents: kind and name first, then by kind.

use std::collections::BTreeMap;

use super::fields::Fields;
use super::names::{nearest, one_of};
use super::{Reader, unavailable};
use crate::workflow::fault::Fault;
use crate::workflow::limits;
use crate::workflow::model::{Body, Digest, Document, ImageFile, Kind};
use crate::workflow::node::{Node, Tree};

impl Document {
    /// Reads one document, or tells everything that is wrong with it.
    pub fn read(tree: Node) -> Result<Self, Vec<Fault>> {
        let kind = kind_of(&tree)?;
        let mut reader = Reader::new(kind);
        let body = reader.body(kind, &tree);
        let images = std::mem::take(&mut reader.images);
        let faults = reader.finish();
        match body {
            Some(body) if faults.is_empty() => Ok(Self::new(body, tree, images)),
            _ if faults.is_empty() => Err(vec![Fault::at(&tree, format!("this is no {kind}"))]),
            _ => Err(faults),
        }
    }
}

fn kind_of(tree: &Node) -> Result<Kind, Vec<Fault>> {
    let kinds = Kind::ALL.map(Kind::as_str);
    let known = format!("there are {}", one_of(&kinds));
    let Tree::Map(_) = tree.tree else {
        let fault =
            Fault::at(tree, format!("a document is a mapping with `kind` and `name`, this is {}", tree.describe()));
        return Err(vec![fault]);
    };
    let Some(node) = tree.get("kind") else {
        return Err(vec![Fault::at(tree, "a document needs `kind`").suggest(known)]);
    };
    let word = node.as_text().unwrap_or_default();
    if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.as_str() == word) {
        return Ok(kind);
    }
    if unavailable::KINDS.contains(&word) {
        return Err(vec![Fault::at(node, format!("kind `{word}` is not available in this version"))]);
    }
    let fault = Fault::at(node, format!("there is no kind `{word}`"));
    Err(vec![match nearest(word, kinds) {
        Some(name) => fault.suggest(format!("did you mean `{name}`?")),
        None => fault.suggest(known),
    }])
}

impl Reader {
    fn body(&mut self, kind: Kind, tree: &Node) -> Option<Body> {
        let mut fields = Fields::new(tree, "a document", self)?;
        fields.take("kind");
        let name = fields.require("name", "a document", self).and_then(|node| self.name(node));
        match kind {
            Kind::App => self.app(fields, name).map(Body::App),
            Kind::Workflow => self.workflow(fields, name).map(Body::Workflow),
            Kind::Pool => self.pool(fields, name).map(Body::Pool),
            Kind::Channel => self.channel(fields, name).map(Body::Channel),
        }
    }

    /// `images`: the digest of every image, once a document travels. Read last, when all images are known.
    pub(super) fn digests(&mut self, fields: &mut Fields<'_>) -> Option<BTreeMap<ImageFile, Digest>> {
        let Some(node) = fields.take("images") else { return Some(BTreeMap::new()) };
        let Tree::Map(entries) = &node.tree else {
            self.fault(node, format!("`images` is a mapping from files to digests, this is {}", node.describe()));
            return None;
        };
        if entries.len() > limits::IMAGES {
            self.fault(node, format!("`images` has more than {} entries", limits::IMAGES));
            return None;
        }
        let mut digests = BTreeMap::new();
        for entry in entries {
            let file = ImageFile::new(&entry.key).ok().filter(|file| self.images.contains_key(file));
            let digest = entry.value.as_text().and_then(Digest::new);
            if file.is_none() {
                self.fault(&entry.value, format!("no target uses the image {}", entry.key));
            }
            if digest.is_none() {
                self.fault(&entry.value, "a digest is a SHA-256 of 64 lower-case hexadecimal digits");
            }
            digests.extend(file.zip(digest));
        }
        let missing: Vec<String> =
            self.images.keys().filter(|file| !digests.contains_key(file)).map(ToString::to_string).collect();
        if !missing.is_empty() {
            self.fault(node, format!("no digest is given for {}", missing.join(", ")));
        }
        Some(digests)
    }
}
