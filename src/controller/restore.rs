//! A data directory made from a backup, and one looked at as a whole. Neither needs a running controller, nor may there be one.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{
    BLOBS_DIR, Settings, StartError,
    backup::{BLOBS, COMPLETE, DATABASE, FILES, FORMAT, MANIFEST, Manifest},
};
use crate::{
    fleet::{Command, Fleet, Found, Restore},
    ids::Digest,
    store::{BlobError, Blobs, Checked, Depth, NewEvent, Store, StoreError, Transaction, database_in},
    time::{Clock, Now, Timestamp},
};

const MINUTE_MS: u64 = 60_000;
/// 2026-01-01, from which generations count minutes.
const FIRST_MINUTE: u64 = 29_453_760;
/// An epoch travels as one signed integer: the minutes until the end of 2041 fit.
const MAX_MINUTES: u64 = (1 << 23) - 1;
/// How many events the site keeps is in its settings, which a restore does not see: it drops none.
const ALL_EVENTS: u64 = u64::MAX;
/// Where the database is while it is not fit to be started.
const APART: &str = "restoring";
/// Keys and tokens are small.
const MAX_FILE_BYTES: u64 = 16 << 20;

#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("{path} holds a database already: move that directory away, or restore into another one", path = .0.display())]
    NotEmpty(PathBuf),
    #[error("the backup cannot be read: {0}")]
    Archive(io::Error),
    #[error("this is no backup of deskfleet, or not a whole one: {0}")]
    Strange(String),
    #[error("the backup was made by a newer deskfleet ({version}, format {format}): restore it with that version")]
    Newer { version: String, format: u32 },
    #[error("cannot write {path}: {source}", path = .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the system gives no random numbers: {0}")]
    Random(String),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the backup does not hold together, so it is not restored: {0}")]
    Unsound(String),
}

impl From<StoreError> for RestoreError {
    fn from(error: StoreError) -> Self {
        Self::Start(error.into())
    }
}

impl From<BlobError> for RestoreError {
    fn from(error: BlobError) -> Self {
        Self::Start(error.into())
    }
}

/// What a restore has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    pub manifest: Manifest,
    pub generation: u32,
    /// Jobs that are blocked until they are released.
    pub blocked: u64,
    /// Jobs that ran when the backup was made.
    pub need_review: u64,
    pub blobs: u64,
}

/// Unpacks a backup into a directory without a database, and makes it fit to be started: nothing in it goes on by itself, and
/// agents that have seen the lost history take it for newer.
pub fn restore(source: impl Read, dir: &Path, clock: &Clock) -> Result<Restored, RestoreError> {
    if database_in(dir).exists() {
        return Err(RestoreError::NotEmpty(dir.to_owned()));
    }
    make_dir(dir).map_err(failed(dir))?;
    // Apart until it is fit to be started: half a restore is never taken for a database.
    let apart = dir.join(APART);
    make_dir(&apart).map_err(failed(&apart))?;
    let unpacked = unpack(source, dir, &apart)?;
    let restored = settle(&apart, unpacked, clock.now())?;
    fs::rename(database_in(&apart), database_in(dir)).map_err(failed(dir))?;
    fs::remove_dir_all(&apart).map_err(failed(&apart))?;
    Ok(restored)
}

struct Unpacked {
    manifest: Manifest,
    blobs: u64,
}

fn unpack(source: impl Read, dir: &Path, apart: &Path) -> Result<Unpacked, RestoreError> {
    let blobs = Blobs::open(&dir.join(BLOBS_DIR), u64::MAX)?;
    let (mut manifest, mut has_database, mut is_complete, mut blob_count) = (None, false, false, 0);
    let mut archive = tar::Archive::new(source);
    for entry in archive.entries().map_err(RestoreError::Archive)? {
        let mut entry = entry.map_err(RestoreError::Archive)?;
        let path = entry.path().map_err(RestoreError::Archive)?.to_string_lossy().into_owned();
        if manifest.is_none() && path != MANIFEST {
            return Err(RestoreError::Strange(format!("it begins with {path:?} instead of {MANIFEST}")));
        }
        match path.as_str() {
            MANIFEST => manifest = Some(read_manifest(&mut entry)?),
            DATABASE => {
                write_private(&mut entry, &database_in(apart))?;
                has_database = true;
            }
            COMPLETE => is_complete = true,
            path => match (path.strip_prefix(FILES), path.strip_prefix(BLOBS)) {
                (Some(name), _) => write_private(&mut entry.take(MAX_FILE_BYTES), &dir.join(plain(name)?))?,
                (_, Some(digest)) => {
                    take_blob(&blobs, digest, &mut entry)?;
                    blob_count += 1;
                }
                _ => return Err(RestoreError::Strange(format!("it holds {path:?}"))),
            },
        }
    }
    match manifest {
        Some(manifest) if has_database && is_complete => Ok(Unpacked { manifest, blobs: blob_count }),
        Some(_) => Err(RestoreError::Strange("its end is missing; take another one".to_owned())),
        None => Err(RestoreError::Strange("it is empty".to_owned())),
    }
}

fn read_manifest(entry: &mut impl Read) -> Result<Manifest, RestoreError> {
    let mut text = Vec::new();
    entry.take(MAX_FILE_BYTES).read_to_end(&mut text).map_err(RestoreError::Archive)?;
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|error| RestoreError::Strange(format!("{MANIFEST}: {error}")))?;
    if manifest.format > FORMAT {
        return Err(RestoreError::Newer { version: manifest.version, format: manifest.format });
    }
    Ok(manifest)
}

/// A name in the data directory itself.
fn plain(name: &str) -> Result<&str, RestoreError> {
    let is_plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', ':']);
    if is_plain { Ok(name) } else { Err(RestoreError::Strange(format!("it holds a file {name:?}"))) }
}

fn take_blob(blobs: &Blobs, name: &str, content: &mut impl Read) -> Result<(), RestoreError> {
    let digest: Digest = name.parse().map_err(|_| RestoreError::Strange(format!("it holds a blob {name:?}")))?;
    let mut writer = blobs.begin(Some(digest))?;
    let mut chunk = vec![0; 1 << 20];
    loop {
        let read = content.read(&mut chunk).map_err(RestoreError::Archive)?;
        if read == 0 {
            break;
        }
        writer.write(&chunk[..read])?;
    }
    writer.finish()?;
    Ok(())
}

fn write_private(content: &mut impl Read, path: &Path) -> Result<(), RestoreError> {
    let made = private_options().open(path);
    let mut file = made.map_err(failed(path))?;
    io::copy(content, &mut file).map_err(failed(path))?;
    file.sync_all().map_err(failed(path))
}

#[cfg(unix)]
fn private_options() -> fs::OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = File::options();
    options.create(true).truncate(true).write(true).mode(0o600);
    options
}

#[cfg(not(unix))]
fn private_options() -> fs::OpenOptions {
    let mut options = File::options();
    options.create(true).truncate(true).write(true);
    options
}

#[cfg(unix)]
fn make_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(not(unix))]
fn make_dir(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> RestoreError + '_ {
    move |source| RestoreError::Write { path: path.to_owned(), source }
}

/// Raises the generation and stops what was open, as one transaction with its events.
fn settle(apart: &Path, unpacked: Unpacked, now: Now) -> Result<Restored, RestoreError> {
    let mut store = Store::open(apart, ALL_EVENTS)?;
    let mut fleet = Fleet::load(Settings::default().fleet, store.load()?, now);
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| RestoreError::Random(error.to_string()))?;
    let generation = next_generation(fleet.meta().generation, now.wall);
    let command = Restore { generation, seed: Digest::from_bytes(seed), backup_at: unpacked.manifest.made_at };
    let (runs, open) = (fleet.jobs().filter(|job| job.run().is_some()).count(), fleet.jobs().count());
    let decision = fleet.handle(now, Command::Restore(command), &Found::default());
    decision.answer.map_err(|refusal| RestoreError::Unsound(refusal.to_string()))?;
    if let Some(fault) = fleet.check().into_iter().next() {
        return Err(RestoreError::Unsound(fault));
    }
    let subject = |event| super::subject::subject(&fleet, event);
    let events = decision.events.iter().filter(|event| event.is_durable());
    let events = events.map(|event| NewEvent { subject: subject(event), event: event.clone() }).collect();
    store.commit(&Transaction { writes: fleet.take_writes(), events, frames: Vec::new() })?;
    Ok(Restored {
        manifest: unpacked.manifest,
        generation,
        blocked: (open - runs) as u64,
        need_review: runs as u64,
        blobs: unpacked.blobs,
    })
}

/// Higher than any an agent may have seen: also that of another restore, from a backup newer than this one or the same, a minute ago.
fn next_generation(before: u32, now: Timestamp) -> u32 {
    let minutes = (now.as_ms() / MINUTE_MS).saturating_sub(FIRST_MINUTE).min(MAX_MINUTES);
    before.saturating_add(1).max(u32::try_from(minutes).unwrap_or(0))
}

/// Looks at all that is in a data directory no controller uses: the store, the blobs, and the invariants of the fleet.
pub fn check(dir: &Path, clock: &Clock) -> Result<Checked, StartError> {
    if !database_in(dir).exists() {
        return Err(StoreError::DataDir { path: dir.to_owned(), source: io::ErrorKind::NotFound.into() }.into());
    }
    let settings = Settings::default();
    let store = Store::open(dir, ALL_EVENTS)?;
    let blobs = Blobs::open(&dir.join(BLOBS_DIR), settings.blob_bytes)?;
    let now = clock.now();
    let mut checked = store.reader().check(&blobs, Depth::Content, now.wall)?;
    // Where an index names what is not there the fleet cannot be loaded: that is a fault too, and told.
    match store.load() {
        Ok(rows) => Fleet::load(settings.fleet, rows, now).check().into_iter().for_each(|fault| checked.fault(fault)),
        Err(error) => checked.fault(error.to_string()),
    }
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Epoch;

    #[test]
    fn a_generation_is_above_the_backups_and_above_that_of_any_restore_before() {
        let minute = |minute: u64| Timestamp::from_ms((FIRST_MINUTE + minute) * MINUTE_MS + 5);
        let (first, again) = (next_generation(0, minute(474_000)), next_generation(0, minute(474_001)));
        assert_eq!((first, again), (474_000, 474_001), "the same backup, twice on one day");
        assert_eq!(next_generation(first, minute(474_000)), first + 1);
        let latest = Epoch { generation: next_generation(0, Timestamp::from_ms(u64::MAX)), counter: (1 << 40) - 1 };
        assert!(i64::try_from(u64::from(latest)).is_ok(), "and as part of an epoch it fits a signed integer");
        assert_eq!(next_generation(7, Timestamp::from_ms(1)), 8, "a clock that is wrong does no harm");
    }

    #[test]
    fn files_stay_in_the_data_directory() {
        for name in ["../x", "a/b", "", ".hidden", "..", "c:x"] {
            assert!(plain(name).is_err(), "{name}");
        }
        assert_eq!(plain("ca.pem").unwrap(), "ca.pem");
    }
}
