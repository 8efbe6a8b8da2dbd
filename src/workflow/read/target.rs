//! Readers of targets and probes.

use super::beside::SIDES;
use super::fields::Fields;
use super::names::{nearest, one_of};
use super::{Reader, place};
use crate::workflow::limits;
use crate::workflow::model::{
    Find, ImageFile, ImageTarget, Name, PixelProbe, Place, Probe, Target, TitleMatch, WindowTarget,
};
use crate::workflow::node::{Node, Tree};

pub(super) const PLACES: [&str; 6] = ["image", "text", "ui", "window", "at", "any"];
const PROBES: [&str; 12] =
    ["image", "text", "ui", "window", "pixel", "process", "file", "command", "screen", "any", "all", "not"];
/// What may stand beside a target.
const MODIFIERS: [&str; 9] =
    ["in", "region", "offset", "index", "right_of", "left_of", "above", "below", "max_distance"];

impl Reader {
    /// A target as a value of its own.
    pub(super) fn target(&mut self, node: &Node) -> Option<Target> {
        self.target_within(node, 0)
    }

    pub(super) fn target_within(&mut self, node: &Node, depth: usize) -> Option<Target> {
        if let Some(text) = node.as_text() {
            self.bare(node, text);
            return None;
        }
        self.nested(node, depth)?;
        let mut fields = Fields::new(node, "a target", self)?;
        let target = self.target_fields(&mut fields, depth);
        fields.finish("a target", &[], self);
        target
    }

    fn bare(&mut self, node: &Node, text: &str) {
        let suggestion = match ImageFile::new(text) {
            Ok(file) => format!("name what it is: {{ image: {file} }}"),
            Err(_) => format!("name what it is: {{ text: \"{text}\" }}, {{ window: \"{text}\" }} or {{ image: … }}"),
        };
        self.fault_with(node, "a bare string is no target", suggestion);
    }

    fn nested(&mut self, node: &Node, depth: usize) -> Option<()> {
        if depth > limits::NESTING {
            self.fault(node, format!("targets are nested deeper than {} levels", limits::NESTING));
            return None;
        }
        Some(())
    }

    /// A target whose keys stand among others: the caller finishes the fields.
    pub(super) fn target_fields(&mut self, fields: &mut Fields<'_>, depth: usize) -> Option<Target> {
        if SIDES.iter().any(|side| fields.peek(side).is_some())
            && !PLACES.iter().chain(&PROBES).any(|key| fields.peek(key).is_some())
        {
            fields.allow(&PLACES);
            return self.field_beside(fields, depth);
        }
        let what = self.the_one(fields, &PLACES, "a target")?;
        let node = fields.take(what)?;
        fields.allow(&PLACES);
        let mut image_index = None;
        let find = match what {
            "image" => {
                let (image, index) = self.image(node);
                image_index = index;
                image.map(Find::Image)
            }
            "text" => self.text_target(node).map(Find::Text),
            "ui" => self.ui_target(node).map(|target| Find::Ui(Box::new(target))),
            "window" => self.window(node).map(Find::Window),
            "at" => self.position(node).map(|(x, y)| Find::At(x, y)),
            _ => self.any_target(node, depth).map(Find::Any),
        };
        let target = self.modifiers(fields, what, depth);
        let mut target = Target { find: find?, place: place(node), ..target? };
        if image_index.is_some() && target.index.is_some() {
            self.fault(node, "`index` stands twice, in the image and beside it");
        }
        target.index = target.index.or(image_index);
        Some(target)
    }

    /// What stands beside it, where that means something. What is found is put in by the caller.
    fn modifiers(&mut self, fields: &mut Fields<'_>, what: &str, depth: usize) -> Option<Target> {
        let meaningful: &[&str] = match what {
            "image" | "text" | "ui" => &MODIFIERS,
            "window" => &["offset", "index"],
            "at" => &["in", "offset"],
            _ => &[],
        };
        for modifier in MODIFIERS {
            if let Some(node) = fields.peek(modifier).filter(|_| !meaningful.contains(&modifier)) {
                match what {
                    "any" => self.fault(node, format!("write `{modifier}` inside each part of `any`")),
                    _ => self.fault(node, format!("`{modifier}` has no meaning beside `{what}`")),
                }
            }
        }
        let within = fields.take("in").map(|node| self.target_within(node, depth + 1));
        let region = fields.take("region").map(|node| self.region(node));
        let offset = fields.take("offset").map(|node| self.offset(node));
        let index = fields.take("index").map(|node| self.count(node, 0, 1000));
        let beside = self.beside(fields, depth);
        Some(Target {
            find: Find::Any(Vec::new()),
            within: transpose(within)?.map(Box::new),
            region: transpose(region)?,
            offset: transpose(offset)?.unwrap_or_default(),
            index: transpose(index)?,
            beside: beside?,
            place: Place::default(),
        })
    }

    /// The one key of several that stands there. None or several are a fault.
    fn the_one(&mut self, fields: &mut Fields<'_>, kinds: &[&'static str], what: &str) -> Option<&'static str> {
        let mut there = kinds.iter().copied().filter(|kind| fields.peek(kind).is_some());
        let (first, second) = (there.next(), there.next());
        if let (Some(first), Some(second)) = (first, second) {
            let hint = format!("for either of them write any: [{{ {first}: … }}, {{ {second}: … }}]");
            self.fault_with(fields.node, format!("{what} has one of {first} and {second}, not both"), hint);
            fields.allow(kinds);
            fields.allow(&MODIFIERS);
            fields.allow(&["timeout"]);
            return None;
        }
        if first.is_none() {
            self.nothing_named(fields, kinds, what);
        }
        first
    }

    fn nothing_named(&mut self, fields: &mut Fields<'_>, kinds: &[&'static str], what: &str) {
        let alone = SIDES.iter().find_map(|side| fields.peek(side).map(|node| (side, node)));
        let elsewhere = PROBES.iter().chain(&PLACES).find(|key| !kinds.contains(key) && fields.peek(key).is_some());
        fields.allow(&MODIFIERS);
        fields.allow(&["timeout"]);
        if let Some((side, node)) = alone.filter(|_| elsewhere.is_none()) {
            let detail = format!("`{side}` alone means a field to act on, which is no probe");
            self.fault_with(node, detail, "say what stands there: { image: … }, { text: … } or { ui: … } with it");
        } else if let Some(key) = elsewhere {
            let detail = match *key {
                "at" => "a position is always there, so it is no probe".to_owned(),
                key => format!("`{key}` is a probe: it can be waited for, not acted on"),
            };
            let node = fields.take(key).unwrap_or(fields.node);
            match *key {
                "at" => self.fault_with(node, detail, "look at its colour with `pixel`"),
                _ => self.fault(node, detail),
            }
        } else {
            // An unknown key near to a right one is told by `finish`; here only when there is nothing to go by.
            let slip = fields.keys().any(|key| nearest(key, kinds.iter().copied()).is_some());
            if !slip {
                self.fault(fields.node, format!("{what} names what it is: {}", one_of(kinds)));
            }
            fields.allow(kinds);
        }
    }

    fn any_target(&mut self, node: &Node, depth: usize) -> Option<Vec<Target>> {
        let parts = self.parts(node, "`any`")?;
        let parts: Vec<_> = parts.iter().map(|part| self.target_within(part, depth + 1)).collect();
        parts.into_iter().collect()
    }

    fn parts<'node>(&mut self, node: &'node Node, what: &str) -> Option<&'node [Node]> {
        let parts = self.list(node, what, limits::COMBINED)?;
        if parts.is_empty() {
            self.fault(node, format!("{what} needs at least one part"));
            return None;
        }
        Some(parts)
    }

    fn image(&mut self, node: &Node) -> (Option<ImageTarget>, Option<u32>) {
        if let Tree::Text(_) = node.tree {
            let variants = self.image_file(node).map(|file| vec![file]);
            let target = variants.map(|variants| ImageTarget {
                variants,
                score: ImageTarget::DEFAULT_SCORE,
                margin: None,
                scale: false,
            });
            return (target, None);
        }
        let Some(mut fields) = Fields::new(node, "an image", self) else { return (None, None) };
        let file = fields.take("file").map(|node| self.image_file(node).map(|file| vec![file]));
        let variants = fields.take("variants").map(|node| {
            let files = self.each(node, "`variants`", limits::VARIANTS, Self::image_file)?;
            if files.is_empty() {
                self.fault(node, "`variants` names at least one file");
            }
            (!files.is_empty()).then_some(files)
        });
        let score = fields.take("score").and_then(|node| self.fraction(node, 0.0..=1.0));
        let margin = fields.take("margin").and_then(|node| self.fraction(node, 0.0..=1.0));
        let scale = fields.take("scale").and_then(|node| self.boolean(node));
        let index = fields.take("index").and_then(|node| self.count(node, 0, 1000));
        fields.finish("an image", &[], self);
        let variants = match (file, variants) {
            (Some(one), None) => one,
            (None, Some(several)) => several,
            (Some(_), Some(_)) => {
                self.fault(node, "an image has `file` or `variants`, not both");
                None
            }
            (None, None) => {
                self.fault(node, "an image needs `file` or `variants`");
                None
            }
        };
        let target = variants.map(|variants| ImageTarget {
            variants,
            score: score.unwrap_or(ImageTarget::DEFAULT_SCORE),
            margin,
            scale: scale.unwrap_or(false),
        });
        (target, index)
    }

    fn image_file(&mut self, node: &Node) -> Option<ImageFile> {
        let text = self.text(node)?;
        match ImageFile::new(text) {
            Ok(file) => {
                self.images.entry(file.clone()).or_insert_with(|| place(node));
                if self.images.len() == limits::IMAGES + 1 {
                    self.fault(node, format!("more than {} images in one document", limits::IMAGES));
                }
                Some(file)
            }
            Err(reason) => {
                self.fault(node, reason);
                None
            }
        }
    }

    /// A window by its main field, or by several.
    fn window(&mut self, node: &Node) -> Option<WindowTarget> {
        if let Tree::Text(_) = node.tree {
            let title = self.filled(node)?;
            return Some(WindowTarget { title: Some(TitleMatch::Contains(title)), class: None, process: None });
        }
        let mut fields = Fields::new(node, "a window", self)?;
        let title = fields.take("title").map(|node| self.filled(node).map(TitleMatch::Contains));
        let regex = fields.take("title_regex").map(|node| self.pattern(node).map(TitleMatch::Pattern));
        let class = fields.take("class").map(|node| self.filled(node));
        let process = fields.take("process").map(|node| self.filled(node));
        fields.finish("a window", &[], self);
        if title.is_some() && regex.is_some() {
            self.fault(node, "a window has `title` or `title_regex`, not both");
            return None;
        }
        if title.is_none() && regex.is_none() && class.is_none() && process.is_none() {
            self.fault(node, "a window needs title, title_regex, class or process");
            return None;
        }
        Some(WindowTarget {
            title: transpose(title.or(regex))?,
            class: transpose(class)?,
            process: transpose(process)?,
        })
    }

    /// A probe as a value of its own.
    pub(super) fn probe(&mut self, node: &Node) -> Option<Probe> {
        self.probe_within(node, 0)
    }

    fn probe_within(&mut self, node: &Node, depth: usize) -> Option<Probe> {
        if let Some(text) = node.as_text() {
            self.bare(node, text);
            return None;
        }
        self.nested(node, depth)?;
        let mut fields = Fields::new(node, "a probe", self)?;
        let probe = self.probe_fields(&mut fields, depth);
        fields.finish("a probe", &[], self);
        probe
    }

    /// A probe whose keys stand among others: the caller finishes the fields.
    pub(super) fn probe_fields(&mut self, fields: &mut Fields<'_>, depth: usize) -> Option<Probe> {
        let what = self.the_one(fields, &PROBES, "a probe")?;
        if matches!(what, "image" | "text" | "ui" | "window") {
            fields.allow(&PROBES);
            return self.target_fields(fields, depth).map(Probe::Visible);
        }
        let node = fields.take(what)?;
        for modifier in MODIFIERS {
            if let Some(node) = fields.take(modifier) {
                self.fault(node, format!("`{modifier}` has no meaning beside `{what}`"));
            }
        }
        fields.allow(&PROBES);
        match what {
            "pixel" => self.pixel(node).map(Probe::Pixel),
            "process" => self.filled(node).map(Probe::Process),
            "file" => self.filled(node).map(Probe::File),
            "command" => self.short_command_line(node, "`command`").map(Probe::Command),
            "screen" => self.screen(node),
            "not" => self.probe_within(node, depth + 1).map(|probe| Probe::Not(Box::new(probe))),
            "any" => self.probes(node, "`any`", depth).map(Probe::Any),
            _ => self.probes(node, "`all`", depth).map(Probe::All),
        }
    }

    fn probes(&mut self, node: &Node, what: &str, depth: usize) -> Option<Vec<Probe>> {
        let parts = self.parts(node, what)?;
        let parts: Vec<_> = parts.iter().map(|part| self.probe_within(part, depth + 1)).collect();
        parts.into_iter().collect()
    }

    fn pixel(&mut self, node: &Node) -> Option<PixelProbe> {
        let mut fields = Fields::new(node, "a pixel", self)?;
        let at = fields.require("at", "a pixel", self).and_then(|node| self.position(node));
        let color = fields.require("color", "a pixel", self).and_then(|node| self.color(node));
        let tolerance = fields.take("tolerance").and_then(|node| self.count(node, 0, 255));
        fields.finish("a pixel", &[], self);
        let tolerance = u8::try_from(tolerance.unwrap_or(0)).ok()?;
        Some(PixelProbe { at: at?, color: color?, tolerance })
    }

    fn screen(&mut self, node: &Node) -> Option<Probe> {
        if let Tree::Text(_) = node.tree {
            let screen = self.name(node)?;
            self.default_app(node, "a screen");
            return self.own_screen(node, None, screen);
        }
        let mut fields = Fields::new(node, "a screen", self)?;
        let screen = fields.require("name", "a screen", self).and_then(|node| self.name(node));
        let app = fields.take("app").map(|node| self.name(node));
        if app.is_none() {
            self.default_app(node, "a screen");
        }
        fields.finish("a screen", &[], self);
        self.own_screen(node, transpose(app)?, screen?)
    }

    /// A screen of this document must be one of its screens; those of others are looked up when the set is known.
    pub(super) fn own_screen(&mut self, node: &Node, app: Option<Name>, screen: Name) -> Option<Probe> {
        let own = self.kind == crate::workflow::model::Kind::App && app.is_none();
        if own && !self.screens.contains(screen.as_str()) {
            let detail = format!("this app has no screen `{screen}`");
            match nearest(screen.as_str(), self.screens.iter().map(String::as_str)).map(str::to_owned) {
                Some(name) => self.fault_with(node, detail, format!("did you mean `{name}`?")),
                None => self.fault_with(node, detail, "name it under `screens`"),
            }
            return None;
        }
        Some(Probe::Screen { app, screen })
    }

    /// Notes a fault when no app is named and there is not exactly one that could be meant.
    pub(super) fn default_app(&mut self, node: &Node, what: &str) {
        match self.apps {
            1 => {}
            0 => self.fault_with(
                node,
                format!("{what} belongs to an app, and this workflow has none"),
                "name it in `apps`",
            ),
            _ => self.fault_with(node, format!("{what} belongs to one of several apps here"), "say which with `app`"),
        }
    }
}

/// A key that is absent, or there and right, or there and at fault: the last makes the whole at fault.
#[expect(clippy::option_option, reason = "absent, faulty and right are three")]
pub(super) fn transpose<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(None) => None,
        Some(Some(value)) => Some(Some(value)),
    }
}
