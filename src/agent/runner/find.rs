//! Finds a target in one look: an image, a window, a position, or the first of several.

use super::{
    beside, describe,
    fault::{Break, Fault, fault},
    look::Look,
    run::Runner,
    world::Image,
};
use crate::{
    desktop::{
        Point, Rect, Window,
        image::{self, DPI_SCALES, Miss, SearchOptions},
        ui::Element,
    },
    ids::Digest,
    wire::job::Category,
    workflow::{Find, ImageFile, ImageTarget, Pattern, Position, Region, Target, TitleMatch, WindowTarget},
};

/// Where a target is.
#[derive(Clone, Debug)]
pub(super) struct Hit {
    /// What was found, in words.
    pub(super) what: String,
    /// The way it was found.
    pub(super) how: String,
    pub(super) score: Option<f32>,
    pub(super) rect: Rect,
    /// The point to act on, offset included.
    pub(super) point: Point,
    /// The window it is, or lies in by `in`.
    pub(super) window: Option<Window>,
    /// The control it is, where its application told of it.
    pub(super) element: Option<Box<Element>>,
}

/// The best of what was not good enough.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) score: f32,
    pub(super) rect: Rect,
}

/// The answer of one look.
#[derive(Clone, Debug)]
pub(super) enum Sought {
    Found(Hit),
    Absent(Absence),
    /// Several where one was meant.
    Several(Vec<Hit>),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Absence {
    pub(super) best: Option<Candidate>,
    /// What stands in the way, where that is more than not being there.
    pub(super) reason: Option<String>,
}

/// Where to look, and from which corner positions count.
pub(super) struct Area {
    pub(super) rect: Rect,
    origin: Point,
    pub(super) window: Option<Window>,
    /// Beside this.
    pub(super) anchor: Option<Rect>,
}

impl Area {
    pub(super) fn beside(rect: Rect, anchor: Rect) -> Self {
        Self { rect, origin: Point::default(), window: None, anchor: Some(anchor) }
    }
}

/// How many places are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meant {
    /// One: several are told.
    One,
    /// Whether there is any at all.
    Any,
    /// All of them.
    All,
}

impl Runner<'_> {
    /// Looks once. Never waits.
    pub(super) fn find(&mut self, target: &Target, meant: Meant, look: &mut Look) -> Result<Sought, Break> {
        let area = match self.area(target, look)? {
            Ok(area) => area,
            Err(sought) => return Ok(sought),
        };
        let sought = match &target.find {
            Find::Any(targets) => return self.find_any(targets, target, meant, look),
            Find::At(x, y) => Sought::Found(self.find_position((x, y), target, &area, look)?),
            Find::Window(window) => choose(self.find_windows(window, target, &area, look)?, target.index),
            Find::Image(image) => self.find_image(image, target, (meant, &area), look)?,
            Find::Text(text) => self.find_text(text, target, &area, look)?,
            Find::Ui(ui) => self.find_ui(ui, target, (meant, &area), look)?,
            Find::Field => self.find_field(&area, look)?,
            Find::AnyText => Sought::Absent(Absence::default()),
        };
        let sought = match area.anchor.filter(|_| meant == Meant::One) {
            Some(anchor) => sought.nearest(anchor),
            None => sought,
        };
        Ok(sought.moved(target.offset))
    }

    fn find_any(&mut self, targets: &[Target], whole: &Target, meant: Meant, look: &mut Look) -> Result<Sought, Break> {
        let mut best: Option<Candidate> = None;
        let mut all = Vec::new();
        for target in targets {
            let mut target = target.clone();
            // What stands beside `any` holds for each of its parts that does not say otherwise.
            target.within = target.within.or_else(|| whole.within.clone());
            target.region = target.region.or(whole.region);
            target.index = target.index.or(whole.index);
            target.offset = (target.offset.0 + whole.offset.0, target.offset.1 + whole.offset.1);
            match self.find(&target, meant, look)? {
                Sought::Absent(absence) => best = Candidate::better(best, absence.best),
                Sought::Found(hit) if meant == Meant::All => all.push(hit),
                Sought::Several(hits) if meant == Meant::All => all.extend(hits),
                found => return Ok(found),
            }
        }
        Ok(if all.is_empty() { Sought::Absent(Absence { best, reason: None }) } else { Sought::Several(all) })
    }

    /// What `in` and `region` leave to look at.
    fn area(&mut self, target: &Target, look: &mut Look) -> Result<Result<Area, Sought>, Break> {
        let mut area = match &target.within {
            None => Area { rect: look.display(self)?, origin: Point::default(), window: None, anchor: None },
            Some(within) => match self.find(within, Meant::One, look)? {
                Sought::Found(hit) => {
                    let rect =
                        hit.window.as_ref().filter(|_| is_window(within)).map_or(hit.rect, |window| window.client);
                    Area { rect, origin: Point::new(rect.x, rect.y), window: hit.window, anchor: None }
                }
                Sought::Absent(_) => {
                    let reason = format!("{}, in which to look, is not there", describe::target(within));
                    return Ok(Err(Sought::Absent(Absence { best: None, reason: Some(reason) })));
                }
                several @ Sought::Several(_) => return Ok(Err(several)),
            },
        };
        if let Some(Region { x, y, width, height }) = target.region {
            let corner = area.origin.offset(x, y);
            let wanted = Rect::new(corner.x, corner.y, width, height);
            let Some(rect) = wanted.intersect(&area.rect) else {
                let reason = format!("its region {wanted} is outside {}", area.rect);
                return Ok(Err(Sought::Absent(Absence { best: None, reason: Some(reason) })));
            };
            area.rect = rect;
        }
        let Some(beside) = &target.beside else { return Ok(Ok(area)) };
        let what = describe::target(&beside.anchor);
        let anchor = match self.find(&beside.anchor, Meant::One, look)? {
            Sought::Found(hit) => hit.rect,
            Sought::Absent(Absence { best, .. }) => {
                let reason = Some(format!("{what}, beside which to look, is not there"));
                return Ok(Err(Sought::Absent(Absence { best, reason })));
            }
            several @ Sought::Several(_) => return Ok(Err(several)),
        };
        let Some(rect) = beside::area(beside, anchor, &target.find).intersect(&area.rect) else {
            let reason = Some(format!("there is nothing of the screen {} {what}", describe::side(beside.side)));
            return Ok(Err(Sought::Absent(Absence { best: None, reason })));
        };
        area.rect = rect;
        area.anchor = Some(anchor);
        Ok(Ok(area))
    }

    fn find_position(
        &mut self,
        (x, y): (&Position, &Position),
        target: &Target,
        area: &Area,
        look: &mut Look,
    ) -> Result<Hit, Break> {
        let point = area.origin.offset(self.position(x)?, self.position(y)?);
        let display = look.display(self)?;
        if !display.contains(point) {
            let (width, height) = (display.width, display.height);
            return fault(
                Category::TargetNotFound,
                format!("{point} is outside the desktop of {width}x{height} pixels"),
            );
        }
        let rect = Rect::new(point.x, point.y, 1, 1);
        Ok(Hit {
            what: describe::target(target),
            how: "at".into(),
            score: None,
            rect,
            point,
            window: area.window.clone(),
            element: None,
        })
    }

    pub(super) fn position(&self, position: &Position) -> Result<i32, Break> {
        match position {
            Position::Fixed(pixels) => Ok(*pixels),
            Position::Computed(template) => {
                let number = template.whole_number(&self.scope)?;
                i32::try_from(number).map_err(|_| {
                    let message = format!("`{}` is {number}, which is no position on a screen", template.source());
                    Fault::new(Category::InvalidWorkflow, message).into()
                })
            }
        }
    }

    fn find_windows(
        &mut self,
        sought: &WindowTarget,
        target: &Target,
        area: &Area,
        look: &mut Look,
    ) -> Result<Vec<Hit>, Break> {
        let wanted = self.wanted_window(sought)?;
        let bounded = target.within.is_some() || target.region.is_some();
        let windows = look.windows(self)?;
        let fits = |window: &&Window| wanted.fits(window) && (!bounded || area.rect.intersect(&window.rect).is_some());
        let hit = |window: &Window| Hit {
            what: format!("window \"{}\"", self.quote(&window.title)),
            how: "window".into(),
            score: None,
            rect: window.rect,
            point: window.client.center(),
            window: Some(window.clone()),
            element: None,
        };
        Ok(windows.iter().filter(fits).map(hit).collect())
    }

    fn wanted_window(&self, sought: &WindowTarget) -> Result<WantedWindow, Break> {
        let text = |template: &Option<crate::workflow::Template>| match template {
            Some(template) => template.text(&self.scope).map(Some),
            None => Ok(None),
        };
        let title = match &sought.title {
            Some(TitleMatch::Contains(part)) => Some(WantedTitle::Contains(part.text(&self.scope)?)),
            Some(TitleMatch::Pattern(pattern)) => Some(WantedTitle::Matches(pattern.clone())),
            None => None,
        };
        Ok(WantedWindow { title, class: text(&sought.class)?, process: text(&sought.process)? })
    }

    /// The first variant that is there; else the best place of all variants.
    fn find_image(
        &mut self,
        sought: &ImageTarget,
        target: &Target,
        (meant, area): (Meant, &Area),
        look: &mut Look,
    ) -> Result<Sought, Break> {
        let frame = look.frame(self)?;
        let options = SearchOptions {
            score: sought.score,
            // Of all that are meant none is a rival.
            margin: match meant {
                Meant::All => 1.0,
                _ => sought.margin.unwrap_or(SearchOptions::default().margin),
            },
            region: Some(area.rect),
            index: target.index.map(|index| index as usize),
            scales: if sought.scale { DPI_SCALES.to_vec() } else { Vec::new() },
            unique: meant != Meant::Any,
            last_place: None,
        };
        let mut absence = Absence::default();
        let mut all = Vec::new();
        for file in &sought.variants {
            let image = self.image(file)?;
            if !sought.scale && (image.width() > area.rect.width || image.height() > area.rect.height) {
                let (width, height) = (image.width(), image.height());
                absence.reason =
                    Some(format!("{file} has {width}x{height} pixels, more than where to look: {}", area.rect));
                continue;
            }
            let search = self.world.finder().find(&frame, &image, &options);
            let hit = |found: &image::Hit| Hit {
                what: format!("image {file}"),
                how: found.how.to_string(),
                score: Some(single(found.score)),
                rect: found.rect,
                point: found.rect.center(),
                window: area.window.clone(),
                element: None,
            };
            match search.one(&options) {
                Ok(_) | Err(Miss::Ambiguous { .. }) if meant == Meant::All => all.extend(search.hits.iter().map(hit)),
                Ok(found) => return Ok(Sought::Found(hit(&found))),
                Err(Miss::Ambiguous { places }) => return Ok(Sought::Several(places.iter().map(hit).collect())),
                Err(Miss::NoSuchIndex { index, found }) if found > 0 => {
                    absence.reason = Some(no_such_index(index, found));
                }
                Err(Miss::NoSuchIndex { .. } | Miss::NotFound { .. }) => {
                    let best = search.best.map(|best| Candidate { score: single(best.score), rect: best.rect });
                    absence.best = Candidate::better(absence.best, best);
                }
            }
        }
        Ok(if all.is_empty() { Sought::Absent(absence) } else { Sought::Several(all) })
    }

    /// The image of the document that is being carried out.
    fn image(&mut self, file: &ImageFile) -> Result<Image, Break> {
        let images = match &self.owner {
            Some(app) => Some(&app.images),
            None => self.document().map(|workflow| &workflow.images),
        };
        let digest =
            images.and_then(|images| images.get(file)).and_then(|digest| digest.as_str().parse::<Digest>().ok());
        let Some(digest) = digest else {
            return fault(
                Category::InvalidWorkflow,
                format!("the document came without its image {file}; apply it again"),
            );
        };
        match self.world.image(&digest) {
            Ok(image) => Ok(image),
            Err(reason) => fault(Category::Agent, format!("the image {file} cannot be used: {reason}")),
        }
    }
}

/// One of several by its index, in reading order; without an index there must be exactly one.
pub(super) fn choose(mut hits: Vec<Hit>, index: Option<u32>) -> Sought {
    hits.sort_by_key(|hit| (hit.rect.y, hit.rect.x));
    match index {
        Some(index) => {
            let count = hits.len();
            match hits.into_iter().nth(index as usize) {
                Some(hit) => Sought::Found(hit),
                None if count == 0 => Sought::Absent(Absence::default()),
                None => Sought::Absent(Absence { best: None, reason: Some(no_such_index(index as usize, count)) }),
            }
        }
        None if hits.len() > 1 => Sought::Several(hits),
        None => hits.pop().map_or_else(|| Sought::Absent(Absence::default()), Sought::Found),
    }
}

fn no_such_index(index: usize, count: usize) -> String {
    format!("it is there {count} times, so that none has the number {index} (counted from 0)")
}

#[expect(clippy::cast_possible_truncation, reason = "scores are between -1 and 1")]
fn single(score: f64) -> f32 {
    score as f32
}

impl Candidate {
    fn better(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(if other.score > one.score { other } else { one }),
            (one, other) => one.or(other),
        }
    }
}

impl Sought {
    fn nearest(self, anchor: Rect) -> Self {
        let Self::Several(hits) = self else { return self };
        let nearest = hits.into_iter().min_by_key(|hit| hit.rect.distance(&anchor));
        nearest.map_or_else(|| Self::Absent(Absence::default()), Self::Found)
    }

    fn moved(mut self, (dx, dy): (i32, i32)) -> Self {
        let hits = match &mut self {
            Self::Found(hit) => std::slice::from_mut(hit),
            Self::Several(hits) => hits.as_mut_slice(),
            Self::Absent(_) => &mut [],
        };
        for hit in hits {
            hit.point = hit.point.offset(dx, dy);
        }
        self
    }
}

fn is_window(target: &Target) -> bool {
    matches!(target.find, Find::Window(_))
}

struct WantedWindow {
    title: Option<WantedTitle>,
    class: Option<String>,
    process: Option<String>,
}

enum WantedTitle {
    Contains(String),
    Matches(Pattern),
}

impl WantedWindow {
    fn fits(&self, window: &Window) -> bool {
        let title = match &self.title {
            None => true,
            Some(WantedTitle::Contains(part)) => window.title.contains(part.as_str()),
            Some(WantedTitle::Matches(pattern)) => pattern.is_match(&window.title),
        };
        title
            && self.class.as_ref().is_none_or(|class| window.class.eq_ignore_ascii_case(class))
            && self.process.as_ref().is_none_or(|process| same_program(&window.process, process))
    }
}

/// Whether two file names are one program's: `.exe` does not count, nor does case where it is there.
pub(super) fn same_program(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.strip_suffix(".exe").or_else(|| name.strip_suffix(".EXE")).unwrap_or(name).to_owned();
    plain(one) == plain(other)
}
