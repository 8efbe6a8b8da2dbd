//! Text as applications tell it or as it is read off the screen: where it stands, and what stands beside something.

use std::time::Duration;

use serde_json::Value;

use super::{
    action::ProgramError,
    beside, describe,
    fault::{Break, Fault, fault},
    find::{Absence, Area, Hit, Sought, choose},
    look::Look,
    run::Runner,
    seek::after,
};
use crate::{
    desktop::{
        Point, Rect,
        ocr::{self, Layout, Line, Place},
        process::{Exit, ProcessError, RunLimits},
    },
    time::duration_ms,
    wire::{job::Category, step::Find as FindReport},
    workflow::{Beside, Extract, Find, How, Language, Pattern, Side, Target, TextTarget, WantedText},
};

/// A whole screen takes some seconds.
const READ_LIMIT: Duration = Duration::from_secs(60);

/// One row a word.
const READ_BYTES: usize = 8 << 20;

/// What is looked for, with the template's value.
pub(super) enum Wanted<'a> {
    Words(String, bool),
    Pattern(&'a Pattern),
}

impl Wanted<'_> {
    pub(super) fn places(&self, line: &Line) -> Vec<Place> {
        match self {
            Self::Words(words, case) => ocr::occurrences(line, words, *case),
            Self::Pattern(pattern) => {
                let text = line.text();
                pattern.places(&text).filter_map(|bytes| line.span(bytes)).collect()
            }
        }
    }
}

impl Runner<'_> {
    /// What applications tell comes first. Else it is read, as single words and then as paragraphs: each way misses what the other
    /// one reads.
    pub(super) fn find_text(
        &mut self,
        sought: &TextTarget,
        target: &Target,
        area: &Area,
        look: &mut Look,
    ) -> Result<Sought, Break> {
        let wanted = match &sought.wanted {
            WantedText::Words(words) => Wanted::Words(words.text(&self.scope)?, sought.case),
            WantedText::Pattern(pattern) => Wanted::Pattern(pattern),
        };
        let told = self.find_told(&wanted, area, look)?;
        if !told.is_empty() {
            return Ok(choose(told, target.index));
        }
        let mut words = 0;
        for layout in [Layout::Sparse, Layout::Page] {
            let lines = self.read(area.rect, &sought.language, layout, look)?;
            words = words.max(lines.iter().map(|line| line.words.len()).sum());
            let places = lines.iter().flat_map(|line| wanted.places(line));
            let hits: Vec<Hit> = places.map(|place| self.text_hit(&place, area)).collect();
            if !hits.is_empty() {
                return Ok(choose(hits, target.index));
            }
        }
        let reason = Some(format!("{words} words were read there"));
        Ok(Sought::Absent(Absence { best: None, reason }))
    }

    fn text_hit(&self, place: &Place, area: &Area) -> Hit {
        Hit {
            what: format!("text \"{}\"", self.quote(&place.text)),
            how: "ocr".to_owned(),
            score: Some(place.confidence),
            rect: place.rect,
            point: place.rect.center(),
            window: area.window.clone(),
            element: None,
        }
    }

    /// The lines of a part of the screen. What was read before and has not changed is not read again.
    pub(super) fn read(
        &mut self,
        rect: Rect,
        language: &Language,
        layout: Layout,
        look: &mut Look,
    ) -> Result<Vec<Line>, Break> {
        let frame = look.frame(self)?;
        let Some((rect, part)) = frame.rect().intersect(&rect).and_then(|rect| Some((rect, frame.crop(rect)?))) else {
            return Ok(Vec::new());
        };
        let language = language.as_str();
        if let Some(lines) = self.world.readings().known(&part, rect, language, layout) {
            return Ok(lines);
        }
        let origin = Point::new(rect.x, rect.y);
        if let Some(lines) = self.world.desktop().read_text(&part, origin, language)? {
            self.world.readings().keep(&part, rect, (language, layout), &lines);
            return Ok(lines);
        }
        let program = ocr::program(language, layout);
        let limits = RunLimits { timeout: READ_LIMIT, stdout_bytes: READ_BYTES, ..RunLimits::default() };
        let finished = self.run_to_end(&program, &ocr::picture(&part), limits).map_err(without_reader)?;
        if finished.exit != Exit::Code(0) {
            let said = self.quote(finished.stderr.text().trim());
            let missing = said.contains("data file") || said.contains("load any languages");
            let advice = if missing { format!(": install `{language}` for tesseract") } else { String::new() };
            return fault(Category::Agent, format!("tesseract could not read the screen{advice}: {said}"));
        }
        let lines = ocr::lines(&finished.stdout.text(), layout, origin);
        self.world.readings().keep(&part, rect, (language, layout), &lines);
        Ok(lines)
    }

    /// `extract` of what stands beside something, or off the screen: waited for until there is text, and the pattern matches where there is one.
    pub(super) fn extract_read(&mut self, extract: &Extract, from: &Target, timeout: Duration) -> Result<Value, Break> {
        let begun = self.world.now().mono;
        let beside = from.beside.as_ref().filter(|_| matches!(from.find, Find::AnyText));
        let anchor = self.seek(beside.map_or(from, |beside| &beside.anchor), timeout)?.rect;
        let mut last = None;
        let left = timeout.saturating_sub(self.world.now().mono.since(begun));
        let found = self.until(left, |runner| {
            let mut look = Look::default();
            let told = match beside.filter(|_| extract.how != How::Ocr) {
                Some(beside) => runner.told_beside(beside::area(beside, anchor, &Find::AnyText), anchor, &mut look)?,
                None => None,
            };
            let (place, how) = match (told, beside) {
                (Some(told), _) => (Some(told), "ui"),
                (None, _) if extract.how == How::Ui => (None, "ui"),
                (None, Some(beside)) => (runner.read_beside(beside, anchor, &extract.language, &mut look)?, "ocr"),
                (None, None) => (whole(&runner.read(anchor, &extract.language, Layout::Block, &mut look)?), "ocr"),
            };
            let Some(place) = place else { return Ok(None) };
            let fits = extract.pattern.as_ref().is_none_or(|pattern| pattern.is_match(&place.text));
            last = Some((place, how));
            Ok(fits.then_some(()))
        })?;
        let elapsed = self.world.now().mono.since(begun);
        let how = last.as_ref().map_or("ocr", |(_, how)| how).to_owned();
        let last = last.map(|(place, _)| place);
        let rect = last.as_ref().map(|place| place.rect);
        self.report_find(FindReport {
            target: describe::target(from),
            found: found.is_some(),
            how: Some(how),
            score: last.as_ref().map(|place| place.confidence),
            x: rect.map(|rect| rect.x),
            y: rect.map(|rect| rect.y),
            width: rect.map(|rect| rect.width),
            height: rect.map(|rect| rect.height),
            elapsed_ms: duration_ms(elapsed),
        });
        if let Some(place) = last {
            return self.pick(&place.text, extract.pattern.as_ref());
        }
        let message = format!("nothing could be read: {}{}", describe::target(from), after(timeout));
        Err(Fault::new(Category::Assertion, message).seen(None, vec![anchor]).into())
    }

    fn read_beside(
        &mut self,
        beside: &Beside,
        anchor: Rect,
        language: &Language,
        look: &mut Look,
    ) -> Result<Option<Place>, Break> {
        let area = beside::area(beside, anchor, &Find::AnyText);
        let layout = match beside.side {
            Side::RightOf | Side::LeftOf => Layout::Line,
            Side::Above | Side::Below => Layout::Block,
        };
        let lines = self.read(area, language, layout, look)?;
        let places = lines.iter().filter_map(|line| ocr::nearest_run(line, anchor));
        Ok(places.min_by_key(|place| place.rect.distance(&anchor)))
    }
}

/// All lines as one.
fn whole(lines: &[Line]) -> Option<Place> {
    let places = lines.iter().filter_map(Line::whole);
    places.reduce(|all, next| Place {
        text: format!("{}\n{}", all.text, next.text),
        rect: all.rect.union(&next.rect),
        confidence: all.confidence.min(next.confidence),
    })
}

fn without_reader(error: ProgramError) -> Break {
    match error {
        ProgramError::Process(ProcessError::NotFound { .. }) => {
            let message = "text on the screen is read by tesseract, which is not installed on this machine: \
                install it (Debian: apt-get install tesseract-ocr; on Windows, or add the language with its optical character recognition in the settings)";
            Fault::new(Category::Agent, message).into()
        }
        error => error.into(),
    }
}
