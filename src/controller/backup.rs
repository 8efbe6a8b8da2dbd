//! Backups: everything a controller needs to go on elsewhere, as one tar archive that streams while jobs run.
//!
//! In it, in this order: `manifest.json`, `deskfleet.redb`, `files/…` (keys, tokens), `blobs/…`, `complete`. The last entry says
//! that nothing is missing. What the rows name and the blobs do not have yet is left out: it may still come, to both sides.

use std::io::{self, Read, Write};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{
    error::{ExecuteError, ReadError},
    handle::Handle,
    space::Room,
};
use crate::{
    store::{Blobs, Snapshot, StoreError},
    time::Timestamp,
};

pub(super) const FORMAT: u32 = 1;
pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const DATABASE: &str = "deskfleet.redb";
pub(super) const FILES: &str = "files/";
pub(super) const BLOBS: &str = "blobs/";
pub(super) const COMPLETE: &str = "complete";
/// A piece of the stream.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces that wait for a slow reader.
const PIECES: usize = 8;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// Of the program that made it.
    pub version: String,
    pub schema: u32,
    pub made_at: Timestamp,
    pub generation: u32,
    pub newest_event: u64,
    pub jobs: u64,
}

/// A file beside the database that belongs to a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateFile {
    pub name: String,
    pub content: Vec<u8>,
}

/// An archive on its way, piece by piece. An error means that what came is not whole.
pub type BackupStream = mpsc::Receiver<io::Result<Bytes>>;

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Engine(#[from] ExecuteError),
}

impl From<StoreError> for BackupError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => Self::Engine(ExecuteError::StorageFull),
            error => Self::Read(error.into()),
        }
    }
}

impl Handle {
    /// The state of this moment. The database is copied first, beside the blobs; then the archive streams as it is read.
    /// No blob is collected meanwhile.
    pub async fn backup(&self, files: Vec<PrivateFile>) -> Result<BackupStream, BackupError> {
        if self.shared.space.room() != Room::Enough {
            return Err(ExecuteError::StorageFull.into());
        }
        let (reader, blobs, kept) = (self.reader.clone(), self.blobs.clone(), self.shared.clone());
        let made_at = self.clock.now().wall;
        let (pieces, stream) = mpsc::channel(PIECES);
        let (told, snapshot) = tokio::sync::oneshot::channel();
        // It lasts as long as the reader takes, and waits for the disk and for him.
        tokio::task::spawn_blocking(move || {
            let _nothing_is_collected = kept.collecting.read();
            let snapshot = match reader.snapshot(&blobs) {
                Ok(snapshot) => snapshot,
                Err(error) => return drop(told.send(Err(error))),
            };
            // Nobody to tell: the request was given up.
            if told.send(Ok(())).is_err() {
                return;
            }
            let mut out = Pieces { pieces, gathered: Vec::with_capacity(PIECE_BYTES) };
            let written = write(&mut out, &snapshot, &blobs, &files, made_at).and_then(|()| out.flush());
            if let Err(error) = written {
                tracing::warn!(%error, "a backup ended early");
                let _ = out.pieces.blocking_send(Err(error));
            }
        });
        match snapshot.await {
            Ok(Ok(())) => Ok(stream),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(ExecuteError::ShuttingDown.into()),
        }
    }
}

fn write(
    out: &mut impl Write,
    snapshot: &Snapshot,
    blobs: &Blobs,
    files: &[PrivateFile],
    made_at: Timestamp,
) -> io::Result<()> {
    let mut archive = tar::Builder::new(out);
    let manifest = Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        schema: snapshot.schema,
        made_at,
        generation: snapshot.generation,
        newest_event: snapshot.newest_event,
        jobs: snapshot.jobs,
    };
    let manifest = serde_json::to_vec_pretty(&manifest)?;
    append(&mut archive, MANIFEST, manifest.len() as u64, manifest.as_slice())?;
    let database = snapshot.file.reopen()?;
    let bytes = database.metadata()?.len();
    append(&mut archive, DATABASE, bytes, database)?;
    for file in files {
        append(&mut archive, &format!("{FILES}{}", file.name), file.content.len() as u64, file.content.as_slice())?;
    }
    for digest in &snapshot.blobs {
        if let Some((blob, bytes)) = blobs.open_blob(digest).map_err(io::Error::other)? {
            append(&mut archive, &format!("{BLOBS}{digest}"), bytes, blob)?;
        }
    }
    append(&mut archive, COMPLETE, 0, io::empty())?;
    archive.finish()
}

fn append(archive: &mut tar::Builder<impl Write>, path: &str, bytes: u64, content: impl Read) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    archive.append_data(&mut header, path, content.take(bytes))
}

/// Gathers what is written and hands it on in pieces. The reader's slowness is the writer's.
struct Pieces {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    gathered: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        self.gathered.extend_from_slice(content);
        if self.gathered.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(content.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let piece = std::mem::take(&mut self.gathered);
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody takes the backup any more");
        self.pieces.blocking_send(Ok(piece.into())).map_err(gone)
    }
}
