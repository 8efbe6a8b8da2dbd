//! Blobs the controller has sent, by digest: images of documents mostly. Bounded; what was used longest ago goes first.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use super::files::{self, DiskError};
use crate::{agent::host::Images, ids::Digest};

/// Most bytes kept.
const MAX_BYTES: u64 = 512 << 20;

#[derive(Debug, Clone)]
pub(in crate::agent) struct Blobs {
    dir: PathBuf,
}

impl Blobs {
    pub(in crate::agent) fn open(data_dir: &Path) -> Result<Self, DiskError> {
        let dir = data_dir.join("blobs");
        files::make_dir(&dir)?;
        Ok(Self { dir })
    }

    pub(in crate::agent) fn has(&self, digest: &Digest) -> bool {
        self.path(digest).exists()
    }

    /// None where it is not here, or is not what its name says (then it is removed).
    pub(in crate::agent) fn read(&self, digest: &Digest) -> Option<Vec<u8>> {
        let path = self.path(digest);
        let bytes = fs::read(&path).ok()?;
        if Digest::of(&bytes) != *digest {
            let _ = fs::remove_file(&path);
            return None;
        }
        touch(&path);
        Some(bytes)
    }

    /// Bytes whose digest the caller has checked.
    pub(in crate::agent) fn keep(&self, digest: &Digest, bytes: &[u8]) -> Result<(), DiskError> {
        files::write_whole(&self.path(digest), bytes)?;
        self.trim();
        Ok(())
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.dir.join(digest.to_string())
    }

    fn trim(&self) {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().filter_map(Result::ok);
        let mut known: Vec<_> = entries
            .filter_map(|entry| {
                let metadata = entry.metadata().ok()?;
                Some((metadata.modified().ok()?, metadata.len(), entry.path()))
            })
            .collect();
        known.sort();
        let mut total: u64 = known.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in known {
            if total <= MAX_BYTES {
                return;
            }
            if fs::remove_file(path).is_ok() {
                total -= bytes;
            }
        }
    }
}

impl Images for Blobs {
    fn bytes(&mut self, digest: &Digest) -> Result<Vec<u8>, String> {
        self.read(digest).ok_or_else(|| "it is not on this machine; the next attempt fetches it again".to_owned())
    }
}

/// Marks a file as used now. Writing nothing to it would not.
fn touch(path: &Path) {
    if let Ok(file) = File::options().append(true).open(path) {
        let now = crate::time::Clock::System.now().wall.as_ms();
        let now = std::time::UNIX_EPOCH + std::time::Duration::from_millis(now);
        let _ = file.set_modified(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_that_changed_on_disk_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        let digest = Digest::of(b"image");
        blobs.keep(&digest, b"image").unwrap();
        assert_eq!(blobs.read(&digest).as_deref(), Some(&b"image"[..]));
        fs::write(blobs.path(&digest), b"other").unwrap();
        assert_eq!(blobs.read(&digest), None);
        assert!(!blobs.has(&digest));
    }
}
