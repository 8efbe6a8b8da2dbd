//! Blobs nobody refers to any more are collected: what is on disk is compared with what rows name.
//!
//! A blob is stored before the row that names it is written. So one that was stored, or asked for by who is about to name it,
//! within a grace period is never taken; and taking one excludes storing and asking for a moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use redb::{ReadTransaction, ReadableTable as _};
use serde::Deserialize;

use super::{
    Reader,
    blobs::{BlobError, Blobs, TEMP_DIR},
    error::StoreError,
    history::Frame,
    record, tables,
};
use crate::{
    fleet::ArtifactRow,
    ids::Digest,
    time::{Timestamp, duration_ms},
};

const HEX_DIGITS: usize = 64;

/// A blob as the folder has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredBlob {
    pub digest: Digest,
    pub bytes: u64,
    /// When it was stored, or last asked for by who is about to name it.
    pub claimed_at: Timestamp,
}

impl Blobs {
    /// All that are stored, in the order of their digests. One that comes or goes meanwhile may be in it or not.
    pub fn list(&self) -> Result<Vec<StoredBlob>, BlobError> {
        let mut found = Vec::new();
        for folder in entries(self.root())? {
            let Some(first) = folder.file_name().and_then(|name| name.to_str()).filter(|name| *name != TEMP_DIR) else {
                continue;
            };
            if !folder.is_dir() {
                continue;
            }
            for file in entries(&folder)? {
                let Some(rest) = file.file_name().and_then(|name| name.to_str()) else { continue };
                let Ok(digest) = format!("{first}{rest}").parse() else { continue };
                match fs::metadata(&file) {
                    Ok(metadata) => {
                        found.push(StoredBlob { digest, bytes: metadata.len(), claimed_at: claimed_at(&metadata) });
                    }
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(BlobError::at(&file)(error)),
                }
            }
        }
        found.sort_unstable_by_key(|blob| blob.digest);
        Ok(found)
    }

    /// Its length in bytes, if it is stored. It is then kept for the grace period: for who is about to name it in a row.
    pub fn claim(&self, digest: &Digest, now: Timestamp) -> Result<Option<u64>, BlobError> {
        let _nothing_is_taken = self.storing();
        let path = self.path(digest);
        let file = match File::options().write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(BlobError::at(&path)(error)),
        };
        let at = UNIX_EPOCH + Duration::from_millis(now.as_ms());
        file.set_modified(at).map_err(BlobError::at(&path))?;
        Ok(Some(file.metadata().map_err(BlobError::at(&path))?.len()))
    }

    /// Removes a blob unless it was stored or claimed at `since` or later. Says how many bytes that gave.
    pub fn collect(&self, digest: &Digest, since: Timestamp) -> Result<u64, BlobError> {
        let _nothing_is_stored = self.taking();
        let path = self.path(digest);
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(BlobError::at(&path)(error)),
        };
        if claimed_at(&metadata) >= since {
            return Ok(0);
        }
        fs::remove_file(&path).map_err(BlobError::at(&path))?;
        Ok(metadata.len())
    }
}

fn entries(folder: &Path) -> Result<Vec<std::path::PathBuf>, BlobError> {
    let entries = fs::read_dir(folder).map_err(BlobError::at(folder))?;
    let paths: Result<Vec<_>, io::Error> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    paths.map_err(BlobError::at(folder))
}

/// A time that cannot be read counts as now, which keeps the blob.
fn claimed_at(metadata: &fs::Metadata) -> Timestamp {
    let since_1970 = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    Timestamp::from_ms(since_1970.map_or(u64::MAX, duration_ms))
}

/// Of a job's row, the files it was given.
#[derive(Deserialize)]
struct FilesOf {
    spec: Files,
}

#[derive(Deserialize)]
struct Files {
    files: BTreeMap<String, Digest>,
}

impl Reader {
    /// Those of the candidates that no row names: no artifact, no last picture, no document, no file of a job.
    pub fn unreferenced(&self, mut candidates: BTreeSet<Digest>) -> Result<BTreeSet<Digest>, StoreError> {
        let transaction = self.shared.begin_read()?;
        named(&transaction, |digest| {
            candidates.remove(&digest);
        })?;
        // Most of the time nothing is left: jobs are many, and few have files.
        if !candidates.is_empty() {
            files_of_jobs(&transaction, |digest| {
                candidates.remove(&digest);
                !candidates.is_empty()
            })?;
        }
        Ok(candidates)
    }
}

/// By artifacts, last pictures and documents.
pub(super) fn named(transaction: &ReadTransaction, mut found: impl FnMut(Digest)) -> Result<(), StoreError> {
    for row in transaction.open_table(tables::ARTIFACTS)?.iter()? {
        let row: ArtifactRow = record::decode("an artifact", row?.1.value())?;
        found(row.artifact.digest);
    }
    for row in transaction.open_table(tables::FRAMES)?.iter()? {
        let frame: Frame = record::decode("a picture", row?.1.value())?;
        found(frame.digest);
    }
    for row in transaction.open_table(tables::DOCUMENTS)?.iter()? {
        digests_in(row?.1.value(), &mut found);
    }
    Ok(())
}

/// Until `found` says that it is enough.
pub(super) fn files_of_jobs(
    transaction: &ReadTransaction,
    mut found: impl FnMut(Digest) -> bool,
) -> Result<(), StoreError> {
    for row in transaction.open_table(tables::JOBS)?.iter()? {
        let job: FilesOf = record::decode("a job", row?.1.value())?;
        for digest in job.spec.files.into_values() {
            if !found(digest) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Whatever looks like a digest in a document counts as one: its content is not understood here.
pub(super) fn digests_in(text: &[u8], mut found: impl FnMut(Digest)) {
    for run in text.split(|byte| !byte.is_ascii_hexdigit()).filter(|run| run.len() == HEX_DIGITS) {
        if let Some(digest) = std::str::from_utf8(run).ok().and_then(|text| text.parse().ok()) {
            found(digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_that_was_claimed_lately_is_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&dir.path().join("blobs"), 100).unwrap();
        let (old, named) = (blobs.put(b"old", None).unwrap(), blobs.put(b"about to be named", None).unwrap());
        let (then, now) = (Timestamp::from_ms(1_000_000), Timestamp::from_ms(9_000_000));
        blobs.claim(&old.digest, then).unwrap();
        blobs.claim(&named.digest, now).unwrap();
        let claimed: Vec<_> = blobs.list().unwrap().iter().map(|blob| (blob.digest, blob.claimed_at)).collect();
        assert_eq!(BTreeMap::from_iter(claimed), BTreeMap::from([(old.digest, then), (named.digest, now)]));
        let since = Timestamp::from_ms(5_000_000);
        assert_eq!(blobs.collect(&named.digest, since).unwrap(), 0);
        assert_eq!(blobs.collect(&old.digest, since).unwrap(), 3);
        assert_eq!(blobs.collect(&old.digest, since).unwrap(), 0, "it is gone already");
        assert_eq!(blobs.claim(&old.digest, now).unwrap(), None);
        assert_eq!(blobs.claim(&named.digest, now).unwrap(), Some(17));
    }

    #[test]
    fn storing_a_blob_again_renews_its_time() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&dir.path().join("blobs"), 100).unwrap();
        let blob = blobs.put(b"picture", None).unwrap();
        blobs.claim(&blob.digest, Timestamp::from_ms(1_000)).unwrap();
        blobs.put(b"picture", None).unwrap();
        assert_eq!(blobs.collect(&blob.digest, Timestamp::from_ms(2_000)).unwrap(), 0);
    }

    #[test]
    fn digests_are_found_in_any_text() {
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let text = format!("\\\"images\\\":{{\"a.png\":\"{one}\"}} {two}, ab{one}");
        let mut found = Vec::new();
        digests_in(text.as_bytes(), |digest| found.push(digest));
        assert_eq!(found, [one, two], "a longer run is none");
    }
}
