//! Which key makes which character: the server's keyboard mapping, read anew for every text because layouts change.

use x11rb::{
    connection::Connection,
    protocol::xproto::{ConnectionExt as _, Keycode},
};

use super::link::Link;
use crate::desktop::{Chord, DesktopError, Key, Modifier, NamedKey, listen::Meaning};

/// Names of keys in X (keysyms).
pub(super) type Symbol = u32;

const SHIFT: Symbol = 0xffe1;
const LEVEL_3: Symbol = 0xfe03;
pub(super) const CAPS_LOCK: Symbol = 0xffe5;

/// How a character is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stroke {
    pub(super) code: Keycode,
    pub(super) shift: bool,
    pub(super) alt_gr: bool,
}

impl Stroke {
    pub(super) fn modifiers(self) -> Vec<Modifier> {
        let held = [(self.shift, Modifier::Shift), (self.alt_gr, Modifier::AltGr)];
        held.into_iter().filter(|(needed, _)| *needed).map(|(_, modifier)| modifier).collect()
    }
}

/// What is down or switched on while a key is pressed: the state of an event.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pressed(u16);

impl Pressed {
    const SHIFT: u16 = 1;
    const CAPS_LOCK: u16 = 1 << 1;
    const NUM_LOCK: u16 = 1 << 4;
    const ALT_GR: u16 = 1 << 7;
    /// As keyboards are set up everywhere.
    const ALL: [(u16, Modifier); 5] = [
        (1 << 2, Modifier::Ctrl),
        (Self::SHIFT, Modifier::Shift),
        (1 << 3, Modifier::Alt),
        (1 << 6, Modifier::Super),
        (Self::ALT_GR, Modifier::AltGr),
    ];

    pub(super) fn of(state: u16) -> Self {
        Self(state)
    }

    pub(super) fn modifiers(self) -> Vec<Modifier> {
        Self::ALL.into_iter().filter(|(bit, _)| self.has(*bit)).map(|(_, modifier)| modifier).collect()
    }

    fn has(self, bit: u16) -> bool {
        self.0 & bit != 0
    }

    /// Modifiers that make a command of a character.
    fn commands(self) -> bool {
        self.modifiers().iter().any(|modifier| !matches!(modifier, Modifier::Shift | Modifier::AltGr))
    }

    fn group(self) -> usize {
        usize::from((self.0 >> 13) & 3).min(1)
    }
}

/// The keyboard as it is now.
pub(super) struct Keymap {
    first: Keycode,
    /// For each key from the first: its symbols by group and level.
    keys: Vec<Vec<Symbol>>,
    /// The layout that is switched on, 0 or 1.
    group: usize,
}

impl Keymap {
    pub(super) fn read(link: &Link) -> Result<Self, DesktopError> {
        let setup = link.connection.setup();
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let reply = link.connection.get_keyboard_mapping(first, last - first + 1)?.reply()?;
        let keys = reply.keysyms.chunks(usize::from(reply.keysyms_per_keycode).max(1)).map(<[u32]>::to_vec).collect();
        // The layout's number travels in bits the core protocol leaves free.
        let state = u16::from(link.connection.query_pointer(link.root)?.reply()?.mask);
        Ok(Self { first, keys, group: usize::from((state >> 13) & 3).min(1) })
    }

    /// The key with this symbol at the plain level.
    pub(super) fn code(&self, symbol: Symbol) -> Option<Keycode> {
        let at_level = |level: usize| self.keys.iter().position(|key| key.get(level) == Some(&symbol));
        (0..4).find_map(at_level).and_then(|at| self.keycode(at))
    }

    pub(super) fn modifier(&self, modifier: Modifier) -> Option<Keycode> {
        self.code(match modifier {
            Modifier::Shift => SHIFT,
            Modifier::Ctrl => 0xffe3,
            Modifier::Alt => 0xffe9,
            Modifier::Super => 0xffeb,
            Modifier::AltGr => LEVEL_3,
        })
    }

    pub(super) fn named(&self, key: NamedKey) -> Option<Keycode> {
        self.code(named_symbol(key))
    }

    /// How to make a character in the layout that is switched on; `None` where no key has it.
    pub(super) fn stroke(&self, char: char) -> Option<Stroke> {
        let wanted = char_symbol(char);
        // Four levels, plain first: group one has its higher levels behind group two.
        let levels: &[(usize, bool, bool)] = if self.group == 0 {
            &[(0, false, false), (1, true, false), (4, false, true), (5, true, true)]
        } else {
            &[(2, false, false), (3, true, false)]
        };
        levels.iter().find_map(|(column, shift, alt_gr)| {
            let at = self.keys.iter().position(|key| key.get(*column) == Some(&wanted))?;
            if *alt_gr && self.modifier(Modifier::AltGr).is_none() {
                return None;
            }
            Some(Stroke { code: self.keycode(at)?, shift: *shift, alt_gr: *alt_gr })
        })
    }

    /// What pressing a key means with this held.
    pub(super) fn meaning(&self, code: Keycode, pressed: Pressed) -> Meaning {
        let Some(symbol) = self.symbol(code, pressed) else { return Meaning::Nothing };
        if let Some(modifier) = modifier_of(symbol) {
            return Meaning::Held(modifier);
        }
        if let Some(named) = named_of(symbol) {
            return Meaning::Chord(Chord { modifiers: pressed.modifiers(), key: Key::Named(named) });
        }
        if let Some((_, mark)) = DEAD.iter().find(|(dead, _)| *dead == symbol) {
            return Meaning::Dead(*mark);
        }
        let Some(char) = xkeysym::Keysym::new(symbol).key_char().filter(|char| !char.is_control()) else {
            let name = xkeysym::Keysym::new(symbol).name().map_or_else(|| format!("{symbol:#x}"), str::to_lowercase);
            return Meaning::Unknown(name.trim_start_matches("xk_").to_owned());
        };
        if !pressed.commands() {
            let flips = pressed.has(Pressed::CAPS_LOCK);
            return Meaning::Character(if flips { other_case(char) } else { char });
        }
        // The key that is struck, not what shift makes of it.
        let plain = self.symbol(code, Pressed(pressed.0 & !Pressed::SHIFT & !Pressed::ALT_GR));
        let key = plain.and_then(|symbol| xkeysym::Keysym::new(symbol).key_char()).unwrap_or(char);
        Meaning::Chord(Chord { modifiers: pressed.modifiers(), key: Key::Char(key) })
    }

    fn symbol(&self, code: Keycode, pressed: Pressed) -> Option<Symbol> {
        let key = self.keys.get(usize::from(code.checked_sub(self.first)?))?;
        let at = |column: usize| key.get(column).copied().filter(|symbol| *symbol != 0);
        // The number pad is turned by its own lock.
        let is_pad = at(1).is_some_and(|symbol| xkeysym::Keysym::new(symbol).is_keypad_key());
        let shift = pressed.has(Pressed::SHIFT) != (is_pad && pressed.has(Pressed::NUM_LOCK));
        let column = match (pressed.group(), pressed.has(Pressed::ALT_GR)) {
            (0, false) => 0,
            (0, true) => 4,
            _ => 2,
        };
        let level = usize::from(shift);
        at(column + level).or_else(|| at(column)).or_else(|| at(level)).or_else(|| at(0))
    }

    fn keycode(&self, at: usize) -> Option<Keycode> {
        Keycode::try_from(at).ok()?.checked_add(self.first)
    }
}

/// Latin-1 is its own symbol, a few have old ones, the rest follows the Unicode rule.
fn char_symbol(char: char) -> Symbol {
    match char {
        '\n' => named_symbol(NamedKey::Return),
        '\t' => named_symbol(NamedKey::Tab),
        '€' => 0x20ac,
        ' '..='~' | '\u{a0}'..='ÿ' => u32::from(char),
        _ => 0x0100_0000 + u32::from(char),
    }
}

fn named_symbol(key: NamedKey) -> Symbol {
    match key {
        NamedKey::Return => 0xff0d,
        NamedKey::Escape => 0xff1b,
        NamedKey::Tab => 0xff09,
        NamedKey::Backspace => 0xff08,
        NamedKey::Delete => 0xffff,
        NamedKey::Insert => 0xff63,
        NamedKey::Home => 0xff50,
        NamedKey::Left => 0xff51,
        NamedKey::Up => 0xff52,
        NamedKey::Right => 0xff53,
        NamedKey::Down => 0xff54,
        NamedKey::PageUp => 0xff55,
        NamedKey::PageDown => 0xff56,
        NamedKey::End => 0xff57,
        NamedKey::Print => 0xff61,
        NamedKey::Pause => 0xff13,
        NamedKey::Menu => 0xff67,
        NamedKey::CapsLock => CAPS_LOCK,
        NamedKey::NumLock => 0xff7f,
        NamedKey::ScrollLock => 0xff14,
        NamedKey::F(number) => 0xffbd + u32::from(number),
    }
}

fn named_of(symbol: Symbol) -> Option<NamedKey> {
    Some(match symbol {
        // Tab with shift has a name of its own.
        0xfe20 => NamedKey::Tab,
        // The number pad's.
        0xff8d => NamedKey::Return,
        0xff95 => NamedKey::Home,
        0xff96 => NamedKey::Left,
        0xff97 => NamedKey::Up,
        0xff98 => NamedKey::Right,
        0xff99 => NamedKey::Down,
        0xff9a => NamedKey::PageUp,
        0xff9b => NamedKey::PageDown,
        0xff9c => NamedKey::End,
        0xff9e => NamedKey::Insert,
        0xff9f => NamedKey::Delete,
        _ => return NamedKey::all().find(|key| named_symbol(*key) == symbol),
    })
}

/// Accents that wait for their letter, as combining characters.
const DEAD: [(Symbol, char); 13] = [
    (0xfe50, '\u{300}'),
    (0xfe51, '\u{301}'),
    (0xfe52, '\u{302}'),
    (0xfe53, '\u{303}'),
    (0xfe54, '\u{304}'),
    (0xfe55, '\u{306}'),
    (0xfe56, '\u{307}'),
    (0xfe57, '\u{308}'),
    (0xfe58, '\u{30a}'),
    (0xfe59, '\u{30b}'),
    (0xfe5a, '\u{30c}'),
    (0xfe5b, '\u{327}'),
    (0xfe5c, '\u{328}'),
];

fn modifier_of(symbol: Symbol) -> Option<Modifier> {
    match symbol {
        0xffe1 | 0xffe2 => Some(Modifier::Shift),
        0xffe3 | 0xffe4 => Some(Modifier::Ctrl),
        0xffe7..=0xffea => Some(Modifier::Alt),
        0xffeb..=0xffee => Some(Modifier::Super),
        LEVEL_3 | 0xff7e => Some(Modifier::AltGr),
        _ => None,
    }
}

fn other_case(char: char) -> char {
    let turned: String =
        if char.is_lowercase() { char.to_uppercase().collect() } else { char.to_lowercase().collect() };
    let mut chars = turned.chars();
    match (chars.next(), chars.next()) {
        (Some(only), None) => only,
        _ => char,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three keys of a German keyboard with a Russian second layout.
    fn keymap(group: usize) -> Keymap {
        let keys = vec![
            vec![0x71, 0x51, 0x6ca, 0x6ea, 0x40, 0x7d9],
            vec![0xe4, 0xc4, 0x6dc, 0x6fc, 0, 0],
            vec![SHIFT, 0, SHIFT, 0, 0, 0],
            vec![LEVEL_3, 0, LEVEL_3, 0, 0, 0],
        ];
        Keymap { first: 8, keys, group }
    }

    #[test]
    fn a_character_is_made_by_its_level_of_the_layout() {
        let stroke = |char| keymap(0).stroke(char);
        assert_eq!(stroke('q'), Some(Stroke { code: 8, shift: false, alt_gr: false }));
        assert_eq!(stroke('Q'), Some(Stroke { code: 8, shift: true, alt_gr: false }));
        assert_eq!(stroke('@'), Some(Stroke { code: 8, shift: false, alt_gr: true }));
        assert_eq!(stroke('ä'), Some(Stroke { code: 9, shift: false, alt_gr: false }));
        assert_eq!(stroke('漢'), None);
        assert_eq!(keymap(0).modifier(Modifier::Shift), Some(10));
    }

    #[test]
    fn in_the_other_layout_the_same_key_makes_something_else() {
        assert_eq!(keymap(1).stroke('q'), None, "so it is pasted instead of typed wrong");
    }

    #[test]
    fn a_press_means_what_the_layout_makes_of_it() {
        let keys = vec![
            vec![0x61, 0x41],
            vec![0x3d, 0x2b],
            vec![0xff95, 0xffb7],
            vec![0xfe51, 0],
            vec![SHIFT],
            vec![0xff0d],
            vec![0, 0],
        ];
        let keymap = Keymap { first: 8, keys, group: 0 };
        let meaning = |code, state| keymap.meaning(code, Pressed::of(state));
        let chord = |text: &str| Meaning::Chord(text.parse().unwrap());
        assert_eq!(meaning(8, 0), Meaning::Character('a'));
        assert_eq!(meaning(8, Pressed::SHIFT), Meaning::Character('A'));
        assert_eq!(meaning(8, Pressed::CAPS_LOCK), Meaning::Character('A'));
        assert_eq!(meaning(8, Pressed::CAPS_LOCK | Pressed::SHIFT), Meaning::Character('a'));
        assert_eq!(meaning(9, Pressed::SHIFT), Meaning::Character('+'));
        assert_eq!(meaning(8, 1 << 2 | Pressed::SHIFT), chord("ctrl+shift+a"));
        assert_eq!(meaning(9, 1 << 2 | Pressed::SHIFT), chord("ctrl+shift+="));
        assert_eq!(meaning(10, 0), chord("Home"));
        assert_eq!(meaning(10, Pressed::NUM_LOCK), Meaning::Character('7'));
        assert_eq!(meaning(11, 0), Meaning::Dead('\u{301}'));
        assert_eq!(meaning(12, 0), Meaning::Held(Modifier::Shift));
        assert_eq!(meaning(13, Pressed::SHIFT), chord("shift+Return"));
        assert_eq!((meaning(14, 0), meaning(200, 0)), (Meaning::Nothing, Meaning::Nothing));
    }

    #[test]
    fn the_other_layout_is_heard_by_its_number() {
        let typed = |state| keymap(0).meaning(8, Pressed::of(state));
        assert_eq!(typed(0), Meaning::Character('q'));
        assert_eq!(typed(1 << 13), Meaning::Character('й'));
        assert_eq!(typed(1 << 13 | Pressed::SHIFT), Meaning::Character('Й'));
        assert_eq!(typed(Pressed::ALT_GR), Meaning::Character('@'));
    }
}
