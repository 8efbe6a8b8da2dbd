//! Keys: strokes sent while the server listens to nobody else, so that the focus cannot change between the check and the key.

use std::{thread, time::Duration};

use x11rb::protocol::{
    xproto::{ConnectionExt as _, KEY_PRESS_EVENT, KEY_RELEASE_EVENT, KeyButMask, Keycode},
    xtest::ConnectionExt as _,
};

use super::{
    X11,
    keymap::{CAPS_LOCK, Keymap},
    link::Link,
    windows,
};
use crate::desktop::{
    Chord, DesktopError, Foreground, Key, Modifier, Pass, Stopwatch, TypeOptions, WindowId,
    typing::{Keyboard, check_focus},
};

/// Between the keys of a chord: applications that look at the state of modifiers need it.
const CHORD_PAUSE: Duration = Duration::from_millis(8);

/// How long the server may take to switch `CapsLock`.
const LOCK_SWITCH: Duration = Duration::from_millis(500);

impl X11 {
    /// Presses one chord. The keys that were pressed are released whatever happens.
    pub(super) fn press_chord(&mut self, chord: &Chord) -> Result<(), DesktopError> {
        self.pass.check()?;
        let keymap = Keymap::read(&self.link)?;
        let (modifiers, code) = resolve(&keymap, chord)?;
        self.with_modifiers(&modifiers, |desktop| {
            fake(&desktop.link, code, true)?;
            desktop.link.sync()?;
            thread::sleep(CHORD_PAUSE);
            fake(&desktop.link, code, false)?;
            desktop.link.sync()
        })
    }

    /// Presses one chord, but only into one window.
    pub(super) fn press_chord_into(&mut self, chord: &Chord, window: &Foreground) -> Result<(), DesktopError> {
        self.pass.check()?;
        let keymap = Keymap::read(&self.link)?;
        let (modifiers, code) = resolve(&keymap, chord)?;
        let held = codes_of(&keymap, &modifiers)?;
        if press_into(&self.link, &held, code, window.id)? { Ok(()) } else { self.focus_lost(window) }
    }

    /// The focus was elsewhere, even if only for a moment: reason enough to stop.
    fn focus_lost(&mut self, expected: &Foreground) -> Result<(), DesktopError> {
        check_focus(self, expected)?;
        Err(DesktopError::FocusLost { expected: expected.clone(), found: None })
    }

    /// Holds modifiers while `act` goes on.
    fn with_modifiers(
        &mut self,
        modifiers: &[Modifier],
        act: impl FnOnce(&mut Self) -> Result<(), DesktopError>,
    ) -> Result<(), DesktopError> {
        self.pass.check()?;
        let result = self.press_modifiers(modifiers).and_then(|()| act(self));
        self.release_modifiers(modifiers)?;
        result
    }

    pub(super) fn press_modifiers(&self, modifiers: &[Modifier]) -> Result<(), DesktopError> {
        for code in codes_of(&Keymap::read(&self.link)?, modifiers)? {
            fake(&self.link, code, true)?;
            self.link.sync()?;
            thread::sleep(CHORD_PAUSE);
        }
        Ok(())
    }

    pub(super) fn release_modifiers(&self, modifiers: &[Modifier]) -> Result<(), DesktopError> {
        for code in codes_of(&Keymap::read(&self.link)?, modifiers)?.iter().rev() {
            fake(&self.link, *code, false)?;
        }
        self.link.sync()
    }

    /// Releases every key the server holds for down: a hung thread before us may have left some.
    pub(super) fn release_keys(&self) -> Result<(), DesktopError> {
        let down = self.link.connection.query_keymap()?.reply()?.keys;
        for code in 8..=255_u8 {
            if down[usize::from(code / 8)] & (1 << (code % 8)) != 0 {
                fake(&self.link, code, false)?;
            }
        }
        self.link.sync()
    }
}

impl Keyboard for X11 {
    fn pass(&self) -> &Pass {
        &self.pass
    }

    fn foreground(&mut self) -> Result<Option<Foreground>, DesktopError> {
        windows::foreground(&self.link)
    }

    fn has_key(&mut self, char: char) -> Result<bool, DesktopError> {
        // Read once for a text: typing begins by asking for every character.
        let keymap = match self.keymap.take() {
            Some(keymap) => keymap,
            None => Keymap::read(&self.link)?,
        };
        Ok(self.keymap.insert(keymap).stroke(char).is_some())
    }

    fn caps_lock(&mut self) -> Result<bool, DesktopError> {
        let mask = self.link.connection.query_pointer(self.link.root)?.reply()?.mask;
        Ok(mask.contains(KeyButMask::LOCK))
    }

    fn toggle_caps_lock(&mut self) -> Result<(), DesktopError> {
        let before = self.caps_lock()?;
        let none = || DesktopError::Input("CapsLock is on and no key switches it off: switch it off by hand".into());
        let code = Keymap::read(&self.link)?.code(CAPS_LOCK).ok_or_else(none)?;
        fake(&self.link, code, true)?;
        fake(&self.link, code, false)?;
        let watch = Stopwatch::start();
        while self.caps_lock()? == before {
            if watch.left(LOCK_SWITCH).is_none() {
                return Err(none());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn burst(&mut self, burst: &str, expected: &Foreground, pause_ms: u32) -> Result<(), DesktopError> {
        let keymap = Keymap::read(&self.link)?;
        for char in burst.chars() {
            let stroke = keymap.stroke(char).ok_or_else(|| DesktopError::Untypable("a character".into()))?;
            self.pass.check()?;
            let held = codes_of(&keymap, &stroke.modifiers())?;
            if !press_into(&self.link, &held, stroke.code, expected.id)? {
                return self.focus_lost(expected);
            }
            thread::sleep(Duration::from_millis(pause_ms.into()));
        }
        Ok(())
    }

    fn paste(&mut self, text: &str, expected: &Foreground, options: &TypeOptions) -> Result<bool, DesktopError> {
        self.paste_by_chord(text, expected, options)
    }

    fn release_all(&mut self) -> Result<(), DesktopError> {
        self.release_keys()?;
        self.release_buttons()
    }
}

/// Modifiers and key of a chord on this keyboard.
fn resolve(keymap: &Keymap, chord: &Chord) -> Result<(Vec<Modifier>, Keycode), DesktopError> {
    let none = || DesktopError::Untypable(format!("`{chord}`"));
    let mut modifiers = chord.modifiers.clone();
    let code = match chord.key {
        Key::Named(named) => keymap.named(named),
        Key::Modifier(modifier) => keymap.modifier(modifier),
        Key::Char(char) => {
            let stroke = keymap.stroke(char).ok_or_else(none)?;
            modifiers.extend(stroke.modifiers().into_iter().filter(|modifier| !chord.modifiers.contains(modifier)));
            Some(stroke.code)
        }
    };
    Ok((modifiers, code.ok_or_else(none)?))
}

fn codes_of(keymap: &Keymap, modifiers: &[Modifier]) -> Result<Vec<Keycode>, DesktopError> {
    let none = |modifier: &Modifier| DesktopError::Untypable(format!("the modifier `{modifier}`"));
    modifiers.iter().map(|modifier| keymap.modifier(*modifier).ok_or_else(|| none(modifier))).collect()
}

/// One key with others held into one window, or false where another has the focus. While it lasts, about a tenth of a millisecond, the
/// server serves only us.
fn press_into(link: &Link, held: &[Keycode], code: Keycode, window: WindowId) -> Result<bool, DesktopError> {
    link.connection.grab_server()?;
    let typed = || {
        let focus = link.connection.get_input_focus()?.reply()?.focus;
        if windows::top_level(link, focus)?.map(|id| WindowId(id.into())) != Some(window) {
            return Ok(false);
        }
        for code in held {
            fake(link, *code, true)?;
        }
        fake(link, code, true)?;
        fake(link, code, false)?;
        for code in held.iter().rev() {
            fake(link, *code, false)?;
        }
        Ok(true)
    };
    let result = typed();
    link.connection.ungrab_server()?;
    link.sync()?;
    result
}

fn fake(link: &Link, code: Keycode, press: bool) -> Result<(), DesktopError> {
    let event = if press { KEY_PRESS_EVENT } else { KEY_RELEASE_EVENT };
    link.connection.xtest_fake_input(event, code, x11rb::CURRENT_TIME, link.root, 0, 0, 0)?;
    Ok(())
}
