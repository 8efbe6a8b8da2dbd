//! Stores a blob that arrives in pieces over the network, without holding up the runtime.

use bytes::Bytes;

use crate::{
    ids::Digest,
    store::{Blob, BlobError, BlobWriter, Blobs},
};

/// So much is gathered before the disk is bothered.
const FLUSH_BYTES: usize = 1 << 20;

/// One blob on its way. Dropped before `finish`, it leaves nothing behind.
pub struct Upload {
    writer: BlobWriter,
    gathered: Vec<Bytes>,
    gathered_bytes: usize,
    /// Of all that was given to `write`.
    total_bytes: u64,
    max_bytes: u64,
}

impl Upload {
    /// With `expected`, other content is refused at the end.
    pub(super) async fn begin(blobs: Blobs, expected: Option<Digest>) -> Result<Self, BlobError> {
        let max_bytes = blobs.max_bytes();
        let writer = off_the_runtime(move || blobs.begin(expected)).await?;
        Ok(Self { writer, gathered: Vec::new(), gathered_bytes: 0, total_bytes: 0, max_bytes })
    }

    /// Takes the upload and gives it back, as it is written to on another thread.
    pub async fn write(mut self, piece: Bytes) -> Result<Self, BlobError> {
        self.gathered_bytes += piece.len();
        self.total_bytes += piece.len() as u64;
        if self.total_bytes > self.max_bytes {
            return Err(BlobError::TooLarge { max_bytes: self.max_bytes });
        }
        self.gathered.push(piece);
        if self.gathered_bytes < FLUSH_BYTES {
            return Ok(self);
        }
        off_the_runtime(move || self.flush().map(|()| self)).await
    }

    /// Durable under its digest when it returns.
    pub async fn finish(mut self) -> Result<Blob, BlobError> {
        off_the_runtime(move || {
            self.flush()?;
            self.writer.finish()
        })
        .await
    }

    fn flush(&mut self) -> Result<(), BlobError> {
        self.gathered_bytes = 0;
        self.gathered.drain(..).try_for_each(|piece| self.writer.write(&piece))
    }
}

/// Runs what blocks on the disk on tokio's threads for that; a panic there goes on here.
pub(super) async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going away before the work began, and this future with it.
            Err(_) => std::future::pending().await,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pieces_become_one_blob_and_too_many_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&dir.path().join("blobs"), 3 * FLUSH_BYTES as u64).unwrap();
        let piece = Bytes::from(vec![7; FLUSH_BYTES - 1]);
        let mut upload = Upload::begin(blobs.clone(), None).await.unwrap();
        for _ in 0..3 {
            upload = upload.write(piece.clone()).await.unwrap();
        }
        assert!(matches!(upload.write(piece.clone()).await, Err(BlobError::TooLarge { .. })));
        let upload = Upload::begin(blobs.clone(), Some(Digest::of(&piece))).await.unwrap();
        let blob = upload.write(piece.clone()).await.unwrap().finish().await.unwrap();
        assert_eq!(blobs.read(&blob.digest).unwrap().unwrap(), piece);
    }
}
