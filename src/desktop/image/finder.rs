//! The cascade, and what it remembers from one search to the next.

use rustfft::FftPlanner;

use super::{
    Hit, How, MAX_HITS, Search, SearchOptions, Template, anchors, exact, fft, flat,
    peaks::{Candidate, Peak, are_neighbours, best_of_each},
    plane::{Channel, Plane},
    pyramid,
    spectrum::{Spectrum, tile_of},
    view::View,
};
use crate::desktop::{Frame, Point, Rect, Stopwatch};

/// Parts of the screen whose derived pictures are kept.
const MAX_VIEWS: usize = 3;

/// Templates that are remembered.
const MAX_TEMPLATES: usize = 64;

/// Multiplications of a rough stage above which the last stage is as fast.
const MAX_ROUGH_COST: u64 = 160_000_000;

/// The largest size, in halvings, at which all places are looked for where the template can be made as small.
const LARGEST_FOR_ALL: usize = 2;

/// Pixels by which a picture may be shifted and still be the same place.
const SHIFT: usize = 4;

/// A place of equal bytes may differ from the last time by nothing, another by this much in score.
const LAST_PLACE_SLACK: f64 = 0.02;

/// Looks for templates on frames. One per desktop: it remembers where things were.
pub struct Finder {
    views: Vec<View>,
    stamps: u64,
    memories: Vec<Memory>,
    planner: FftPlanner<f32>,
}

/// What is known of one template.
struct Memory {
    id: u64,
    answer: Option<(u64, SearchOptions, Search)>,
    last: Option<Hit>,
    spectrum: Option<Spectrum>,
    scaled: Vec<(f64, Option<Template>)>,
}

impl Finder {
    pub fn new() -> Self {
        Self { views: Vec::new(), stamps: 0, memories: Vec::new(), planner: FftPlanner::new() }
    }

    /// Looks for a template. Takes from well below a millisecond to some ten on a full screen.
    pub fn find(&mut self, frame: &Frame, template: &Template, options: &SearchOptions) -> Search {
        let watch = Stopwatch::start();
        let rect = options.region.map_or(Some(frame.rect()), |region| frame.rect().intersect(&region));
        let mut search = match rect {
            Some(rect) => {
                let view = self.view(frame, rect);
                let mut memory = self.memory(template);
                let mut cascade = Cascade { view: &view, options, planner: &mut self.planner };
                let search = cascade.answer(template, &mut memory);
                memory.last = search.hits.first().copied().or(memory.last);
                memory.answer = Some((view.stamp, options.clone(), search.clone()));
                self.views.push(view);
                self.memories.push(memory);
                search
            }
            None => Search::nothing(),
        };
        search.elapsed = watch.elapsed();
        search
    }

    /// The view of that part, with what is derived from it where the pixels are the same. Taken out while in use.
    fn view(&mut self, frame: &Frame, rect: Rect) -> View {
        let part = if rect == frame.rect() { Some(frame.clone()) } else { frame.crop(rect) };
        let part = part.unwrap_or_else(|| frame.clone());
        let known = self.views.iter().position(|view| view.rect == rect).map(|at| self.views.remove(at));
        if let Some(view) = known
            && view.frame.same_pixels(&part)
        {
            return view;
        }
        if self.views.len() >= MAX_VIEWS {
            self.views.remove(0);
        }
        self.stamps += 1;
        View::new(rect, part, self.stamps)
    }

    /// What is known of the template. Taken out while in use; the most recent is put back last.
    fn memory(&mut self, template: &Template) -> Memory {
        if let Some(at) = self.memories.iter().position(|memory| memory.id == template.id()) {
            return self.memories.remove(at);
        }
        if self.memories.len() >= MAX_TEMPLATES {
            self.memories.remove(0);
        }
        Memory { id: template.id(), answer: None, last: None, spectrum: None, scaled: Vec::new() }
    }
}

impl Default for Finder {
    fn default() -> Self {
        Self::new()
    }
}

/// One search.
struct Cascade<'a> {
    view: &'a View,
    options: &'a SearchOptions,
    planner: &'a mut FftPlanner<f32>,
}

/// Places of one stage in the view.
struct Found {
    how: How,
    peaks: Vec<Peak>,
}

/// What a smaller size of the picture shows, best first.
struct Rough {
    /// At that size, with the scores there.
    small: Vec<Peak>,
    /// The same at full size, as far as they were followed.
    refined: Vec<Peak>,
    /// Of neighbours the best.
    peaks: Vec<Peak>,
}

impl Cascade<'_> {
    fn answer(&mut self, template: &Template, memory: &mut Memory) -> Search {
        if let Some((stamp, options, search)) = &memory.answer
            && *stamp == self.view.stamp
            && options == self.options
        {
            let unchanged = |hit: &Hit| Hit { how: How::Unchanged, ..*hit };
            let hits = search.hits.iter().map(unchanged).collect();
            return Search { hits, best: search.best.as_ref().map(unchanged), ..search.clone() };
        }
        let mut search = self.at_one_scale(template, memory.last, &mut memory.spectrum);
        if search.hits.is_empty() {
            for scale in self.options.scales.iter().filter(|scale| (**scale - 1.0).abs() > 0.001).copied() {
                if !memory.scaled.iter().any(|(known, _)| known.to_bits() == scale.to_bits()) {
                    memory.scaled.push((scale, template.scaled(scale).ok()));
                }
                let scaled = memory.scaled.iter().find(|(known, _)| known.to_bits() == scale.to_bits());
                let Some((_, Some(scaled))) = scaled else { continue };
                let other = self.at_one_scale(scaled, None, &mut None);
                let score = |search: &Search| search.best.map_or(-1.0, |best| best.score);
                if score(&other) > score(&search) {
                    search = other;
                }
            }
        }
        search
    }

    fn at_one_scale(&mut self, template: &Template, last: Option<Hit>, spectrum: &mut Option<Spectrum>) -> Search {
        if !self.view.holds(template) {
            return Search::nothing();
        }
        let found = match template.channel() {
            None => Found { how: How::Flat, peaks: flat::search(&self.view.frame, template, self.options.score) },
            Some(channel) => self
                .at_last_place(template, channel, last)
                .or_else(|| self.exact(template, channel))
                .or_else(|| self.rough(template, channel))
                .or_else(|| self.anchored(template, channel))
                .unwrap_or_else(|| self.everywhere(template, channel, spectrum)),
        };
        self.search_of(template, &found)
    }

    /// Good enough only for a probe: it does not look anywhere else.
    fn at_last_place(&self, template: &Template, channel: Channel, last: Option<Hit>) -> Option<Found> {
        if self.options.wants_all() {
            return None;
        }
        let told = self.options.last_place.map(|place| (place, self.options.score));
        let slack = |hit: Hit| (hit.score - LAST_PLACE_SLACK).max(self.options.score);
        let known = last.map(|hit| (Point::new(hit.rect.x, hit.rect.y), slack(hit)));
        told.into_iter().chain(known).find_map(|(place, least)| {
            let (x, y) = self.in_view(place, template)?;
            // Only this part is needed, not all of the screen in gray.
            let inside = place.offset(-self.view.rect.x, -self.view.rect.y);
            let part = Rect::new(inside.x, inside.y, template.width(), template.height());
            let there = Plane::of_frame(&self.view.frame.crop(part)?, channel);
            let score = template.pattern().score_at(&there, 0, 0);
            (score >= least).then(|| Found { how: How::LastPlace, peaks: vec![Peak { x, y, score }] })
        })
    }

    /// The corner of a place of the frame in the view, where the template fits there.
    fn in_view(&self, place: Point, template: &Template) -> Option<(usize, usize)> {
        let x = u32::try_from(place.x.checked_sub(self.view.rect.x)?).ok()?;
        let y = u32::try_from(place.y.checked_sub(self.view.rect.y)?).ok()?;
        let fits = x.checked_add(template.width())? <= self.view.frame.width()
            && y.checked_add(template.height())? <= self.view.frame.height();
        fits.then_some((x as usize, y as usize))
    }

    /// Equal bytes. A number among several places needs them all, equal or not.
    fn exact(&self, template: &Template, channel: Channel) -> Option<Found> {
        if self.options.index.is_some() {
            return None;
        }
        let needle: &exact::Needle = template.needle(self.view.frame.order());
        let size = size_of(template);
        let limit = if self.options.wants_all() { 64 * MAX_HITS } else { 1 };
        let places = needle.places(&self.view.frame, size, limit)?;
        let equal = places.iter().map(|(x, y)| Candidate { x: *x, y: *y, at_most: 1.0 });
        let mut peaks = best_of_each(equal, size, self.options.score, |_, _| 1.0);
        if peaks.is_empty() {
            return None;
        }
        if self.options.wants_all() {
            self.add_rivals(template, channel, &mut peaks);
        }
        Some(Found { how: How::Exact, peaks })
    }

    /// Places that are not equal but nearly so, as far as a smaller picture shows them.
    fn add_rivals(&self, template: &Template, channel: Channel, peaks: &mut Vec<Peak>) {
        let least = (1.0 - self.options.margin).max(self.options.score);
        let rough =
            self.largest_affordable(template, channel).and_then(|depth| self.rough_at(template, channel, depth));
        for rival in rough.map(|rough| rough.peaks).unwrap_or_default() {
            let neighbour = |peak: &Peak| are_neighbours((peak.x, peak.y), (rival.x, rival.y), size_of(template));
            if rival.score > least && !peaks.iter().any(neighbour) && peaks.len() < MAX_HITS {
                peaks.push(rival);
            }
        }
    }

    fn anchored(&self, template: &Template, channel: Channel) -> Option<Found> {
        if self.options.wants_all() {
            return None;
        }
        let (plane, pattern) = (self.view.plane(channel), template.pattern());
        let places = anchors::places(plane, pattern, self.view.counts(channel))?;
        let peaks = best_of_each(places, size_of(template), self.options.score, |x, y| pattern.score_at(plane, x, y));
        self.accept(How::Anchors, peaks)
    }

    /// At the smallest size that leaves something to compare, then at the next: what neither finds is up to the last stage. Where all places are
    /// wanted, at a size that shows them, and only if none was left out.
    fn rough(&self, template: &Template, channel: Channel) -> Option<Found> {
        let smallest = pyramid::depth_of(template);
        if !self.options.wants_all() {
            return (1..=smallest).rev().take(2).find_map(|depth| {
                let rough = self.rough_at(template, channel, depth)?;
                self.accept(How::at_depth(depth), rough.peaks)
            });
        }
        let largest = self.largest_affordable(template, channel).filter(|_| self.options.index.is_none())?;
        let rough = self.rough_at(template, channel, largest)?;
        let is_whole = pyramid::is_complete(&rough.small, || template.worst_at(largest)) && !self.slides(&rough);
        is_whole.then(|| self.accept(How::at_depth(largest), rough.peaks)).flatten()
    }

    /// The largest of the smaller sizes that is searched faster than all of the picture: it shows best what looks alike.
    fn largest_affordable(&self, template: &Template, channel: Channel) -> Option<usize> {
        let smallest = pyramid::depth_of(template);
        let is_affordable = |depth: &usize| {
            let cost = |pattern| self.view.level(channel, *depth).cost(pattern);
            template.smaller(*depth).map(cost).is_some_and(|cost| cost <= MAX_ROUGH_COST)
        };
        (smallest.clamp(1, LARGEST_FOR_ALL)..=smallest).find(is_affordable)
    }

    /// The best places of one rough stage with their true scores. `None` where it cannot or should not be done.
    fn rough_at(&self, template: &Template, channel: Channel, depth: usize) -> Option<Rough> {
        let pattern = template.smaller(depth).filter(|_| depth > 0)?;
        let level = self.view.level(channel, depth);
        if level.cost(pattern) > MAX_ROUGH_COST {
            return None;
        }
        let small = pyramid::rough(level, pattern);
        let mut refined = small.clone();
        for depth in (0..depth).rev() {
            refined = pyramid::refine(&refined, self.view.plane_at(channel, depth), template.smaller(depth)?);
        }
        let score = |x: usize, y: usize| template.pattern().score_at(self.view.plane(channel), x, y);
        let peaks = best_of_each(pyramid::candidates(&refined), size_of(template), self.options.score, score);
        Some(Rough { small, refined, peaks })
    }

    /// Whether the picture looks the same shifted along, as on a stripe: then which place is the best is chance, and so is which others are far enough
    /// from it to be told.
    fn slides(&self, rough: &Rough) -> bool {
        let Some(first) = rough.peaks.first() else { return false };
        let apart = |one: &Peak, other: &Peak| one.x.abs_diff(other.x).max(one.y.abs_diff(other.y)) > SHIFT;
        let is_rival = |peak: &&Peak| peak.score > first.score - self.options.margin;
        rough.refined.iter().filter(is_rival).any(|peak| rough.peaks.iter().all(|kept| apart(kept, peak)))
    }

    fn accept(&self, how: How, peaks: Vec<Peak>) -> Option<Found> {
        let good = peaks.first().is_some_and(|peak| peak.score >= self.options.score);
        good.then_some(Found { how, peaks })
    }

    fn everywhere(&mut self, template: &Template, channel: Channel, spectrum: &mut Option<Spectrum>) -> Found {
        let (plane, pattern) = (self.view.plane(channel), template.pattern());
        let tile = tile_of(pattern, plane);
        if spectrum.as_ref().is_none_or(|known| known.tile != tile) {
            *spectrum = None;
        }
        let spectrum = spectrum.get_or_insert_with(|| Spectrum::of(pattern, tile, self.planner));
        Found { how: How::Fft, peaks: fft::search(plane, pattern, spectrum, self.options.score) }
    }

    fn search_of(&self, template: &Template, found: &Found) -> Search {
        let at = |origin: i32, offset: usize| origin.saturating_add_unsigned(u32::try_from(offset).unwrap_or(u32::MAX));
        let hit = |peak: &Peak| Hit {
            rect: Rect {
                x: at(self.view.rect.x, peak.x),
                y: at(self.view.rect.y, peak.y),
                width: template.width(),
                height: template.height(),
            },
            score: peak.score,
            how: found.how,
        };
        let hits = found.peaks.iter().filter(|peak| peak.score >= self.options.score).map(hit).collect();
        Search { hits, best: found.peaks.first().map(hit), ..Search::nothing() }
    }
}

fn size_of(template: &Template) -> (usize, usize) {
    (template.width() as usize, template.height() as usize)
}
