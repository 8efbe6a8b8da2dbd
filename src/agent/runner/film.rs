//! The recording of an attempt: what the screen showed, a picture whenever it had changed, kept where the attempt fails.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    time::Duration,
};

use super::{call::Standing, plan::Plan, run::Runner, witness::masks_for};
use crate::{
    desktop::Frame,
    ids::Digest,
    time::{Mono, duration_ms},
    wire::{failure::RECORDING_ARTIFACT, step::ArtifactRef},
    workflow::Target,
};

/// Between two looks at the screen.
const EVERY: Duration = Duration::from_secs(1);

/// Pictures of one recording: the last ones.
const MAX_SHOTS: usize = 600;

/// Bytes of all its pictures.
pub(super) const MAX_BYTES: usize = 16 * 1024 * 1024;

const CONTENT_TYPE: &str = "application/x-tar";

#[derive(Debug)]
pub(super) struct Film {
    begun: Mono,
    looked_at: Option<Mono>,
    /// What the last look showed.
    last: Option<Frame>,
    shots: VecDeque<Shot>,
    /// By the number of what it shows, so that nothing is kept twice.
    pictures: BTreeMap<u64, Vec<u8>>,
    bytes: usize,
    /// All that any step of the workflow wants masked: what one hides may show before it begins.
    masks: Vec<(Target, Standing)>,
}

#[derive(Clone, Copy, Debug)]
struct Shot {
    after: Duration,
    picture: u64,
}

impl Film {
    /// None where steps of an app or a called workflow mask something, which only they know.
    pub(super) fn of(plan: &Plan, begun: Mono) -> Option<Self> {
        let masks = masks_for(plan, None)?.into_iter().map(|mask| (mask, Standing::default())).collect();
        let (shots, pictures) = (VecDeque::new(), BTreeMap::new());
        Some(Self { begun, looked_at: None, last: None, shots, pictures, bytes: 0, masks })
    }

    fn is_due(&self, now: Mono) -> bool {
        self.looked_at.is_none_or(|last| now.since(last) >= EVERY)
    }

    fn add(&mut self, frame: &Frame, now: Mono) {
        let picture = frame.hash();
        if self.shots.back().is_some_and(|last| last.picture == picture) {
            return;
        }
        if !self.pictures.contains_key(&picture) {
            let Ok(content) = frame.to_webp() else { return };
            self.bytes += content.len();
            self.pictures.insert(picture, content);
        }
        self.shots.push_back(Shot { after: now.since(self.begun), picture });
        while self.shots.len() > MAX_SHOTS || (self.bytes > MAX_BYTES && self.shots.len() > 1) {
            let Some(first) = self.shots.pop_front() else { return };
            let shown_again = self.shots.iter().any(|shot| shot.picture == first.picture);
            if !shown_again && let Some(content) = self.pictures.remove(&first.picture) {
                self.bytes -= content.len();
            }
        }
    }

    /// An archive of pictures named after their milliseconds; one that was shown before is a link to where it stands.
    fn archive(&self) -> io::Result<Vec<u8>> {
        let mut archive = tar::Builder::new(Vec::new());
        let mut stands: BTreeMap<u64, String> = BTreeMap::new();
        for shot in &self.shots {
            let name = format!("{:09}.webp", duration_ms(shot.after));
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o600);
            if let Some(first) = stands.get(&shot.picture) {
                header.set_entry_type(tar::EntryType::Link);
                header.set_size(0);
                archive.append_link(&mut header, &name, first)?;
            } else if let Some(content) = self.pictures.get(&shot.picture) {
                header.set_size(content.len() as u64);
                archive.append_data(&mut header, &name, content.as_slice())?;
                stands.insert(shot.picture, name);
            }
        }
        archive.into_inner()
    }
}

impl Runner<'_> {
    /// Takes a picture where one is due.
    pub(super) fn film(&mut self) {
        let now = self.world.now().mono;
        if self.film.as_ref().is_some_and(|film| film.is_due(now)) {
            self.shoot(now);
        }
    }

    /// Takes a picture, unless none may be taken.
    pub(super) fn shoot(&mut self, now: Mono) {
        if self.unseen() {
            return;
        }
        // It is not there meanwhile: whatever looks for a mask takes no picture of its own.
        let Some(mut film) = self.film.take() else { return };
        film.looked_at = Some(now);
        if let Ok(frame) = self.world.desktop().capture()
            && !film.last.as_ref().is_some_and(|last| last.same_pixels(&frame))
        {
            film.last = Some(frame.clone());
            let frame = self.masked(frame);
            let frame = self.masked_by(frame, &film.masks);
            film.add(&frame, now);
        }
        self.film = Some(film);
    }

    /// The recording of an attempt that failed. None where there is none.
    pub(super) fn recording(&mut self) -> Option<ArtifactRef> {
        let film = self.film.take().filter(|film| !film.shots.is_empty())?;
        let archive = film.archive().ok()?;
        let (sha256, bytes) = (Digest::of(&archive), archive.len() as u64);
        let name = RECORDING_ARTIFACT.to_owned();
        let artifact = ArtifactRef { name, sha256, bytes, content_type: CONTENT_TYPE.to_owned() };
        self.observer.artifact(&artifact, Some(archive));
        Some(artifact)
    }
}
