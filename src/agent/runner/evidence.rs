//! Pictures of the screen: masked before anything else, marked, encoded without loss, and each content given away once.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
};

use super::{
    call::Standing,
    fault::{Break, Fault, fault},
    find::{Meant, Sought},
    look::Look,
    run::Runner,
    step::Current,
};
use crate::{
    desktop::{Color, Frame, Rect},
    ids::Digest,
    wire::{
        failure::{LOG_ARTIFACT, RECORDING_ARTIFACT},
        job::Category,
        step::ArtifactRef,
    },
    workflow::{ScreenshotWhen, Target},
};

/// Pictures and saved files of one attempt. What comes after is told in the log of the step, not kept.
pub(super) const MAX_PICTURES: usize = 1_000;

/// How marks are drawn.
const MARK_COLOR: Color = Color::new(255, 0, 200);
const MARK_THICKNESS: u32 = 3;

const CONTENT_TYPE: &str = "image/webp";

/// What was taken so far.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    names: BTreeSet<String>,
    /// By the hash of the finished frame, so that an unchanged screen is encoded once.
    encoded: BTreeMap<u64, (Digest, u64)>,
    given: BTreeSet<Digest>,
}

impl Evidence {
    /// `failure.webp`, then `failure-2.webp`. The ending has its dot, or is empty.
    fn unique_name(&mut self, stem: &str, ending: &str) -> String {
        let stem: String = stem
            .chars()
            .take(80)
            .map(|c| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ') { c } else { '-' })
            .collect();
        let stem = match stem.trim_matches(['.', ' ']) {
            "" => "unnamed",
            stem => stem,
        };
        let mut name = format!("{stem}{ending}");
        let mut number = 1;
        // The attempt's own log and recording come under their names later.
        while [LOG_ARTIFACT, RECORDING_ARTIFACT].contains(&name.as_str()) || !self.names.insert(name.clone()) {
            number += 1;
            name = format!("{stem}-{number}{ending}");
        }
        name
    }
}

impl Runner<'_> {
    /// The name under which a file is kept, by the rules of pictures' names but for its ending.
    pub(super) fn file_name(&mut self, wanted: &str) -> Result<String, Break> {
        self.has_room()?;
        let wanted = self.redactor.clean(wanted);
        let (stem, ending) = match wanted.rsplit_once('.') {
            Some((stem, ending)) if is_ending(ending) && !stem.is_empty() => (stem, format!(".{ending}")),
            _ => (wanted.as_str(), String::new()),
        };
        Ok(self.evidence.unique_name(stem, &ending))
    }

    fn has_room(&self) -> Result<(), Break> {
        if self.evidence.names.len() >= MAX_PICTURES {
            let message = format!("an attempt keeps at most {MAX_PICTURES} pictures and files; take fewer");
            return fault(Category::InvalidWorkflow, message);
        }
        Ok(())
    }

    /// Takes a picture, or finishes the one that was taken, and gives it away.
    pub(super) fn picture(
        &mut self,
        stem: &str,
        frame: Option<Frame>,
        region: Option<Rect>,
        marks: &[Rect],
    ) -> Result<ArtifactRef, Break> {
        self.has_room()?;
        let frame = match frame {
            Some(frame) => frame,
            None => self.world.desktop().capture()?,
        };
        let mut frame = self.masked(frame);
        for mark in marks {
            frame.mark(*mark, MARK_COLOR, MARK_THICKNESS);
        }
        if let Some(region) = region {
            let Some(part) = frame.crop(region) else {
                return fault(Category::TargetNotFound, format!("the region {region} is outside the desktop"));
            };
            frame = part;
        }
        self.give(stem, &frame)
    }

    pub(super) fn give(&mut self, stem: &str, frame: &Frame) -> Result<ArtifactRef, Break> {
        let hash = frame.hash();
        let known = self.evidence.encoded.get(&hash).copied();
        let (sha256, bytes, content) = if let Some((digest, bytes)) = known {
            (digest, bytes, None)
        } else {
            let content = frame.to_webp()?;
            let (digest, bytes) = (Digest::of(&content), content.len() as u64);
            self.evidence.encoded.insert(hash, (digest, bytes));
            (digest, bytes, Some(content))
        };
        let content = content.filter(|_| self.evidence.given.insert(sha256));
        let name = self.redactor.clean(stem);
        let name = self.evidence.unique_name(&name, ".webp");
        let artifact = ArtifactRef { name, sha256, bytes, content_type: CONTENT_TYPE.to_owned() };
        self.observer.artifact(&artifact, content);
        Ok(artifact)
    }

    /// Whether a step under way, or one it lies in, says that no picture is taken.
    pub(super) fn unseen(&self) -> bool {
        self.current.iter().any(|current| current.screenshot == ScreenshotWhen::Never)
    }

    /// The picture of a failure, which is the last of the recording too. None where none can be had or may be taken.
    pub(super) fn failure_picture(&mut self, fault: &mut Fault) -> Option<ArtifactRef> {
        if fault.hangs.is_some() || self.unseen() {
            return None;
        }
        self.shoot(self.world.now().mono);
        let marks = std::mem::take(&mut fault.marks);
        self.picture("failure", fault.frame.take(), None, &marks).ok()
    }

    /// What the desktop shows now, for somebody who looks: WebP, masked.
    pub fn live_picture(&mut self) -> Result<Vec<u8>, String> {
        let frame = self.world.desktop().capture().map_err(|error| error.to_string())?;
        self.masked(frame).to_webp().map_err(|error| error.to_string())
    }

    /// Blacks out what must not leave the machine: the masks of the steps under way, and windows a secret was typed into.
    pub(super) fn masked(&mut self, frame: Frame) -> Frame {
        let of_step = |current: &Current| current.mask.clone().into_iter().zip(iter::repeat(current.standing.clone()));
        let masks: Vec<(Target, Standing)> = self.current.iter().flat_map(of_step).collect();
        self.masked_by(frame, &masks)
    }

    /// Each with where its step stands: there its names and images are known.
    pub(super) fn masked_by(&mut self, mut frame: Frame, masks: &[(Target, Standing)]) -> Frame {
        let mut black = Vec::new();
        let mut look = Look::of(frame.clone());
        for (mask, standing) in masks {
            match self.standing_at(standing, |runner| runner.mask_rects(mask, &mut look)) {
                Ok(rects) => black.extend(rects),
                // What can't be located must be taken to be anywhere.
                Err(_) => black.push(frame.rect()),
            }
        }
        match self.secret_rects(&mut look) {
            Ok(rects) => black.extend(rects),
            Err(_) => black.push(frame.rect()),
        }
        frame.black_out(&black);
        frame
    }

    fn mask_rects(&mut self, mask: &Target, look: &mut Look) -> Result<Vec<Rect>, Break> {
        Ok(match self.find(mask, Meant::All, look)? {
            Sought::Found(hit) => vec![hit.rect],
            Sought::Several(hits) => hits.into_iter().map(|hit| hit.rect).collect(),
            Sought::Absent(_) => Vec::new(),
        })
    }

    fn secret_rects(&mut self, look: &mut Look) -> Result<Vec<Rect>, Break> {
        if self.world.secrets().is_empty() {
            return Ok(Vec::new());
        }
        let windows = look.windows(self)?.to_vec();
        Ok(self.world.secrets().places(&windows))
    }
}

/// What stands behind the last dot of a name, where it tells of what kind the file is.
fn is_ending(text: &str) -> bool {
    (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
