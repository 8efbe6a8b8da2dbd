//! What a running controller does for its own keeping, asked from outside.

use super::{Handle, Settings, error::ReadError, keeper::Kept};
use crate::{
    fleet::Fleet,
    ids::Digest,
    store::{BlobError, Checked, Depth},
};

impl Handle {
    /// Looks at all that is stored, as of one moment, beside the engine: nobody waits for it. With `content` also at every byte
    /// of every blob.
    pub async fn check(&self, content: bool) -> Result<Checked, ReadError> {
        let (blobs, now) = (self.blobs.clone(), self.clock.now());
        let depth = if content { Depth::Content } else { Depth::Names };
        self.read(move |reader| {
            let mut checked = reader.check(&blobs, depth, now.wall)?;
            let fleet = Fleet::load(Settings::default().fleet, reader.load()?, now);
            fleet.check().into_iter().for_each(|fault| checked.fault(fault));
            Ok(checked)
        })
        .await
    }

    /// What retention has removed since the start.
    pub fn kept(&self) -> Kept {
        self.shared.kept.snapshot()
    }

    /// The length of a blob that is about to be named in a row: it is not collected for a while, whoever named it before.
    pub async fn claim_blob(&self, digest: Digest) -> Result<Option<u64>, BlobError> {
        let (blobs, now) = (self.blobs.clone(), self.clock.now().wall);
        self.blocking(move || blobs.claim(&digest, now)).await
    }
}
