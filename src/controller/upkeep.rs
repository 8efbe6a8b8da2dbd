//! What a running controller does for its own keeping, asked from outside.

use super::{Handle, keeper::Kept};
use crate::{ids::Digest, store::BlobError};

impl Handle {
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
