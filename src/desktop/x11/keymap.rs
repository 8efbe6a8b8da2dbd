//! Which key makes which character: the server's keyboard mapping, read anew for every text because layouts change.

use x11rb::{
    connection::Connection,
    protocol::xproto::{ConnectionExt as _, Keycode},
};

use super::link::Link;
use crate::desktop::{DesktopError, Modifier, NamedKey};

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
}
