//! Keys, chords and buttons, parsed from what people write: `ctrl+shift+s`, `Return`, `F5`, `a`.

use std::{fmt, str::FromStr};

/// A mouse button.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Button {
    #[default]
    Left,
    Middle,
    Right,
}

impl FromStr for Button {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        match text.to_ascii_lowercase().as_str() {
            "left" => Ok(Self::Left),
            "middle" => Ok(Self::Middle),
            "right" => Ok(Self::Right),
            _ => Err(KeyError::Button { written: text.into(), nearest: nearest(text, ["left", "middle", "right"]) }),
        }
    }
}

/// A key that is held while another is pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Modifier {
    Ctrl,
    Shift,
    Alt,
    /// The Windows or command key.
    Super,
    AltGr,
}

const MODIFIERS: [(&str, Modifier); 9] = [
    ("ctrl", Modifier::Ctrl),
    ("control", Modifier::Ctrl),
    ("shift", Modifier::Shift),
    ("alt", Modifier::Alt),
    ("super", Modifier::Super),
    ("win", Modifier::Super),
    ("cmd", Modifier::Super),
    ("meta", Modifier::Super),
    ("altgr", Modifier::AltGr),
];

impl FromStr for Modifier {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let name = text.trim().to_ascii_lowercase();
        MODIFIERS.iter().find(|(known, _)| *known == name).map(|(_, modifier)| *modifier).ok_or_else(|| {
            KeyError::Modifier { written: text.into(), nearest: nearest(text, MODIFIERS.iter().map(|(name, _)| *name)) }
        })
    }
}

/// A key without a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NamedKey {
    Return,
    Escape,
    Tab,
    Backspace,
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
    Print,
    Pause,
    Menu,
    CapsLock,
    NumLock,
    ScrollLock,
    /// F1 to F24.
    F(u8),
}

/// First the name that is printed, then other spellings.
const NAMED: [(&str, NamedKey); 31] = [
    ("Return", NamedKey::Return),
    ("Enter", NamedKey::Return),
    ("Escape", NamedKey::Escape),
    ("Esc", NamedKey::Escape),
    ("Tab", NamedKey::Tab),
    ("Backspace", NamedKey::Backspace),
    ("Delete", NamedKey::Delete),
    ("Del", NamedKey::Delete),
    ("Insert", NamedKey::Insert),
    ("Ins", NamedKey::Insert),
    ("Home", NamedKey::Home),
    ("End", NamedKey::End),
    ("PageUp", NamedKey::PageUp),
    ("Page_Up", NamedKey::PageUp),
    ("Prior", NamedKey::PageUp),
    ("PageDown", NamedKey::PageDown),
    ("Page_Down", NamedKey::PageDown),
    ("Next", NamedKey::PageDown),
    ("Up", NamedKey::Up),
    ("Down", NamedKey::Down),
    ("Left", NamedKey::Left),
    ("Right", NamedKey::Right),
    ("Print", NamedKey::Print),
    ("PrintScreen", NamedKey::Print),
    ("Pause", NamedKey::Pause),
    ("Menu", NamedKey::Menu),
    ("CapsLock", NamedKey::CapsLock),
    ("Caps_Lock", NamedKey::CapsLock),
    ("NumLock", NamedKey::NumLock),
    ("Num_Lock", NamedKey::NumLock),
    ("ScrollLock", NamedKey::ScrollLock),
];

impl NamedKey {
    /// Every one; some more than once.
    #[cfg(any(target_os = "linux", windows))]
    pub(super) fn all() -> impl Iterator<Item = Self> {
        NAMED.iter().map(|(_, key)| *key).chain((1..=24).map(Self::F))
    }
}

/// Characters that are better written by name.
const CHARACTERS: [(&str, char); 9] = [
    ("Space", ' '),
    ("Plus", '+'),
    ("Minus", '-'),
    ("Comma", ','),
    ("Period", '.'),
    ("Slash", '/'),
    ("Backslash", '\\'),
    ("Equal", '='),
    ("Underscore", '_'),
];

/// What is pressed in a chord.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    Char(char),
    Named(NamedKey),
    /// A modifier pressed and released by itself.
    Modifier(Modifier),
}

/// Modifiers and one key.
///
/// A letter beside a modifier is its key, not its capital: `ctrl+S` is `ctrl+s`; write `ctrl+shift+s` for the other. A letter alone is
/// the character: `A` is typed with shift.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Chord {
    pub modifiers: Vec<Modifier>,
    pub key: Key,
}

/// Why a text is no chord.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("a key is missing: write for example ctrl+s, Return or F5")]
    Empty,
    #[error("there is no key `{written}`{}", did_you_mean(.nearest.as_deref()))]
    Key { written: String, nearest: Option<String> },
    #[error("there is no modifier `{written}`{}; the modifiers are ctrl, shift, alt, altgr and super", did_you_mean(.nearest.as_deref()))]
    Modifier { written: String, nearest: Option<String> },
    #[error("there is no button `{written}`{}; the buttons are left, middle and right", did_you_mean(.nearest.as_deref()))]
    Button { written: String, nearest: Option<String> },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(": did you mean `{name}`?"))
}

impl FromStr for Chord {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let text = if text == " " { text } else { text.trim() };
        let (before, last) = match text {
            "" => return Err(KeyError::Empty),
            "+" => ("", "+"),
            // The plus key itself: `ctrl++`.
            _ if text.ends_with("++") => (&text[..text.len() - 2], "+"),
            _ => text.rsplit_once('+').unwrap_or(("", text)),
        };
        let mut modifiers = Vec::new();
        for part in before.split('+').filter(|_| !before.is_empty()) {
            let modifier = part.parse()?;
            if !modifiers.contains(&modifier) {
                modifiers.push(modifier);
            }
        }
        let key = match last.parse()? {
            Key::Char(letter) if !modifiers.is_empty() => Key::Char(lower(letter)),
            key => key,
        };
        Ok(Self { modifiers, key })
    }
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut chars = text.chars();
        if let (Some(only), None) = (chars.next(), chars.next()) {
            return Ok(Self::Char(only));
        }
        let name = text.trim();
        if name.is_empty() {
            return Err(KeyError::Empty);
        }
        if let Some((_, named)) = NAMED.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            return Ok(Self::Named(*named));
        }
        if let Some((_, char)) = CHARACTERS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            return Ok(Self::Char(*char));
        }
        if let Some(number) = name.strip_prefix(['F', 'f']).and_then(|digits| digits.parse().ok())
            && (1..=24).contains(&number)
        {
            return Ok(Self::Named(NamedKey::F(number)));
        }
        if let Ok(modifier) = name.parse() {
            return Ok(Self::Modifier(modifier));
        }
        let names = NAMED.iter().map(|(name, _)| *name).chain(CHARACTERS.iter().map(|(name, _)| *name));
        let nearest = nearest(name, names.chain(MODIFIERS.iter().map(|(name, _)| *name)));
        Err(KeyError::Key { written: text.into(), nearest })
    }
}

fn lower(letter: char) -> char {
    let mut lower = letter.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(only), None) => only,
        _ => letter,
    }
}

fn nearest<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let written = written.to_ascii_lowercase();
    names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&written, &name.to_ascii_lowercase()), name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.to_owned())
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for modifier in &self.modifiers {
            write!(f, "{modifier}+")?;
        }
        self.key.fmt(f)
    }
}

impl fmt::Display for Modifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ctrl => "ctrl",
            Self::Shift => "shift",
            Self::Alt => "alt",
            Self::Super => "super",
            Self::AltGr => "altgr",
        })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Char(' ') => f.write_str("Space"),
            Self::Char(char) => write!(f, "{char}"),
            Self::Named(NamedKey::F(number)) => write!(f, "F{number}"),
            Self::Named(named) => {
                f.write_str(NAMED.iter().find(|(_, known)| known == named).map_or("?", |(name, _)| name))
            }
            Self::Modifier(modifier) => modifier.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chord(text: &str) -> Chord {
        text.parse().unwrap()
    }

    #[test]
    fn chords_are_read_as_people_write_them() {
        assert_eq!(
            chord("ctrl+shift+s"),
            Chord { modifiers: vec![Modifier::Ctrl, Modifier::Shift], key: Key::Char('s') }
        );
        assert_eq!(chord("Control+S"), chord("ctrl+s"));
        assert_eq!(chord("A").key, Key::Char('A'));
        assert_eq!(chord("return").key, Key::Named(NamedKey::Return));
        assert_eq!(chord("F5").key, Key::Named(NamedKey::F(5)));
        assert_eq!(chord("f").key, Key::Char('f'));
        assert_eq!(chord("super").key, Key::Modifier(Modifier::Super));
        assert_eq!(chord("ctrl++"), Chord { modifiers: vec![Modifier::Ctrl], key: Key::Char('+') });
        assert_eq!(chord("+").key, Key::Char('+'));
        assert_eq!(chord(" ").key, Key::Char(' '));
        assert_eq!(chord("é").key, Key::Char('é'));
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_nearest_right_one() {
        let said = |text: &str| text.parse::<Chord>().unwrap_err().to_string();
        assert_eq!(said("Retrun"), "there is no key `Retrun`: did you mean `Return`?");
        assert!(said("crtl+s").contains("no modifier `crtl`: did you mean `ctrl`?"), "{}", said("crtl+s"));
        assert_eq!(said("F25"), "there is no key `F25`");
        assert_eq!(said(""), "a key is missing: write for example ctrl+s, Return or F5");
        assert!(said("s+ctrl").contains("no modifier `s`"));
        assert_eq!(said("ctrl+"), "a key is missing: write for example ctrl+s, Return or F5");
        assert!("rigth".parse::<Button>().unwrap_err().to_string().contains("did you mean `right`?"));
    }

    #[test]
    fn a_chord_prints_as_it_is_written() {
        for text in ["ctrl+shift+s", "Return", "F12", "alt+Space", "altgr+e", "ctrl++", "PageDown"] {
            assert_eq!(chord(text).to_string(), text);
        }
    }
}
