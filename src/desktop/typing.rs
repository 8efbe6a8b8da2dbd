//! How text is typed, the same on every system: keys or paste, in short bursts, each only while the right window has the focus.

use super::{DesktopError, Foreground, Pass, TypeOptions, TypeVia, Typed};

/// Longest text of one call.
const MAX_CHARS: usize = 1 << 20;

/// Characters between two checks of the focus by the window's name. A back end may check more often.
const BURST_CHARS: usize = 32;

/// What typing needs from a back end.
pub(super) trait Keyboard {
    fn pass(&self) -> &Pass;

    /// The window that gets the keys.
    fn foreground(&mut self) -> Result<Option<Foreground>, DesktopError>;

    /// Whether the keyboard has the character. Line feed is Return, tab is Tab.
    fn has_key(&mut self, char: char) -> Result<bool, DesktopError>;

    /// Whether the layout that is switched on has a key for the character.
    fn has_code(&mut self, char: char) -> Result<bool, DesktopError> {
        self.has_key(char)
    }

    fn caps_lock(&mut self) -> Result<bool, DesktopError>;

    fn toggle_caps_lock(&mut self) -> Result<(), DesktopError>;

    /// Types one burst into `expected`, or answers [`DesktopError::FocusLost`] as soon as another window has the focus.
    fn burst(&mut self, burst: &str, expected: &Foreground, pause_ms: u32) -> Result<(), DesktopError>;

    /// As [`Keyboard::burst`], by the codes of keys alone.
    fn burst_of_codes(&mut self, burst: &str, expected: &Foreground, pause_ms: u32) -> Result<(), DesktopError> {
        self.burst(burst, expected, pause_ms)
    }

    /// Puts the text on the clipboard, pastes it into `expected`, waits until it is taken, and puts the former text back. Whether that
    /// worked.
    fn paste(&mut self, text: &str, expected: &Foreground, options: &TypeOptions) -> Result<bool, DesktopError>;

    fn release_all(&mut self) -> Result<(), DesktopError>;
}

/// Types or pastes, as the options and the text ask for.
pub(super) fn type_text(keyboard: &mut dyn Keyboard, text: &str, options: &TypeOptions) -> Result<Typed, DesktopError> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let chars = text.chars().count();
    if chars > MAX_CHARS {
        return Err(DesktopError::Input(format!(
            "a text of {chars} characters is too long: at most {MAX_CHARS} at once"
        )));
    }
    let via = choose(keyboard, &text, chars, options)?;
    keyboard.pass().check()?;
    let expected = expected(keyboard, options)?;
    let mut typed = Typed { via, chars, caps_lock_was_on: false, clipboard_restored: true };
    if chars == 0 {
        return Ok(typed);
    }
    let result = if via == TypeVia::Paste {
        keyboard.paste(&text, &expected, options).map(|restored| typed.clipboard_restored = restored)
    } else {
        typed.caps_lock_was_on = keyboard.caps_lock()?;
        with_caps_lock_off(keyboard, typed.caps_lock_was_on, |keyboard| {
            bursts(&text).try_for_each(|burst| {
                keyboard.pass().check()?;
                check_focus(keyboard, &expected)?;
                match via {
                    TypeVia::Scancode => keyboard.burst_of_codes(burst, &expected, options.pause_ms),
                    _ => keyboard.burst(burst, &expected, options.pause_ms),
                }
            })
        })
    };
    if let Err(error) = result {
        // Nothing may stay down, least of all a shift key.
        keyboard.release_all()?;
        return Err(error);
    }
    Ok(typed)
}

fn with_caps_lock_off(
    keyboard: &mut dyn Keyboard,
    was_on: bool,
    act: impl FnOnce(&mut dyn Keyboard) -> Result<(), DesktopError>,
) -> Result<(), DesktopError> {
    if !was_on {
        return act(keyboard);
    }
    keyboard.toggle_caps_lock()?;
    let result = act(keyboard);
    // A fenced call presses nothing any more.
    let restored = if keyboard.pass().is_valid() { keyboard.toggle_caps_lock() } else { Ok(()) };
    result.and(restored)
}

fn choose(
    keyboard: &mut dyn Keyboard,
    text: &str,
    chars: usize,
    options: &TypeOptions,
) -> Result<TypeVia, DesktopError> {
    if options.via == TypeVia::Paste || (options.via == TypeVia::Auto && chars > options.paste_above_chars) {
        return Ok(TypeVia::Paste);
    }
    let by_code = options.via == TypeVia::Scancode;
    for char in text.chars() {
        let has = if by_code { keyboard.has_code(char)? } else { keyboard.has_key(char)? };
        if has {
            continue;
        }
        if options.via == TypeVia::Auto {
            return Ok(TypeVia::Paste);
        }
        let named = if options.secret { "a character of the secret".to_owned() } else { format!("`{char}`") };
        return Err(DesktopError::Untypable(named));
    }
    Ok(if by_code { TypeVia::Scancode } else { TypeVia::Keys })
}

fn expected(keyboard: &mut dyn Keyboard, options: &TypeOptions) -> Result<Foreground, DesktopError> {
    let found = keyboard.foreground()?;
    match (options.window, found) {
        (None, Some(found)) => Ok(found),
        (None, None) => Err(DesktopError::NoFocus),
        (Some(id), Some(found)) if found.id == id => Ok(found),
        (Some(id), found) => {
            Err(DesktopError::FocusLost { expected: Foreground { id, title: "the window to type into".into() }, found })
        }
    }
}

pub(super) fn check_focus(keyboard: &mut dyn Keyboard, expected: &Foreground) -> Result<(), DesktopError> {
    let found = keyboard.foreground()?;
    if found.as_ref().is_some_and(|found| found.id == expected.id) {
        return Ok(());
    }
    Err(DesktopError::FocusLost { expected: expected.clone(), found })
}

fn bursts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.char_indices().nth(BURST_CHARS).map_or(rest.len(), |(at, _)| at);
        let (burst, after) = rest.split_at(end);
        rest = after;
        Some(burst)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desktop::{Gate, WindowId};

    /// A keyboard of ASCII keys in front of a window; what happens to it is scripted.
    struct Scripted {
        pass: Pass,
        gate: Gate,
        focus: u64,
        /// After so many bursts, another window takes the focus.
        stolen_after: usize,
        /// After so many bursts, the lease ends.
        fenced_after: usize,
        caps: bool,
        typed: Vec<String>,
        pasted: Vec<String>,
        released: bool,
    }

    impl Scripted {
        fn new() -> Self {
            let gate = Gate::new();
            Self {
                pass: gate.pass(),
                gate,
                focus: 1,
                stolen_after: usize::MAX,
                fenced_after: usize::MAX,
                caps: false,
                typed: Vec::new(),
                pasted: Vec::new(),
                released: false,
            }
        }
    }

    impl Keyboard for Scripted {
        fn pass(&self) -> &Pass {
            &self.pass
        }

        fn foreground(&mut self) -> Result<Option<Foreground>, DesktopError> {
            let id = self.focus;
            Ok((id != 0).then(|| Foreground { id: WindowId(id), title: format!("window {id}") }))
        }

        fn has_key(&mut self, char: char) -> Result<bool, DesktopError> {
            Ok(char.is_ascii())
        }

        fn has_code(&mut self, char: char) -> Result<bool, DesktopError> {
            Ok(char.is_ascii_lowercase())
        }

        fn caps_lock(&mut self) -> Result<bool, DesktopError> {
            Ok(self.caps)
        }

        fn toggle_caps_lock(&mut self) -> Result<(), DesktopError> {
            self.caps = !self.caps;
            Ok(())
        }

        fn burst(&mut self, burst: &str, _expected: &Foreground, _pause_ms: u32) -> Result<(), DesktopError> {
            assert!(!self.caps, "CapsLock is off while typing");
            assert!(burst.chars().count() <= BURST_CHARS);
            self.typed.push(burst.to_owned());
            if self.typed.len() >= self.stolen_after {
                self.focus = 2;
            }
            if self.typed.len() >= self.fenced_after {
                self.gate.close();
            }
            Ok(())
        }

        fn burst_of_codes(&mut self, burst: &str, _expected: &Foreground, _pause_ms: u32) -> Result<(), DesktopError> {
            self.typed.push(format!("codes of {burst}"));
            Ok(())
        }

        fn paste(&mut self, text: &str, _expected: &Foreground, _options: &TypeOptions) -> Result<bool, DesktopError> {
            self.pasted.push(text.to_owned());
            Ok(true)
        }

        fn release_all(&mut self) -> Result<(), DesktopError> {
            self.released = true;
            Ok(())
        }
    }

    fn text_of(chars: usize) -> String {
        ('a'..='z').cycle().take(chars).collect()
    }

    #[test]
    fn short_plain_text_is_typed_in_bursts_and_arrives_whole() {
        let mut keyboard = Scripted::new();
        let typed = type_text(&mut keyboard, &text_of(100), &TypeOptions::default()).unwrap();
        assert_eq!((typed.via, typed.chars), (TypeVia::Keys, 100));
        assert_eq!(keyboard.typed.len(), 4);
        assert_eq!(keyboard.typed.concat(), text_of(100));
    }

    #[test]
    fn long_or_foreign_text_is_pasted() {
        for text in [text_of(201), "Grüße".into()] {
            let mut keyboard = Scripted::new();
            let typed = type_text(&mut keyboard, &text, &TypeOptions::default()).unwrap();
            assert_eq!(typed.via, TypeVia::Paste);
            assert_eq!((keyboard.pasted.concat(), keyboard.typed.len()), (text, 0));
        }
    }

    #[test]
    fn keys_alone_refuse_what_they_cannot_type_before_typing_any() {
        let mut keyboard = Scripted::new();
        let options = TypeOptions { via: TypeVia::Keys, ..TypeOptions::default() };
        let error = type_text(&mut keyboard, "abcß", &options).unwrap_err();
        assert!(error.to_string().contains("`ß`"));
        let secret = TypeOptions { secret: true, ..options };
        assert!(!type_text(&mut keyboard, "abcß", &secret).unwrap_err().to_string().contains('ß'));
        assert!(keyboard.typed.is_empty());
    }

    #[test]
    fn codes_of_keys_are_all_that_goes_where_they_are_asked_for() {
        let mut keyboard = Scripted::new();
        let options = TypeOptions { via: TypeVia::Scancode, ..TypeOptions::default() };
        assert_eq!(type_text(&mut keyboard, "abc", &options).unwrap().via, TypeVia::Scancode);
        assert_eq!(keyboard.typed, ["codes of abc"]);
        assert!(type_text(&mut keyboard, "abC", &options).unwrap_err().to_string().contains("`C`"));
        assert_eq!((keyboard.typed.len(), keyboard.pasted.len()), (1, 0), "nothing of it is typed");
    }

    #[test]
    fn a_stolen_focus_stops_typing_and_names_both_windows() {
        let mut keyboard = Scripted { stolen_after: 2, ..Scripted::new() };
        let error = type_text(&mut keyboard, &text_of(150), &TypeOptions::default()).unwrap_err();
        let said = error.to_string();
        assert!(matches!(error, DesktopError::FocusLost { .. }));
        assert!(said.contains("window 1") && said.contains("window 2"), "{said}");
        assert_eq!(keyboard.typed.len(), 2);
        assert!(keyboard.released);
    }

    #[test]
    fn the_wrong_window_or_none_gets_nothing() {
        let mut keyboard = Scripted::new();
        let other = TypeOptions { window: Some(WindowId(9)), ..TypeOptions::default() };
        assert!(matches!(type_text(&mut keyboard, "x", &other), Err(DesktopError::FocusLost { .. })));
        keyboard.focus = 0;
        assert_eq!(type_text(&mut keyboard, "x", &TypeOptions::default()), Err(DesktopError::NoFocus));
        assert!(keyboard.typed.is_empty());
    }

    #[test]
    fn a_lease_that_ends_stops_typing_between_two_bursts() {
        let mut keyboard = Scripted { fenced_after: 1, caps: true, ..Scripted::new() };
        let error = type_text(&mut keyboard, &text_of(150), &TypeOptions::default()).unwrap_err();
        assert_eq!(error, DesktopError::Fenced);
        assert_eq!(keyboard.typed.len(), 1);
        assert!(keyboard.released);
    }

    #[test]
    fn caps_lock_is_put_back_as_it_was() {
        for stolen_after in [usize::MAX, 1] {
            let mut keyboard = Scripted { caps: true, stolen_after, ..Scripted::new() };
            let result = type_text(&mut keyboard, &text_of(50), &TypeOptions::default());
            assert_eq!(result.is_ok_and(|typed| typed.caps_lock_was_on), stolen_after == usize::MAX);
            assert!(keyboard.caps);
        }
    }

    #[test]
    fn line_ends_are_one_key_each() {
        let mut keyboard = Scripted::new();
        type_text(&mut keyboard, "a\r\nb\rc\n", &TypeOptions::default()).unwrap();
        assert_eq!(keyboard.typed.concat(), "a\nb\nc\n");
    }
}
