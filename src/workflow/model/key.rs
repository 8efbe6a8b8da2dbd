//! Keys and chords, as documents name them. What a system calls them is the desktop's own table.

use std::fmt;

/// Keys pressed together: `ctrl+shift+s`. Modifiers stand in the order of [`Modifier`], each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chord {
    pub modifiers: Vec<Modifier>,
    pub key: Key,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Named(NamedKey),
    /// A printing character as it stands on the keyboard; letters are lower case unless `shift` is written out.
    Character(char),
    /// A modifier pressed and released alone, as `alt` to reach a menu bar.
    Modifier(Modifier),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Modifier {
    Ctrl,
    Alt,
    Shift,
    /// The Windows key.
    Super,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NamedKey {
    Return,
    Escape,
    Tab,
    BackSpace,
    Delete,
    Insert,
    Home,
    End,
    PageUp,
    PageDown,
    Up,
    Down,
    Left,
    Right,
    Space,
    Menu,
    Print,
    Pause,
    CapsLock,
    /// `F1` to `F24`.
    F(u8),
}

impl Chord {
    /// The chord without modifiers.
    pub fn of(key: Key) -> Self {
        Self { modifiers: Vec::new(), key }
    }

    /// Reads `ctrl+shift+s`. On refusal says what is wrong, and the nearest right name.
    pub fn parse(text: &str) -> Result<Self, (String, Option<&'static str>)> {
        let text = text.trim();
        if text.is_empty() {
            return Err(("a key is needed here".to_owned(), Some("Return")));
        }
        let (before, last) = match text.strip_suffix('+') {
            Some("") => ("", "+"),
            Some(rest) if rest.ends_with('+') => (&rest[..rest.len() - 1], "+"),
            Some(_) => return Err((format!("{text} ends without a key after the +"), None)),
            None => text.rsplit_once('+').unwrap_or(("", text)),
        };
        let mut modifiers = Vec::new();
        for part in before.split('+').filter(|_| !before.is_empty()) {
            let modifier = Modifier::parse(part)
                .ok_or_else(|| (format!("{} is no modifier", part.trim()), Modifier::nearest(part)))?;
            if modifiers.contains(&modifier) {
                return Err((format!("{modifier} stands twice in {text}"), None));
            }
            modifiers.push(modifier);
        }
        let key = Key::parse(last)?;
        if let Key::Modifier(modifier) = key
            && !modifiers.is_empty()
        {
            return Err((format!("{modifier} holds nothing in {text}: end the chord with a key"), None));
        }
        modifiers.sort_unstable();
        Ok(Self { modifiers, key })
    }
}

impl Key {
    fn parse(text: &str) -> Result<Self, (String, Option<&'static str>)> {
        let name = text.trim();
        let mut characters = name.chars();
        if let (Some(character), None) = (characters.next(), characters.next()) {
            // A lone capital would be ambiguous: Shift or not? So letters are the keys, and shift is written out.
            return Ok(Self::Character(character.to_ascii_lowercase()));
        }
        if let Some(modifier) = Modifier::parse(name) {
            return Ok(Self::Modifier(modifier));
        }
        NamedKey::parse(name)
            .map(Self::Named)
            .ok_or_else(|| (format!("there is no key {name}"), NamedKey::nearest(name)))
    }
}

impl Modifier {
    fn nearest(text: &str) -> Option<&'static str> {
        let names = ["ctrl", "alt", "shift", "super"].into_iter();
        let scored = names.map(|name| (strsim::jaro_winkler(name, &text.to_ascii_lowercase()), name));
        scored.filter(|(score, _)| *score > 0.7).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "ctrl" | "control" => Some(Self::Ctrl),
            "alt" => Some(Self::Alt),
            "shift" => Some(Self::Shift),
            "super" | "win" | "cmd" => Some(Self::Super),
            _ => None,
        }
    }
}

/// The spellings that are understood; the first of a key is the one messages use.
const NAMES: [(&str, NamedKey); 26] = [
    ("Return", NamedKey::Return),
    ("Enter", NamedKey::Return),
    ("Escape", NamedKey::Escape),
    ("Esc", NamedKey::Escape),
    ("Tab", NamedKey::Tab),
    ("BackSpace", NamedKey::BackSpace),
    ("Delete", NamedKey::Delete),
    ("Del", NamedKey::Delete),
    ("Insert", NamedKey::Insert),
    ("Home", NamedKey::Home),
    ("End", NamedKey::End),
    ("PageUp", NamedKey::PageUp),
    ("Page_Up", NamedKey::PageUp),
    ("PgUp", NamedKey::PageUp),
    ("PageDown", NamedKey::PageDown),
    ("Page_Down", NamedKey::PageDown),
    ("PgDn", NamedKey::PageDown),
    ("Up", NamedKey::Up),
    ("Down", NamedKey::Down),
    ("Left", NamedKey::Left),
    ("Right", NamedKey::Right),
    ("Space", NamedKey::Space),
    ("Menu", NamedKey::Menu),
    ("Print", NamedKey::Print),
    ("Pause", NamedKey::Pause),
    ("CapsLock", NamedKey::CapsLock),
];

impl NamedKey {
    /// Case does not matter.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(number) = text.strip_prefix(['F', 'f']).and_then(|digits| digits.parse().ok()) {
            return (1..=24).contains(&number).then_some(Self::F(number));
        }
        NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, key)| *key)
    }

    fn nearest(text: &str) -> Option<&'static str> {
        let lower = text.to_ascii_lowercase();
        let scored = NAMES.iter().map(|(name, _)| (strsim::jaro_winkler(&name.to_ascii_lowercase(), &lower), *name));
        scored.filter(|(score, _)| *score > 0.75).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
    }
}

impl fmt::Display for Modifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ctrl => "ctrl",
            Self::Alt => "alt",
            Self::Shift => "shift",
            Self::Super => "super",
        })
    }
}

impl fmt::Display for NamedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::F(number) = self {
            return write!(f, "F{number}");
        }
        f.write_str(NAMES.iter().find(|(_, key)| key == self).map_or("?", |(name, _)| name))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(key) => key.fmt(f),
            Self::Character(character) => character.fmt(f),
            Self::Modifier(modifier) => modifier.fmt(f),
        }
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for modifier in &self.modifiers {
            write!(f, "{modifier}+")?;
        }
        self.key.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chords_are_read_in_any_case_and_printed_in_one() {
        for (written, printed) in [
            ("ctrl+s", "ctrl+s"),
            ("Shift+Ctrl+S", "ctrl+shift+s"),
            ("Page_Up", "PageUp"),
            ("enter", "Return"),
            ("f12", "F12"),
            ("ctrl++", "ctrl++"),
            ("+", "+"),
            ("alt", "alt"),
            ("win+r", "super+r"),
            ("alt+F4", "alt+F4"),
            ("ü", "ü"),
        ] {
            assert_eq!(Chord::parse(written).map(|chord| chord.to_string()), Ok(printed.to_owned()), "{written}");
        }
    }

    #[test]
    fn a_wrong_key_names_the_nearest_right_one() {
        assert_eq!(Chord::parse("Retrun"), Err(("there is no key Retrun".to_owned(), Some("Return"))));
        assert_eq!(Chord::parse("F25"), Err(("there is no key F25".to_owned(), None)));
        for wrong in ["", "ctrl+", "ctl+s", "ctrl+ctrl+s", "ctrl+shift", "s+ctrl", "++a"] {
            assert!(Chord::parse(wrong).is_err(), "{wrong}");
        }
    }
}
