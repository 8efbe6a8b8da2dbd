//! Keys: characters as themselves, chords by the codes of the layout, `CapsLock` off while text is typed.

#![expect(unsafe_code, reason = "the system's calls are foreign functions")]

use std::{thread, time::Duration};

use windows::Win32::UI::Input::KeyboardAndMouse::{
    GetKeyState, INPUT, VIRTUAL_KEY, VK_APPS, VK_BACK, VK_CAPITAL, VK_DELETE, VK_DOWN, VK_END, VK_ESCAPE, VK_F1,
    VK_HOME, VK_INSERT, VK_LCONTROL, VK_LEFT, VK_LMENU, VK_LSHIFT, VK_LWIN, VK_NEXT, VK_NUMLOCK, VK_PAUSE, VK_PRIOR,
    VK_RETURN, VK_RIGHT, VK_RMENU, VK_SCROLL, VK_SNAPSHOT, VK_TAB, VK_UP, VkKeyScanW,
};

use super::{
    Win32,
    clipboard::{self, Content},
    input, session, shown,
};
use crate::desktop::{
    Chord, DesktopError, Foreground, Key, Modifier, NamedKey, Pass, Stopwatch, TypeOptions,
    typing::{self, Keyboard},
};

/// Between the keys of a chord: applications that look at the state of modifiers need it.
const CHORD_PAUSE: Duration = Duration::from_millis(8);

/// How long the system may take to switch `CapsLock`.
const LOCK_SWITCH: Duration = Duration::from_millis(500);

/// How long an application may take to fetch what is pasted.
const PASTE: Duration = Duration::from_secs(3);

/// It fetches it when it gets to the key, which is after it has answered.
const PASTE_QUIET: Duration = Duration::from_millis(250);

/// Presses one chord and releases it, whatever happens.
pub(super) fn press(chord: &Chord) -> Result<(), DesktopError> {
    let (modifiers, code) = resolve(chord)?;
    let mut pressed = Vec::new();
    let result = modifiers.iter().chain([&code]).try_for_each(|key| {
        input::send(&[input::key(*key, true)])?;
        pressed.push(*key);
        thread::sleep(CHORD_PAUSE);
        Ok(())
    });
    let up: Vec<INPUT> = pressed.iter().rev().map(|key| input::key(*key, false)).collect();
    if !up.is_empty() {
        input::send(&up)?;
    }
    result
}

/// Modifiers and key of a chord on this layout.
fn resolve(chord: &Chord) -> Result<(Vec<VIRTUAL_KEY>, VIRTUAL_KEY), DesktopError> {
    let mut modifiers = chord.modifiers.clone();
    let code = match chord.key {
        Key::Named(key) => named(key),
        Key::Modifier(key) => modifier(key),
        Key::Char(char) => {
            let (code, needed) = stroke(char).ok_or_else(|| DesktopError::Untypable(format!("`{chord}`")))?;
            modifiers.extend(needed.into_iter().filter(|modifier| !chord.modifiers.contains(modifier)));
            code
        }
    };
    Ok((modifiers.into_iter().map(modifier).collect(), code))
}

/// The key of a character and what must be held with it. `None` where the layout has none.
fn stroke(char: char) -> Option<(VIRTUAL_KEY, Vec<Modifier>)> {
    const SHIFT: u8 = 1;
    const CTRL: u8 = 2;
    const ALT: u8 = 4;
    let unit = u16::try_from(u32::from(char)).ok()?;
    // SAFETY: takes and gives numbers.
    let [code, held] = unsafe { VkKeyScanW(unit) }.to_le_bytes();
    if code == u8::MAX && held == u8::MAX {
        return None;
    }
    let mut modifiers = Vec::new();
    if held & SHIFT != 0 {
        modifiers.push(Modifier::Shift);
    }
    if held & (CTRL | ALT) == CTRL | ALT {
        modifiers.push(Modifier::AltGr);
    }
    Some((VIRTUAL_KEY(code.into()), modifiers))
}

pub(super) fn modifier(modifier: Modifier) -> VIRTUAL_KEY {
    match modifier {
        Modifier::Ctrl => VK_LCONTROL,
        Modifier::Shift => VK_LSHIFT,
        Modifier::Alt => VK_LMENU,
        Modifier::Super => VK_LWIN,
        Modifier::AltGr => VK_RMENU,
    }
}

/// The key without a character that has this code.
pub(super) fn named_of(code: VIRTUAL_KEY) -> Option<NamedKey> {
    NamedKey::all().find(|key| named(*key) == code)
}

fn named(key: NamedKey) -> VIRTUAL_KEY {
    match key {
        NamedKey::Return => VK_RETURN,
        NamedKey::Escape => VK_ESCAPE,
        NamedKey::Tab => VK_TAB,
        NamedKey::Backspace => VK_BACK,
        NamedKey::Delete => VK_DELETE,
        NamedKey::Insert => VK_INSERT,
        NamedKey::Home => VK_HOME,
        NamedKey::End => VK_END,
        NamedKey::PageUp => VK_PRIOR,
        NamedKey::PageDown => VK_NEXT,
        NamedKey::Up => VK_UP,
        NamedKey::Down => VK_DOWN,
        NamedKey::Left => VK_LEFT,
        NamedKey::Right => VK_RIGHT,
        NamedKey::Print => VK_SNAPSHOT,
        NamedKey::Pause => VK_PAUSE,
        NamedKey::Menu => VK_APPS,
        NamedKey::CapsLock => VK_CAPITAL,
        NamedKey::NumLock => VK_NUMLOCK,
        NamedKey::ScrollLock => VK_SCROLL,
        NamedKey::F(number) => VIRTUAL_KEY(VK_F1.0 + u16::from(number.saturating_sub(1))),
    }
}

impl Keyboard for Win32 {
    fn pass(&self) -> &Pass {
        &self.pass
    }

    fn foreground(&mut self) -> Result<Option<Foreground>, DesktopError> {
        let foreground = shown::foreground();
        session::check_rights(foreground.as_ref())?;
        Ok(foreground)
    }

    /// Any character can be sent as itself.
    fn has_key(&mut self, char: char) -> Result<bool, DesktopError> {
        Ok(!char.is_control() || matches!(char, '\n' | '\t'))
    }

    fn caps_lock(&mut self) -> Result<bool, DesktopError> {
        // SAFETY: takes and gives numbers.
        Ok(unsafe { GetKeyState(VK_CAPITAL.0.into()) } & 1 != 0)
    }

    fn toggle_caps_lock(&mut self) -> Result<(), DesktopError> {
        let before = self.caps_lock()?;
        input::send(&[input::key(VK_CAPITAL, true), input::key(VK_CAPITAL, false)])?;
        let watch = Stopwatch::start();
        while self.caps_lock()? == before {
            if watch.left(LOCK_SWITCH).is_none() {
                let what = "CapsLock is on and its key does not switch it off: switch it off by hand";
                return Err(DesktopError::Input(what.into()));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn burst(&mut self, burst: &str, expected: &Foreground, pause_ms: u32) -> Result<(), DesktopError> {
        for char in burst.chars() {
            self.pass.check()?;
            typing::check_focus(self, expected)?;
            let events = match char {
                '\n' => vec![input::key(VK_RETURN, true), input::key(VK_RETURN, false)],
                '\t' => vec![input::key(VK_TAB, true), input::key(VK_TAB, false)],
                char => char
                    .encode_utf16(&mut [0; 2])
                    .iter()
                    .flat_map(|unit| [input::unicode(*unit, true), input::unicode(*unit, false)])
                    .collect(),
            };
            input::send(&events)?;
            thread::sleep(Duration::from_millis(pause_ms.into()));
        }
        Ok(())
    }

    fn has_code(&mut self, char: char) -> Result<bool, DesktopError> {
        Ok(matches!(char, '\n' | '\t') || stroke(char).is_some())
    }

    fn burst_of_codes(&mut self, burst: &str, expected: &Foreground, pause_ms: u32) -> Result<(), DesktopError> {
        for char in burst.chars() {
            self.pass.check()?;
            typing::check_focus(self, expected)?;
            let key = match char {
                '\n' => Key::Named(NamedKey::Return),
                '\t' => Key::Named(NamedKey::Tab),
                char => Key::Char(char),
            };
            press(&Chord { modifiers: Vec::new(), key })?;
            thread::sleep(Duration::from_millis(pause_ms.into()));
        }
        Ok(())
    }

    fn paste(&mut self, text: &str, expected: &Foreground, options: &TypeOptions) -> Result<bool, DesktopError> {
        // One that does not answer must not keep us from pasting; what it held is lost then.
        let former = clipboard::read().unwrap_or(Content::Other);
        clipboard::write(text, options.secret)?;
        let pressed = typing::check_focus(self, expected).and_then(|()| press(&options.paste_chord));
        if pressed.is_ok() {
            // The key lies in its queue; once it has answered and some time has gone, it has come to it.
            shown::answers(expected.id, PASTE)?;
            thread::sleep(PASTE_QUIET);
            shown::answers(expected.id, PASTE)?;
        }
        match &former {
            Content::Text(text) => clipboard::write(text, false)?,
            Content::Empty | Content::Other => clipboard::clear()?,
        }
        pressed?;
        Ok(former != Content::Other)
    }

    fn release_all(&mut self) -> Result<(), DesktopError> {
        input::release_all()
    }
}
