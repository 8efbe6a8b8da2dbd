//! Content-addressed files beside the database: `blobs/ab/cdef…`, named by the SHA-256 of what is in them.
//!
//! A blob is written under `blobs/tmp`, hashed on the way, synced and only then renamed, and the directory is synced before the
//! digest is given out. So a row may name a digest as soon as `finish` has returned, and a torn file is never seen under a digest.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use sha2::{Digest as _, Sha256};

use crate::ids::Digest;

pub(super) const TEMP_DIR: &str = "tmp";

#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("the content is larger than {max_bytes} bytes; raise limits.blob_bytes if it must be stored")]
    TooLarge { max_bytes: u64 },
    #[error("the content has the digest {actual}, not {expected} as announced; send it again unchanged")]
    DigestMismatch { expected: Digest, actual: Digest },
    #[error("the disk is full; make room in the data directory")]
    StorageFull,
    #[error("blob file {path}: {source}", path = .path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl BlobError {
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::StorageFull,
            _ => Self::Io { path: path.to_owned(), source },
        }
    }
}

/// A stored blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob {
    pub digest: Digest,
    pub bytes: u64,
}

/// The folder of blobs. Cheap to clone; all calls block on the disk.
#[derive(Debug, Clone)]
pub struct Blobs {
    root: Arc<Path>,
    max_bytes: u64,
    /// Held shared by who stores a blob or is about to name one, alone by who takes one away.
    taking: Arc<RwLock<()>>,
}

impl Blobs {
    /// Creates the folder and throws away what an earlier process left half written. The caller holds the lock of the data directory.
    pub fn open(root: &Path, max_bytes: u64) -> Result<Self, BlobError> {
        let temp = root.join(TEMP_DIR);
        if temp.exists() {
            fs::remove_dir_all(&temp).map_err(BlobError::at(&temp))?;
        }
        fs::create_dir_all(&temp).map_err(BlobError::at(&temp))?;
        // All folders now, so that storing a blob never waits for the name of a folder to be durable.
        for first in 0..=u8::MAX {
            let folder = root.join(format!("{first:02x}"));
            fs::create_dir_all(&folder).map_err(BlobError::at(&folder))?;
        }
        sync_dir(root)?;
        Ok(Self { root: root.into(), max_bytes, taking: Arc::default() })
    }

    /// The most one blob may hold.
    pub const fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Starts to store one blob. With `expected`, other content is refused at the end.
    pub fn begin(&self, expected: Option<Digest>) -> Result<BlobWriter, BlobError> {
        let temp = self.root.join(TEMP_DIR);
        let file = tempfile::Builder::new().prefix("blob-").tempfile_in(&temp).map_err(BlobError::at(&temp))?;
        Ok(BlobWriter { blobs: self.clone(), file, hasher: Sha256::new(), bytes: 0, expected })
    }

    /// Stores what is in memory already.
    pub fn put(&self, content: &[u8], expected: Option<Digest>) -> Result<Blob, BlobError> {
        let mut writer = self.begin(expected)?;
        writer.write(content)?;
        writer.finish()
    }

    /// The file with its length in bytes, or nothing if there is no such blob.
    pub fn open_blob(&self, digest: &Digest) -> Result<Option<(File, u64)>, BlobError> {
        let path = self.path(digest);
        match File::open(&path) {
            Ok(file) => {
                let bytes = file.metadata().map_err(BlobError::at(&path))?.len();
                Ok(Some((file, bytes)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(BlobError::at(&path)(error)),
        }
    }

    /// The whole content, for what is small and needed at once.
    pub fn read(&self, digest: &Digest) -> Result<Option<Vec<u8>>, BlobError> {
        let Some((mut file, bytes)) = self.open_blob(digest)? else { return Ok(None) };
        let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
        file.read_to_end(&mut content).map_err(BlobError::at(&self.path(digest)))?;
        Ok(Some(content))
    }

    /// Its length in bytes, if it is stored.
    pub fn size(&self, digest: &Digest) -> Result<Option<u64>, BlobError> {
        let path = self.path(digest);
        match fs::metadata(&path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(BlobError::at(&path)(error)),
        }
    }

    /// Of what is half written; emptied at every start.
    pub(super) fn temp_dir(&self) -> PathBuf {
        self.root.join(TEMP_DIR)
    }

    pub(super) fn unreadable(&self, digest: &Digest, source: io::Error) -> BlobError {
        BlobError::at(&self.path(digest))(source)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// While it is held no blob is taken away.
    pub(super) fn storing(&self) -> RwLockReadGuard<'_, ()> {
        self.taking.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// While it is held none is stored, and none asked for by who is about to name it.
    pub(super) fn taking(&self) -> RwLockWriteGuard<'_, ()> {
        self.taking.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn path(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        let (folder, file) = name.split_at(2);
        self.root.join(folder).join(file)
    }
}

/// One blob on its way. Dropped before `finish`, it leaves nothing behind.
#[derive(Debug)]
pub struct BlobWriter {
    blobs: Blobs,
    file: tempfile::NamedTempFile,
    hasher: Sha256,
    bytes: u64,
    expected: Option<Digest>,
}

impl BlobWriter {
    pub fn write(&mut self, chunk: &[u8]) -> Result<(), BlobError> {
        let bytes = self.bytes.saturating_add(chunk.len() as u64);
        if bytes > self.blobs.max_bytes {
            return Err(BlobError::TooLarge { max_bytes: self.blobs.max_bytes });
        }
        self.file.write_all(chunk).map_err(BlobError::at(self.file.path()))?;
        self.hasher.update(chunk);
        self.bytes = bytes;
        Ok(())
    }

    /// Durable when it returns. A blob that was there already is replaced by the same content, which also mends a damaged file.
    pub fn finish(self) -> Result<Blob, BlobError> {
        let digest = Digest::from_bytes(self.hasher.finalize().into());
        if let Some(expected) = self.expected.filter(|expected| *expected != digest) {
            return Err(BlobError::DigestMismatch { expected, actual: digest });
        }
        let path = self.blobs.path(&digest);
        self.file.as_file().sync_all().map_err(BlobError::at(&path))?;
        let _nothing_is_taken = self.blobs.storing();
        self.file.persist(&path).map_err(|error| BlobError::at(&path)(error.error))?;
        sync_dir(path.parent().unwrap_or(&self.blobs.root))?;
        Ok(Blob { digest, bytes: self.bytes })
    }
}

/// Makes new names in a directory durable. Windows has no such call and needs none.
#[cfg(unix)]
fn sync_dir(dir: &Path) -> Result<(), BlobError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(BlobError::at(dir))
}

#[cfg(not(unix))]
fn sync_dir(_dir: &Path) -> Result<(), BlobError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blobs(max_bytes: u64) -> (tempfile::TempDir, Blobs) {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&dir.path().join("blobs"), max_bytes).unwrap();
        (dir, blobs)
    }

    fn temp_files(dir: &tempfile::TempDir) -> usize {
        fs::read_dir(dir.path().join("blobs").join(TEMP_DIR)).unwrap().count()
    }

    #[test]
    fn a_blob_written_in_pieces_reads_back_under_its_digest() {
        let (dir, blobs) = blobs(100);
        let mut writer = blobs.begin(Some(Digest::of(b"one frame"))).unwrap();
        writer.write(b"one ").unwrap();
        writer.write(b"frame").unwrap();
        let blob = writer.finish().unwrap();
        assert_eq!(blob, Blob { digest: Digest::of(b"one frame"), bytes: 9 });
        assert_eq!(blobs.read(&blob.digest).unwrap().unwrap(), b"one frame");
        assert_eq!(blobs.size(&blob.digest).unwrap(), Some(9));
        assert_eq!(blobs.put(b"one frame", None).unwrap(), blob, "storing it again is the same blob");
        let name = blob.digest.to_string();
        assert!(dir.path().join("blobs").join(&name[..2]).join(&name[2..]).exists());
        assert_eq!(temp_files(&dir), 0);
    }

    #[test]
    fn other_content_than_announced_is_refused_and_leaves_nothing() {
        let (dir, blobs) = blobs(100);
        let expected = Digest::of(b"this");
        let refused = blobs.put(b"that", Some(expected));
        assert!(matches!(refused, Err(BlobError::DigestMismatch { .. })), "{refused:?}");
        assert_eq!(blobs.size(&expected).unwrap(), None);
        assert_eq!(blobs.size(&Digest::of(b"that")).unwrap(), None);
        assert_eq!(temp_files(&dir), 0);
    }

    #[test]
    fn content_over_the_limit_is_refused_as_soon_as_it_is_over() {
        let (dir, blobs) = blobs(4);
        let mut writer = blobs.begin(None).unwrap();
        writer.write(b"1234").unwrap();
        assert!(matches!(writer.write(b"5"), Err(BlobError::TooLarge { max_bytes: 4 })));
        drop(writer);
        assert_eq!(temp_files(&dir), 0);
    }

    #[test]
    fn what_a_dead_process_left_half_written_is_thrown_away_at_start() {
        let (dir, blobs) = blobs(100);
        let kept = blobs.put(b"whole", None).unwrap();
        fs::write(dir.path().join("blobs").join(TEMP_DIR).join("blob-left"), b"half").unwrap();
        let reopened = Blobs::open(&dir.path().join("blobs"), 100).unwrap();
        assert_eq!(temp_files(&dir), 0);
        assert_eq!(reopened.size(&kept.digest).unwrap(), Some(5));
    }
}
