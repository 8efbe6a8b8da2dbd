//! Targets and probes in a few words, as reports and messages name them.
//!
//! Templates are shown as they were written, never with their values: those may be secret.

use crate::workflow::{
    CommandLine, Find, Position, Probe, Role, Side, Target, Template, TitleMatch, UiTarget, WantedText, WindowTarget,
};

/// Longer descriptions are cut.
const MAX_CHARS: usize = 200;

/// Longer messages of failures are cut.
const MAX_MESSAGE_CHARS: usize = 4_000;

pub(super) fn target(target: &Target) -> String {
    cut(&target_whole(target))
}

pub(super) fn probe(probe: &Probe) -> String {
    cut(&probe_whole(probe))
}

fn target_whole(target: &Target) -> String {
    let mut text = match &target.find {
        Find::Image(image) => {
            let names: Vec<&str> = image.variants.iter().map(|file| base_name(file.as_str())).collect();
            format!("image {}", names.join(" or "))
        }
        Find::Window(sought) => window(sought),
        Find::Text(sought) => match &sought.wanted {
            WantedText::Words(words) => format!("text \"{}\"", words.source()),
            WantedText::Pattern(pattern) => format!("text /{}/", pattern.as_str()),
        },
        Find::Ui(sought) => control(sought),
        Find::Field => "field".to_owned(),
        Find::AnyText => "text".to_owned(),
        Find::At(x, y) => format!("at {},{}", position(x), position(y)),
        Find::Any(targets) => format!("any of {}", list(targets.iter().map(target_whole))),
    };
    if let Some(within) = &target.within {
        text.push_str(" in ");
        text.push_str(&target_whole(within));
    }
    if let Some(beside) = &target.beside {
        text = format!("{text} {} {}", side(beside.side), target_whole(&beside.anchor));
    }
    if let Some(index) = target.index {
        text = format!("{text} number {index}");
    }
    text
}

fn probe_whole(probe: &Probe) -> String {
    match probe {
        Probe::Visible(target) => target_whole(target),
        Probe::Pixel(pixel) => format!("pixel {},{}", position(&pixel.at.0), position(&pixel.at.1)),
        Probe::Process(name) => format!("process {}", name.source()),
        Probe::File(path) => format!("file {}", path.source()),
        Probe::Command(line) => format!("command {}", command(line)),
        Probe::Screen { app: Some(app), screen } => format!("screen {screen} of {app}"),
        Probe::Screen { app: None, screen } => format!("screen {screen}"),
        Probe::Any(probes) => format!("any of {}", list(probes.iter().map(probe_whole))),
        Probe::All(probes) => format!("all of {}", list(probes.iter().map(probe_whole))),
        Probe::Not(probe) => format!("not {}", probe_whole(probe)),
    }
}

fn control(sought: &UiTarget) -> String {
    let role = sought.role.map_or("control", Role::as_str);
    let name = sought.name.as_ref().map(|name| format!(" \"{}\"", name.source()));
    let named = |what: &str, part: &Option<Template>| part.as_ref().map(|part| format!(" {what} {}", part.source()));
    let parts = [name, named("with id", &sought.id), named("holding", &sought.value), named("at", &sought.path)];
    format!("{role}{}", parts.into_iter().flatten().collect::<String>())
}

pub(super) fn side(side: Side) -> &'static str {
    match side {
        Side::RightOf => "right of",
        Side::LeftOf => "left of",
        Side::Above => "above",
        Side::Below => "below",
    }
}

pub(super) fn window(sought: &WindowTarget) -> String {
    let mut parts = Vec::new();
    match &sought.title {
        Some(TitleMatch::Contains(title)) => parts.push(format!("\"{}\"", title.source())),
        Some(TitleMatch::Pattern(pattern)) => parts.push(format!("/{}/", pattern.as_str())),
        None => {}
    }
    let named = |what: &str, name: &Option<Template>| name.as_ref().map(|name| format!("{what} {}", name.source()));
    parts.extend(named("of class", &sought.class));
    parts.extend(named("of process", &sought.process));
    format!("window {}", parts.join(" "))
}

pub(super) fn command(line: &CommandLine) -> String {
    line.command.iter().map(Template::source).collect::<Vec<_>>().join(" ")
}

fn position(position: &Position) -> String {
    match position {
        Position::Fixed(pixels) => pixels.to_string(),
        Position::Computed(template) => template.source().to_owned(),
    }
}

fn list(parts: impl Iterator<Item = String>) -> String {
    format!("[{}]", parts.collect::<Vec<_>>().join(", "))
}

fn base_name(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}

/// Bounds what is quoted from a screen or a program.
pub(super) fn cut(text: &str) -> String {
    cut_at(text, MAX_CHARS)
}

/// Bounds a whole message, which a workflow may have made.
pub(super) fn bounded(message: &str) -> String {
    cut_at(message, MAX_MESSAGE_CHARS)
}

fn cut_at(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
