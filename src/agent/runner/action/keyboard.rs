//! The keyboard: type, key, paste.

use std::time::Duration;

use serde_json::Value;

use crate::{
    agent::runner::{
        fault::{Break, fault},
        run::Runner,
    },
    desktop::{self, TypeOptions, TypeVia, WindowId},
    wire::job::Category,
    workflow::{self, Target, Template, TypeText, Via},
};

/// About half a second of typing.
const PIECE_CHARS: usize = 64;

impl Runner<'_> {
    pub(in crate::agent::runner) fn type_text(&mut self, action: &TypeText, timeout: Duration) -> Result<Value, Break> {
        let text = action.text.text(&self.scope)?;
        if action.secret {
            self.redactor.add(&text);
        }
        if let (Via::Value, Some(into)) = (action.via, &action.into) {
            self.give_value(into, (&text, action.secret), timeout)?;
            return Ok(Value::Null);
        }
        let window = self.ready_to_type(action.into.as_ref(), action.secret, timeout)?;
        if action.clear {
            self.clear_field(window)?;
        }
        self.go_on()?;
        let via = match action.via {
            Via::Auto | Via::Value => TypeVia::Auto,
            Via::Keys => TypeVia::Keys,
            Via::Scancode => TypeVia::Scancode,
            Via::Paste => TypeVia::Paste,
        };
        let options = TypeOptions { via, window, secret: action.secret, ..TypeOptions::default() };
        let typed = self.type_in_pieces(&text, options);
        if let (true, Some(window)) = (action.secret, window) {
            self.hide_again(window)?;
        }
        typed?;
        if action.read_back {
            self.read_back(&text, window, action, timeout)?;
        }
        Ok(Value::Null)
    }

    /// A text that is to go by keys however long it is goes in pieces, so that a stop need not wait for its end.
    fn type_in_pieces(&mut self, text: &str, mut options: TypeOptions) -> Result<(), Break> {
        if !matches!(options.via, TypeVia::Keys | TypeVia::Scancode) || text.chars().nth(PIECE_CHARS).is_none() {
            self.world.desktop().type_text(text, &options)?;
            return Ok(());
        }
        if options.window.is_none() {
            // All of it into the window that gets the first piece.
            options.window = self.world.desktop().focused_window()?.map(|focused| focused.id);
        }
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.char_indices().nth(PIECE_CHARS).map_or(rest.len(), |(at, _)| at);
            let (piece, after) = rest.split_at(end);
            self.go_on()?;
            self.world.desktop().type_text(piece, &options)?;
            rest = after;
        }
        Ok(())
    }

    pub(in crate::agent::runner) fn paste(
        &mut self,
        text: &Template,
        into: Option<&Target>,
        timeout: Duration,
    ) -> Result<Value, Break> {
        let text = text.text(&self.scope)?;
        let window = self.ready_to_type(into, false, timeout)?;
        self.go_on()?;
        let options = TypeOptions { via: TypeVia::Paste, window, ..TypeOptions::default() };
        self.world.desktop().paste_text(&text, &options)?;
        Ok(Value::Null)
    }

    pub(in crate::agent::runner) fn keys(&mut self, chords: &[workflow::Chord]) -> Result<Value, Break> {
        for written in chords {
            self.go_on()?;
            self.world.desktop().key(&chord(written))?;
        }
        Ok(Value::Null)
    }

    /// The window that will get the keys. A secret's window is hidden from pictures before its first character is there.
    fn ready_to_type(
        &mut self,
        into: Option<&Target>,
        secret: bool,
        timeout: Duration,
    ) -> Result<Option<WindowId>, Break> {
        let window = match into {
            Some(target) => self.click_into(target, timeout)?,
            None => None,
        };
        if secret {
            let focused = self.world.desktop().focused_window()?;
            if let Some(focused) = &focused {
                self.world.secrets().hide(focused);
            }
            return Ok(window.or_else(|| focused.map(|focused| focused.id)));
        }
        Ok(window)
    }

    /// A title that shows what is typed is another one now, and the secret stands there still.
    fn hide_again(&mut self, window: WindowId) -> Result<(), Break> {
        let windows = self.world.desktop().windows()?;
        if let Some(window) = windows.iter().find(|known| known.id == window) {
            self.world.secrets().hide(window);
        }
        Ok(())
    }

    fn clear_field(&mut self, window: Option<WindowId>) -> Result<(), Break> {
        self.go_on()?;
        self.press(&ctrl('a'), window)?;
        let delete = desktop::Key::Named(desktop::NamedKey::Delete);
        self.press(&desktop::Chord { modifiers: Vec::new(), key: delete }, window)
    }

    /// Into that window and no other, where it is known which is meant.
    pub(super) fn press(&mut self, chord: &desktop::Chord, window: Option<WindowId>) -> Result<(), Break> {
        match window {
            Some(window) => self.world.desktop().key_into(chord, window)?,
            None => self.world.desktop().key(chord)?,
        }
        Ok(())
    }

    /// A field that was emptied before must hold the text exactly, any other must contain it.
    fn read_back(
        &mut self,
        text: &str,
        window: Option<WindowId>,
        action: &TypeText,
        timeout: Duration,
    ) -> Result<(), Break> {
        let held = self.copy_field(window, timeout)?.unwrap_or_default();
        let (held_plain, wanted) = (held.trim_end_matches(['\r', '\n']), text.trim_end_matches(['\r', '\n']));
        let right = if action.clear { held_plain == wanted } else { held_plain.contains(wanted) };
        if right {
            return Ok(());
        }
        let message = if action.secret {
            "the field does not hold what was typed".to_owned()
        } else {
            format!("the field holds \"{}\", not \"{}\"", self.quote(&held), self.quote(text))
        };
        fault(Category::Assertion, message)
    }
}

pub(super) fn ctrl(letter: char) -> desktop::Chord {
    desktop::Chord { modifiers: vec![desktop::Modifier::Ctrl], key: desktop::Key::Char(letter) }
}

pub(super) fn modifier(modifier: workflow::Modifier) -> desktop::Modifier {
    match modifier {
        workflow::Modifier::Ctrl => desktop::Modifier::Ctrl,
        workflow::Modifier::Alt => desktop::Modifier::Alt,
        workflow::Modifier::Shift => desktop::Modifier::Shift,
        workflow::Modifier::Super => desktop::Modifier::Super,
    }
}

fn chord(chord: &workflow::Chord) -> desktop::Chord {
    let key = match chord.key {
        workflow::Key::Named(named) => named_key(named),
        workflow::Key::Character(character) => desktop::Key::Char(character),
        workflow::Key::Modifier(alone) => desktop::Key::Modifier(modifier(alone)),
    };
    desktop::Chord { modifiers: super::pointer::modifiers(&chord.modifiers), key }
}

fn named_key(key: workflow::NamedKey) -> desktop::Key {
    use desktop::NamedKey as To;
    use workflow::NamedKey as From;
    desktop::Key::Named(match key {
        From::Space => return desktop::Key::Char(' '),
        From::Return => To::Return,
        From::Escape => To::Escape,
        From::Tab => To::Tab,
        From::BackSpace => To::Backspace,
        From::Delete => To::Delete,
        From::Insert => To::Insert,
        From::Home => To::Home,
        From::End => To::End,
        From::PageUp => To::PageUp,
        From::PageDown => To::PageDown,
        From::Up => To::Up,
        From::Down => To::Down,
        From::Left => To::Left,
        From::Right => To::Right,
        From::Menu => To::Menu,
        From::Print => To::Print,
        From::Pause => To::Pause,
        From::CapsLock => To::CapsLock,
        From::F(number) => To::F(number),
    })
}
