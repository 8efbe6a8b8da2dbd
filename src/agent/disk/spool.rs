//! What an attempt has to tell, on disk until it is told: steps, result, pictures, saved files. Survives the agent.
//!
//! Pictures are the queue of their own upload: a file is there until the controller has it, or until the spool is full and it is the
//! oldest. Files that a workflow saved are sent the same way, and never make room.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use super::files::{self, DiskError};
use crate::{
    ids::{AttemptId, Digest, Epoch, Incarnation, JobId},
    time::Clock,
    wire::{
        agent::{AttemptResult, IntentReport},
        step::StepReport,
    },
};

/// Blobs may follow a result for this long; afterwards nobody waits for them.
const KEEP_FOR: Duration = Duration::from_secs(24 * 3_600);

/// Attempts of earlier times that are told of at a start.
const MAX_LEFTOVERS: usize = 100;

/// Folders of what is uploaded: what may be dropped, and what may not.
const PICTURES: &str = "pictures";
const FILES: &str = "files";

/// The intent that is open, if one is.
const INTENT: &str = "intent.json";

/// Which lease a report or blob belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct Label {
    pub(in crate::agent) job: JobId,
    pub(in crate::agent) attempt: AttemptId,
    pub(in crate::agent) epoch: Epoch,
    pub(in crate::agent) incarnation: Incarnation,
}

/// Why a file is not kept.
#[derive(Debug, thiserror::Error)]
pub(in crate::agent) enum NotKept {
    #[error(
        "{bytes} bytes do not fit into the agent's spool of {limit_bytes}, which waits for the controller: raise agent.spool_bytes"
    )]
    Full { bytes: u64, limit_bytes: u64 },
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// A picture or file that the controller does not have yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::agent) struct Pending {
    pub(in crate::agent) label: Label,
    pub(in crate::agent) digest: Digest,
    pub(in crate::agent) path: PathBuf,
}

/// An attempt of an agent that is no more, with what it had not told.
#[derive(Debug)]
pub(in crate::agent) struct Leftover {
    pub(in crate::agent) label: Label,
    /// The number of the last report that was sent.
    pub(in crate::agent) number: u64,
    pub(in crate::agent) steps: Vec<StepReport>,
    pub(in crate::agent) result: Option<AttemptResult>,
    /// It was about to do this, and may have.
    pub(in crate::agent) intent: Option<IntentReport>,
}

/// How far telling had come.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Told {
    number: u64,
    steps: usize,
}

/// All attempts with something to tell.
#[derive(Debug, Clone)]
pub(in crate::agent) struct Spool {
    dir: PathBuf,
    limit_bytes: u64,
}

/// One attempt's part.
#[derive(Debug, Clone)]
pub(in crate::agent) struct AttemptSpool {
    spool: Spool,
    dir: PathBuf,
}

impl Spool {
    pub(in crate::agent) fn open(data_dir: &Path, limit_bytes: u64) -> Result<Self, DiskError> {
        let dir = data_dir.join("spool");
        files::make_dir(&dir)?;
        Ok(Self { dir, limit_bytes })
    }

    pub(in crate::agent) fn begin(&self, label: Label) -> Result<AttemptSpool, DiskError> {
        let dir = self.dir.join(label.attempt.to_string());
        files::make_dir(&dir.join(PICTURES))?;
        files::make_dir(&dir.join(FILES))?;
        let text = serde_json::to_vec(&label).unwrap_or_default();
        files::write_whole(&dir.join("label.json"), &text)?;
        // As long as this is there the folder stays, however fast its pictures are sent.
        files::write_whole(&dir.join("steps.jsonl"), b"")?;
        Ok(AttemptSpool { spool: self.clone(), dir })
    }

    /// Nothing of this attempt need be told any more, but for its pictures and files.
    pub(in crate::agent) fn settle(&self, attempt: AttemptId) {
        let dir = self.dir.join(attempt.to_string());
        for name in ["steps.jsonl", "result.json", "told.json", INTENT] {
            let _ = fs::remove_file(dir.join(name));
        }
        Self::remove_if_empty(&dir);
    }

    /// What is to be sent, oldest first. Folders with nothing left go, what nobody waits for any more too.
    pub(in crate::agent) fn pending(&self) -> Vec<Pending> {
        self.pending_in(&[PICTURES, FILES])
    }

    fn pending_in(&self, kinds: &[&str]) -> Vec<Pending> {
        let mut pending = Vec::new();
        for dir in folders(&self.dir) {
            let Some(label) = label_of(&dir) else { continue };
            for (modified, path) in kinds.iter().flat_map(|kind| by_age(&dir.join(kind))) {
                if is_too_old(modified) {
                    tracing::warn!(attempt = %label.attempt, path = %path.display(), "not sent in a day: nobody waits for it any more");
                    let _ = fs::remove_file(&path);
                    continue;
                }
                let digest = path.file_name().and_then(|name| name.to_str()?.parse().ok());
                if let Some(digest) = digest {
                    pending.push((modified, Pending { label, digest, path }));
                }
            }
        }
        pending.sort_by_key(|(modified, _)| *modified);
        pending.into_iter().map(|(_, pending)| pending).collect()
    }

    /// The controller has it, or will never want it.
    pub(in crate::agent) fn sent(&self, pending: &Pending) {
        let _ = fs::remove_file(&pending.path);
        Self::remove_if_empty(&self.dir.join(pending.label.attempt.to_string()));
    }

    /// Attempts of earlier incarnations, oldest first.
    pub(in crate::agent) fn leftovers(&self, now: Incarnation) -> Vec<Leftover> {
        let mut dirs = folders(&self.dir);
        dirs.sort();
        let mut leftovers = Vec::new();
        for dir in dirs {
            let Some(label) = label_of(&dir) else {
                // Not even a label was written: there is nothing that could be told.
                let _ = fs::remove_dir_all(&dir);
                continue;
            };
            if label.incarnation == now {
                continue;
            }
            let told: Told = read_json(&dir.join("told.json")).unwrap_or_default();
            let steps = read_steps(&dir.join("steps.jsonl")).into_iter().skip(told.steps).collect::<Vec<_>>();
            let result = read_json(&dir.join("result.json"));
            let intent = read_json(&dir.join(INTENT));
            if steps.is_empty() && result.is_none() && intent.is_none() {
                self.settle(label.attempt);
            } else if leftovers.len() < MAX_LEFTOVERS {
                leftovers.push(Leftover { label, number: told.number, steps, result, intent });
            }
        }
        leftovers
    }

    fn remove_if_empty(dir: &Path) {
        let untold = ["steps.jsonl", "result.json"].iter().any(|name| dir.join(name).exists());
        // Fails while something is there, which is what is wanted.
        let is_empty = |kind: &str| fs::remove_dir(dir.join(kind)).is_ok() || !dir.join(kind).exists();
        if !untold && is_empty(PICTURES) && is_empty(FILES) {
            let _ = fs::remove_dir_all(dir);
        }
    }

    /// Makes room for `bytes` more, if it can be made: the oldest pictures go first, and nothing else goes.
    fn make_room(&self, bytes: u64) -> Result<(), NotKept> {
        let mut total = size_of(&self.dir).saturating_add(bytes);
        if total <= self.limit_bytes {
            return Ok(());
        }
        let pictures = self.pending_in(&[PICTURES]);
        let size = |pending: &Pending| fs::metadata(&pending.path).map_or(0, |metadata| metadata.len());
        if total.saturating_sub(pictures.iter().map(size).sum()) > self.limit_bytes {
            return Err(NotKept::Full { bytes, limit_bytes: self.limit_bytes });
        }
        let mut dropped = 0_u32;
        for pending in pictures {
            if total <= self.limit_bytes {
                break;
            }
            let size_bytes = size(&pending);
            self.sent(&pending);
            total = total.saturating_sub(size_bytes);
            dropped += 1;
        }
        tracing::warn!(
            dropped,
            limit_bytes = self.limit_bytes,
            "the spool is full: the oldest pictures that were not sent yet are dropped; raise agent.spool_bytes"
        );
        Ok(())
    }
}

impl AttemptSpool {
    pub(in crate::agent) fn step(&self, step: &StepReport) -> Result<(), DiskError> {
        let path = self.dir.join("steps.jsonl");
        let mut line = serde_json::to_vec(step).unwrap_or_default();
        line.push(b'\n');
        let written = files::private_file(&path, OpenOptions::new().append(true).create(true))
            .and_then(|mut file| file.write_all(&line));
        written.map_err(|error| DiskError::new(&path, "written", error))
    }

    /// What the attempt is about to do and must not do twice: durable when this returns.
    pub(in crate::agent) fn intent(&self, intent: &IntentReport) -> Result<(), DiskError> {
        let text = serde_json::to_vec(intent).unwrap_or_default();
        files::write_durably(&self.dir.join(INTENT), &text)
    }

    /// It did not act, or it is known what came of it.
    pub(in crate::agent) fn no_intent(&self) {
        let _ = fs::remove_file(self.dir.join(INTENT));
    }

    /// How far telling has come: the number of the last report sent, and the steps the controller has.
    pub(in crate::agent) fn told(&self, number: u64, steps: usize) -> Result<(), DiskError> {
        let text = serde_json::to_vec(&Told { number, steps }).unwrap_or_default();
        files::write_whole(&self.dir.join("told.json"), &text)
    }

    pub(in crate::agent) fn picture(&self, digest: &Digest, bytes: &[u8]) -> Result<(), NotKept> {
        self.spool.make_room(bytes.len() as u64)?;
        Ok(files::write_whole(&self.dir.join(PICTURES).join(digest.to_string()), bytes)?)
    }

    /// A file that a workflow saved: durable when this returns, and not dropped for anything that comes after it.
    pub(in crate::agent) fn file(&self, digest: &Digest, bytes: &[u8]) -> Result<(), NotKept> {
        self.spool.make_room(bytes.len() as u64)?;
        Ok(files::write_durably(&self.dir.join(FILES).join(digest.to_string()), bytes)?)
    }

    /// The attempt is over: everything of it is durable when this returns.
    pub(in crate::agent) fn end(&self, result: &AttemptResult) -> Result<(), DiskError> {
        for (_, path) in by_age(&self.dir.join(PICTURES)) {
            sync(&path);
        }
        sync(&self.dir.join("steps.jsonl"));
        files::sync_folder_of(&self.dir.join("pictures/any"));
        let text = serde_json::to_vec(result).unwrap_or_default();
        files::write_durably(&self.dir.join("result.json"), &text)
    }
}

fn sync(path: &Path) {
    if let Ok(file) = fs::File::open(path) {
        let _ = file.sync_all();
    }
}

fn label_of(dir: &Path) -> Option<Label> {
    read_json(&dir.join("label.json"))
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&files::read(path).ok()?).ok()
}

/// A last line that was cut off by a crash is left out.
fn read_steps(path: &Path) -> Vec<StepReport> {
    let bytes = files::read(path).unwrap_or_default();
    bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

fn folders(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

fn by_age(dir: &Path) -> Vec<(SystemTime, PathBuf)> {
    let entries = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    let whole = entries.filter(|entry| !entry.file_name().to_string_lossy().ends_with(".part"));
    let mut files: Vec<_> =
        whole.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()))).collect();
    files.sort();
    files
}

fn size_of(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    entries
        .filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            Some(if metadata.is_dir() { size_of(&entry.path()) } else { metadata.len() })
        })
        .sum()
}

fn is_too_old(modified: SystemTime) -> bool {
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(Clock::System.now().wall.as_ms());
    now.duration_since(modified).is_ok_and(|age| age > KEEP_FOR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        time::Timestamp,
        wire::{job::StepRef, step::StepState},
    };

    fn label(attempt: u128) -> Label {
        Label {
            job: JobId::from_raw(1),
            attempt: AttemptId::from_raw(attempt),
            epoch: Epoch { generation: 1, counter: 9 },
            incarnation: Incarnation::from_raw(4),
        }
    }

    fn step(number: u64) -> StepReport {
        StepReport {
            number,
            path: format!("steps/{number}"),
            id: None,
            name: None,
            action: "click".to_owned(),
            state: StepState::Started,
            started_at: Timestamp::from_ms(1),
            finished_at: None,
            finds: Vec::new(),
            error: None,
            artifacts: Vec::new(),
            quiet_ms: None,
        }
    }

    #[test]
    fn what_was_not_told_survives_the_agent() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path(), 1 << 20).unwrap();
        let attempt = spool.begin(label(1)).unwrap();
        (1..=3).for_each(|number| attempt.step(&step(number)).unwrap());
        attempt.told(4, 1).unwrap();
        attempt.picture(&Digest::of(b"picture"), b"picture").unwrap();
        attempt.end(&AttemptResult::Cancelled).unwrap();
        drop(attempt);

        let spool = Spool::open(dir.path(), 1 << 20).unwrap();
        assert!(spool.leftovers(Incarnation::from_raw(4)).is_empty(), "one's own attempt is no leftover");
        let leftovers = spool.leftovers(Incarnation::from_raw(5));
        assert_eq!(leftovers.len(), 1);
        assert_eq!((leftovers[0].number, leftovers[0].steps.len()), (4, 2));
        assert_eq!(leftovers[0].result, Some(AttemptResult::Cancelled));

        spool.settle(AttemptId::from_raw(1));
        let pending = spool.pending();
        assert_eq!(pending.len(), 1, "its picture is still to be sent");
        spool.sent(&pending[0]);
        assert!(folders(&spool.dir).is_empty());
    }

    #[test]
    fn an_intent_is_there_after_a_crash_until_it_is_settled() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path(), 1 << 20).unwrap();
        let attempt = spool.begin(label(1)).unwrap();
        let step = StepRef { path: "steps/2".to_owned(), id: None, action: "click".to_owned() };
        let intent = IntentReport { step, key: None, vars: serde_json::json!({"n": 1}), can_settle: true };
        attempt.intent(&intent).unwrap();
        assert_eq!(spool.leftovers(Incarnation::from_raw(5))[0].intent, Some(intent));
        attempt.no_intent();
        assert!(spool.leftovers(Incarnation::from_raw(5)).is_empty());
    }

    #[test]
    fn a_full_spool_drops_the_oldest_pictures_and_keeps_the_words() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path(), 10_000).unwrap();
        let attempt = spool.begin(label(1)).unwrap();
        attempt.step(&step(1)).unwrap();
        let pictures: Vec<Vec<u8>> = (0..5_u8).map(|n| vec![n; 3_000]).collect();
        for (age, picture) in (1..).zip(pictures.iter().rev()) {
            attempt.picture(&Digest::of(picture), picture).unwrap();
            let file = fs::File::open(attempt.dir.join("pictures").join(Digest::of(picture).to_string())).unwrap();
            file.set_modified(
                (SystemTime::UNIX_EPOCH + Duration::from_millis(Clock::System.now().wall.as_ms()))
                    - Duration::from_secs(1_000 - age),
            )
            .unwrap();
        }
        let kept: Vec<Digest> = spool.pending().into_iter().map(|pending| pending.digest).collect();
        let newest: Vec<Digest> = pictures.iter().rev().skip(2).map(|picture| Digest::of(picture)).collect();
        assert_eq!(kept, newest);
        assert_eq!(read_steps(&attempt.dir.join("steps.jsonl")).len(), 1);
    }

    #[test]
    fn at_its_limit_a_spool_keeps_everything_and_a_byte_beyond_costs_the_oldest_picture() {
        for (beyond, kept) in [(0, 2), (1, 1)] {
            let dir = tempfile::tempdir().unwrap();
            let attempt = Spool::open(dir.path(), u64::MAX).unwrap().begin(label(1)).unwrap();
            attempt.step(&step(1)).unwrap();
            attempt.picture(&Digest::of(b"first"), &[1; 3_000]).unwrap();
            let limit_bytes = size_of(&attempt.spool.dir) + 3_000 - beyond;
            let spool = Spool::open(dir.path(), limit_bytes).unwrap();
            let attempt = AttemptSpool { spool: spool.clone(), dir: attempt.dir };
            attempt.picture(&Digest::of(b"second"), &[2; 3_000]).unwrap();
            assert_eq!(spool.pending().len(), kept);
            assert!(spool.pending().iter().any(|pending| pending.digest == Digest::of(b"second")));
            assert_eq!(read_steps(&attempt.dir.join("steps.jsonl")).len(), 1, "words always stay");
        }
    }

    #[test]
    fn a_saved_file_costs_pictures_and_is_never_the_price_of_one() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path(), 10_000).unwrap();
        let attempt = spool.begin(label(1)).unwrap();
        attempt.picture(&Digest::of(b"picture"), &[1; 4_000]).unwrap();
        attempt.file(&Digest::of(b"file"), &[2; 7_000]).unwrap();
        let kept = |spool: &Spool| spool.pending().iter().map(|pending| pending.digest).collect::<Vec<_>>();
        assert_eq!(kept(&spool), [Digest::of(b"file")]);
        // Neither another file nor a picture takes its place.
        let full = attempt.file(&Digest::of(b"second"), &[3; 7_000]).unwrap_err().to_string();
        assert!(full.contains("7000 bytes") && full.contains("agent.spool_bytes"), "{full}");
        assert!(matches!(attempt.picture(&Digest::of(b"large"), &[4; 4_000]), Err(NotKept::Full { .. })));
        assert_eq!(kept(&spool), [Digest::of(b"file")]);

        attempt.end(&AttemptResult::Cancelled).unwrap();
        spool.settle(AttemptId::from_raw(1));
        let pending = Spool::open(dir.path(), 10_000).unwrap().pending();
        assert_eq!(
            fs::read(&pending[0].path).unwrap(),
            [2; 7_000],
            "it waits for the controller, whatever becomes of the agent"
        );
        spool.sent(&pending[0]);
        assert!(folders(&spool.dir).is_empty());
    }

    #[test]
    fn a_line_cut_off_by_a_crash_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::open(dir.path(), 1 << 20).unwrap();
        let attempt = spool.begin(label(1)).unwrap();
        attempt.step(&step(1)).unwrap();
        let path = attempt.dir.join("steps.jsonl");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [&whole[..], &whole[..whole.len() / 2]].concat()).unwrap();
        assert_eq!(spool.leftovers(Incarnation::from_raw(5))[0].steps, [step(1)]);
    }
}
