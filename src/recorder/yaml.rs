//! Pieces of documents as people would write them.

use serde_json::Value;

use super::{control::Control, picture::Picture};
use crate::desktop::{Chord, Point, Rect, Window, ui::Wanted};

/// A target in one or more ways, the surest first. Each is what stands between the braces of a flow mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target(pub(super) Vec<String>);

impl Target {
    /// On one line.
    pub(super) fn flow(&self) -> String {
        match &self.0[..] {
            [only] => format!("{{ {only} }}"),
            ways => {
                let ways: Vec<String> = ways.iter().map(|way| format!("{{ {way} }}")).collect();
                format!("{{ any: [ {} ] }}", ways.join(", "))
            }
        }
    }

    /// An action on it; `more` are other keys of the action.
    pub(super) fn action(&self, name: &str, more: &[String]) -> String {
        if let [only] = &self.0[..] {
            let inside: Vec<&str> = std::iter::once(only).chain(more).map(String::as_str).collect();
            return format!("{name}: {{ {} }}", inside.join(", "));
        }
        let ways = self.0.iter().map(|way| format!("      - {{ {way} }}"));
        let more = more.iter().map(|more| format!("    {more}"));
        let lines = [format!("{name}:"), "    any:".to_owned()].into_iter().chain(ways).chain(more);
        lines.collect::<Vec<_>>().join("\n")
    }
}

pub(super) fn by_control(control: &Control) -> String {
    let index = control.index.map(|index| format!(", index: {index}")).unwrap_or_default();
    let middle = control.rect.center();
    let offset = offset((control.aim.x - middle.x, control.aim.y - middle.y));
    format!("ui: {{ {} }}{index}{offset}", wanted(&control.wanted))
}

/// `files` are its looks.
pub(super) fn by_picture(picture: &Picture, files: &[String]) -> String {
    let image = match files {
        [only] => only.clone(),
        files => format!("{{ variants: [{}] }}", files.join(", ")),
    };
    format!("image: {image}{}", offset(picture.offset))
}

/// Counted from its window's corner, where it lies in one.
pub(super) fn by_place(point: Point, window: Option<(&Window, &str)>) -> String {
    match window {
        Some((Window { client: Rect { x, y, .. }, .. }, name)) => {
            format!("at: [{}, {}], in: {{ window: {name} }}", point.x - x, point.y - y)
        }
        None => format!("at: [{}, {}]", point.x, point.y),
    }
}

fn offset((dx, dy): (i32, i32)) -> String {
    if (dx, dy) == (0, 0) { String::new() } else { format!(", offset: [{dx}, {dy}]") }
}

fn wanted(wanted: &Wanted) -> String {
    let path = (!wanted.path.is_empty()).then(|| wanted.path.join(" > "));
    let texts = [("name", &wanted.name), ("id", &wanted.key), ("path", &path)];
    let role = wanted.role.map(|role| format!("role: {role}"));
    let texts = texts.into_iter().filter_map(|(key, text)| Some(format!("{key}: {}", quoted(text.as_ref()?))));
    role.into_iter().chain(texts).collect::<Vec<_>>().join(", ")
}

/// What tells a window from the others that are open, for `window:`.
pub(super) fn window(window: &Window, all: &[Window]) -> String {
    // Editors mark what is not saved.
    let title = window.title.trim_start_matches(['*', '•', '●', ' ']);
    let alone = |fits: &dyn Fn(&Window) -> bool| all.iter().filter(|other| fits(other)).count() <= 1;
    let has_title = |other: &Window| other.title.contains(title);
    let has_class = |other: &Window| other.class.eq_ignore_ascii_case(&window.class);
    let class = quoted(&window.class);
    if !title.is_empty() && alone(&has_title) {
        return quoted(title);
    }
    if !window.class.is_empty() && alone(&has_class) {
        return format!("{{ class: {class} }}");
    }
    match (title, window.class.as_str()) {
        ("", _) => format!("{{ class: {class}, index: 0 }}"),
        (title, "") => format!("{{ title_regex: {} }}", quoted(&exactly(title))),
        (title, _) if alone(&|other| has_title(other) && has_class(other)) => {
            format!("{{ title: {}, class: {class} }}", quoted(title))
        }
        (title, _) => format!("{{ title_regex: {}, class: {class} }}", quoted(&exactly(title))),
    }
}

fn exactly(title: &str) -> String {
    format!("^[*•● ]*{}$", regex::escape(title))
}

/// A key as a plain scalar where it is one.
pub(super) fn chord(chord: &Chord) -> String {
    let text = chord.to_string();
    let is_plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|char| char.is_ascii_alphanumeric() || char == '+')
        && !text.ends_with('+');
    if is_plain { text } else { Value::from(text).to_string() }
}

/// A double-quoted scalar (JSON's is YAML's too) in which nothing is a template.
pub(super) fn quoted(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (before, after) = rest.split_at(at);
        plain.push_str(before);
        let opens = after.chars().nth(1).filter(|next| matches!(next, '{' | '%' | '#'));
        if let Some(next) = opens {
            plain.push_str("{{ '{");
            plain.push(next);
            plain.push_str("' }}");
            rest = &after[2..];
        } else {
            plain.push('{');
            rest = &after[1..];
        }
    }
    plain.push_str(rest);
    Value::from(plain).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desktop::WindowId;

    fn open(id: u64, title: &str, class: &str) -> Window {
        let rect = Rect::new(10, 20, 300, 200);
        Window {
            id: WindowId(id),
            title: title.into(),
            class: class.into(),
            process: String::new(),
            pid: None,
            rect,
            client: rect,
            focused: false,
            minimised: false,
            maximised: false,
        }
    }

    #[test]
    fn a_window_is_named_by_as_little_as_tells_it_from_the_others() {
        let named = |windows: &[Window]| window(&windows[0], windows);
        let letter = open(1, "*Letter - Editor", "Editor");
        assert_eq!(named(&[letter.clone(), open(2, "Mail", "Mail")]), "\"Letter - Editor\"");
        assert_eq!(named(&[letter.clone(), open(2, "My Letter - Editor", "Mail")]), "{ class: \"Editor\" }");
        let both = open(2, "My Letter - Editor", "Editor");
        assert_eq!(named(&[letter, both]), "{ title_regex: \"^[*•● ]*Letter \\\\- Editor$\", class: \"Editor\" }");
        assert_eq!(named(&[open(1, "", "Panel")]), "{ class: \"Panel\" }");
    }

    #[test]
    fn a_target_known_in_two_ways_is_either() {
        let one = Target(vec!["ui: { role: button }".into()]);
        assert_eq!(one.action("click", &["button: middle".into()]), "click: { ui: { role: button }, button: middle }");
        let two = Target(vec!["ui: { role: button }".into(), "image: images/1.png".into()]);
        let text =
            "click:\n    any:\n      - { ui: { role: button } }\n      - { image: images/1.png }\n    button: middle";
        assert_eq!(two.action("click", &["button: middle".into()]), text);
        assert_eq!(two.flow(), "{ any: [ { ui: { role: button } }, { image: images/1.png } ] }");
    }

    #[test]
    fn what_looks_like_a_template_stays_text() {
        assert_eq!(quoted("a { b } \"c\""), r#""a { b } \"c\"""#);
        assert_eq!(quoted("{{ x }} {% y"), r#""{{ '{{' }} x }} {{ '{%' }} y""#);
    }

    #[test]
    fn keys_that_yaml_would_read_otherwise_are_quoted() {
        let written = |text: &str| chord(&text.parse().unwrap());
        assert_eq!(written("ctrl+s"), "ctrl+s");
        assert_eq!(written("Return"), "Return");
        assert_eq!(written("7"), "\"7\"");
        assert_eq!(written("ctrl++"), "\"ctrl++\"");
    }

    #[test]
    fn a_place_is_counted_from_its_window() {
        let letter = open(1, "Letter", "Editor");
        assert_eq!(
            by_place(Point::new(15, 60), Some((&letter, "\"Letter\""))),
            "at: [5, 40], in: { window: \"Letter\" }"
        );
        assert_eq!(by_place(Point::new(15, 60), None), "at: [15, 60]");
    }
}
