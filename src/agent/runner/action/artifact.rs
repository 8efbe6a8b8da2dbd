//! `save_artifact`: a file of the machine, kept with the attempt or told why not.

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    agent::runner::{
        NoFile, describe,
        fault::{Break, fault},
        run::Runner,
    },
    ids::Digest,
    wire::{job::Category, step::ArtifactRef},
    workflow::{SaveArtifact, limits},
};

/// Of a file whose ending says nothing.
const ANY_TYPE: &str = "application/octet-stream";

impl Runner<'_> {
    /// Name, size and digest of what was stored.
    pub(in crate::agent::runner) fn save_artifact(&mut self, save: &SaveArtifact) -> Result<Value, Break> {
        let (path, name) = (save.path.text(&self.scope)?, save.name.text(&self.scope)?);
        let bytes = match self.world.read_file(Path::new(&path), limits::ARTIFACT_BYTES) {
            Ok(bytes) => bytes,
            Err(why) => {
                return fault(category_of(&why), format!("{} is not saved: {}", describe::cut(&path), told(&why)));
            }
        };
        let name = self.file_name(&name)?;
        let content_type = content_type(&name).to_owned();
        let (sha256, size) = (Digest::of(&bytes), bytes.len() as u64);
        let artifact = ArtifactRef { name, sha256, bytes: size, content_type };
        if let Err(reason) = self.observer.file(&artifact, bytes) {
            return fault(Category::Agent, format!("{} is not saved: {reason}", describe::cut(&path)));
        }
        let result = json!({ "name": artifact.name, "size": size, "digest": sha256 });
        self.keep(artifact);
        Ok(result)
    }
}

/// A file may yet come; a folder does not become one, and another machine may well read what this one can't.
fn category_of(why: &NoFile) -> Category {
    match why {
        NoFile::Missing => Category::TargetNotFound,
        NoFile::Folder | NoFile::Special | NoFile::TooLarge { .. } => Category::InvalidWorkflow,
        NoFile::Unreadable(_) => Category::Agent,
    }
}

fn told(why: &NoFile) -> String {
    match why {
        NoFile::Missing => format!("{why}; where it takes its time, wait for it before with `wait: {{ file: … }}`"),
        NoFile::Folder => format!("{why}; name a file in it, or pack it with `run` first"),
        NoFile::TooLarge { .. } => format!("{why}; pack it with `run` first, or save less of it"),
        NoFile::Special | NoFile::Unreadable(_) => why.to_string(),
    }
}

fn content_type(name: &str) -> &'static str {
    mime_guess::from_path(name).first_raw().unwrap_or(ANY_TYPE)
}
