//! Readers of what mouse and keyboard do.

use super::Reader;
use super::fields::Fields;
use super::target::transpose;
use crate::workflow::limits;
use crate::workflow::model::{Action, Button, Chord, Click, Drag, Modifier, Scroll, Target, TypeText, Via};
use crate::workflow::node::{Node, Tree};

const BUTTONS: [(&str, Button); 3] = [("left", Button::Left), ("middle", Button::Middle), ("right", Button::Right)];

impl Reader {
    pub(super) fn click(&mut self, name: &str, node: &Node) -> Option<Action> {
        if node.as_text().is_some() {
            return self.target(node).and(None);
        }
        let what = format!("`{name}`");
        let mut fields = Fields::new(node, &what, self)?;
        let button = match name {
            "right_click" => Some(Some(Button::Right)),
            _ => fields.take("button").map(|node| self.choice(node, &BUTTONS, &[])),
        };
        let modifiers = fields.take("modifiers").map(|node| self.held(node));
        let target = self.flat_target(&mut fields);
        fields.finish(&what, &[], self);
        let click = Click {
            target: target?,
            button: transpose(button)?.unwrap_or_default(),
            modifiers: transpose(modifiers)?.unwrap_or_default(),
        };
        Some(match name {
            "click" => Action::Click(click),
            "double_click" => Action::DoubleClick(click),
            _ => Action::RightClick(click),
        })
    }

    /// A target among an action's own keys, or under `target`.
    pub(super) fn flat_target(&mut self, fields: &mut Fields<'_>) -> Option<Target> {
        match fields.take("target") {
            Some(node) => self.target(node),
            None => self.target_fields(fields, 0),
        }
    }

    fn held(&mut self, node: &Node) -> Option<Vec<Modifier>> {
        let mut modifiers = self.each(node, "`modifiers`", 4, |reader, item| {
            let text = reader.text(item)?;
            let modifier = Modifier::parse(text);
            if modifier.is_none() {
                reader.fault_with(item, format!("{text} is no modifier"), "there are ctrl, alt, shift and super");
            }
            modifier
        })?;
        modifiers.sort_unstable();
        modifiers.dedup();
        Some(modifiers)
    }

    pub(super) fn drag(&mut self, node: &Node) -> Option<Drag> {
        let mut fields = Fields::new(node, "`drag`", self)?;
        let from = fields.require("from", "`drag`", self).and_then(|node| self.target(node));
        let to = fields.require("to", "`drag`", self).and_then(|node| self.target(node));
        let button = fields.take("button").map(|node| self.choice(node, &BUTTONS, &[]));
        let modifiers = fields.take("modifiers").map(|node| self.held(node));
        fields.finish("`drag`", &[], self);
        Some(Drag {
            from: from?,
            to: to?,
            button: transpose(button)?.unwrap_or_default(),
            modifiers: transpose(modifiers)?.unwrap_or_default(),
        })
    }

    pub(super) fn scroll(&mut self, node: &Node) -> Option<Scroll> {
        let mut fields = Fields::new(node, "`scroll`", self)?;
        let dx = fields.take("dx").map(|node| self.notches(node));
        let dy = fields.take("dy").map(|node| self.notches(node));
        let anywhere = fields.keys().all(|key| matches!(key, "dx" | "dy"));
        let target = if anywhere { None } else { Some(self.flat_target(&mut fields)) };
        fields.allow(&["target"]);
        fields.finish("`scroll`", &[], self);
        if dx.is_none() && dy.is_none() {
            self.fault(node, "`scroll` needs `dx` or `dy`, in notches of the wheel");
            return None;
        }
        Some(Scroll { target: transpose(target)?, dx: transpose(dx)?.unwrap_or(0), dy: transpose(dy)?.unwrap_or(0) })
    }

    fn notches(&mut self, node: &Node) -> Option<i32> {
        self.integer(node, -1000..=1000).and_then(|number| i32::try_from(number).ok())
    }

    pub(super) fn type_text(&mut self, node: &Node) -> Option<TypeText> {
        if let Tree::Text(_) = node.tree {
            let text = self.filled(node)?;
            let (clear, secret, read_back) = (false, false, false);
            return Some(TypeText { text, into: None, clear, secret, via: Via::Auto, read_back });
        }
        let mut fields = Fields::new(node, "`type`", self)?;
        let text = fields.require("text", "`type`", self).and_then(|node| self.template(node));
        let into = fields.take("into").map(|node| self.target(node));
        let clear = fields.take("clear").and_then(|node| self.boolean(node));
        let secret = fields.take("secret").and_then(|node| self.boolean(node));
        let words = [
            ("auto", Via::Auto),
            ("keys", Via::Keys),
            ("scancode", Via::Scancode),
            ("paste", Via::Paste),
            ("value", Via::Value),
        ];
        let via = fields.take("via").map(|node| self.choice(node, &words, &[]));
        let read_back = fields.take("read_back").and_then(|node| self.boolean(node));
        fields.finish("`type`", &[], self);
        if via == Some(Some(Via::Value)) && into.is_none() {
            self.fault_with(node, "`via: value` gives a field its text", "say which with `into`");
        }
        if secret == Some(true) && read_back == Some(true) {
            self.fault(
                node,
                "a secret is not read back: fields for secrets do not give it, and the clipboard must not hold it",
            );
        }
        Some(TypeText {
            text: text?,
            into: transpose(into)?,
            clear: clear.unwrap_or(false),
            secret: secret.unwrap_or(false),
            via: transpose(via)?.unwrap_or_default(),
            read_back: read_back.unwrap_or(false),
        })
    }

    pub(super) fn paste(&mut self, node: &Node) -> Option<Action> {
        if let Tree::Text(_) = node.tree {
            return self.filled(node).map(|text| Action::Paste { text, into: None });
        }
        let mut fields = Fields::new(node, "`paste`", self)?;
        let text = fields.require("text", "`paste`", self).and_then(|node| self.template(node));
        let into = fields.take("into").map(|node| self.target(node));
        fields.finish("`paste`", &[], self);
        Some(Action::Paste { text: text?, into: transpose(into)? })
    }

    /// One chord, or a list of them, pressed one after another.
    pub(super) fn chords(&mut self, node: &Node) -> Option<Vec<Chord>> {
        if let Tree::List(items) = &node.tree {
            if items.is_empty() {
                self.fault(node, "`key` needs at least one key");
                return None;
            }
            let chords = self.each(node, "`key`", limits::CHORDS, Self::chord)?;
            return (chords.len() == items.len()).then_some(chords);
        }
        self.chord(node).map(|chord| vec![chord])
    }

    fn chord(&mut self, node: &Node) -> Option<Chord> {
        // `key: 1` is the key 1: no quotes are needed for a digit.
        let digit = match &node.tree {
            Tree::Number(number) => number.as_u64().filter(|digit| *digit < 10).map(|digit| digit.to_string()),
            _ => None,
        };
        let text = match &digit {
            Some(digit) => digit,
            None => self.text(node)?,
        };
        if text.contains("{{") {
            self.fault_with(
                node,
                "a key cannot be a template: keys are checked when the document is read",
                "use `type` for text",
            );
            return None;
        }
        match Chord::parse(text) {
            Ok(chord) => Some(chord),
            Err((detail, Some(name))) => {
                self.fault_with(node, detail, format!("did you mean `{name}`?"));
                None
            }
            Err((detail, None)) => {
                self.fault(node, detail);
                None
            }
        }
    }
}
