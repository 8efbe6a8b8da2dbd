//! `save_artifact`: a file of the machine that is to stay.

use crate::workflow::template::Template;

#[derive(Clone, Debug)]
pub struct SaveArtifact {
    pub path: Template,
    /// Under which it is stored.
    pub name: Template,
}
