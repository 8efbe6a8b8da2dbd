//! Readers of what is named by its text, and by what it stands beside.

use super::Reader;
use super::fields::Fields;
use super::target::transpose;
use crate::workflow::limits;
use crate::workflow::model::{Beside, Find, Language, Side, Target, TextTarget, WantedText};
use crate::workflow::node::{Node, Tree};

pub(super) const SIDES: [&str; 4] = ["right_of", "left_of", "above", "below"];

impl Reader {
    /// A text by its main field, or by several.
    pub(super) fn text_target(&mut self, node: &Node) -> Option<TextTarget> {
        if let Tree::Text(_) = node.tree {
            let wanted = self.filled(node).map(WantedText::Words);
            return Some(TextTarget { wanted: wanted?, case: false, language: Language::default() });
        }
        let mut fields = Fields::new(node, "a text", self)?;
        let words = fields.take("text").map(|node| self.filled(node).map(WantedText::Words));
        let pattern = fields.take("regex").map(|node| self.pattern(node).map(WantedText::Pattern));
        let case = fields.take("case");
        let matters = case.map(|node| self.boolean(node));
        let language = fields.take("lang").map(|node| self.language(node));
        fields.finish("a text", &[], self);
        if let (Some(node), Some(_)) = (case, &pattern) {
            self.fault_with(node, "a regular expression says by itself whether case matters", "begin it with (?i)");
        }
        let wanted = match (words, pattern) {
            (Some(wanted), None) | (None, Some(wanted)) => wanted,
            (Some(_), Some(_)) => {
                self.fault(node, "a text has `text` or `regex`, not both");
                None
            }
            (None, None) => {
                self.fault(node, "a text needs `text` or `regex`");
                None
            }
        };
        Some(TextTarget {
            wanted: wanted?,
            case: transpose(matters)?.unwrap_or(false),
            language: transpose(language)?.unwrap_or_default(),
        })
    }

    pub(super) fn language(&mut self, node: &Node) -> Option<Language> {
        let text = self.text(node)?;
        let language = Language::new(text);
        if language.is_none() {
            let detail = format!("`{text}` names no language as tesseract does");
            self.fault_with(node, detail, "such as eng, deu or deu+eng");
        }
        language
    }

    /// `right_of` and its like, with `max_distance`.
    #[expect(clippy::option_option, reason = "absent, faulty and right are three")]
    pub(super) fn beside(&mut self, fields: &mut Fields<'_>, depth: usize) -> Option<Option<Beside>> {
        let distance = fields.take("max_distance");
        let there: Vec<Side> = Side::ALL.into_iter().filter(|side| fields.take(side.as_str()).is_some()).collect();
        let side = match there[..] {
            [] => {
                if let Some(node) = distance {
                    self.fault(node, "`max_distance` belongs to `right_of`, `left_of`, `above` or `below`");
                }
                return Some(None);
            }
            [side] => side,
            [first, second, ..] => {
                let (first, second) = (first.as_str(), second.as_str());
                self.fault(fields.node, format!("a target is `{first}` or `{second}` something, not both"));
                return None;
            }
        };
        let anchor = fields.peek(side.as_str()).and_then(|node| self.target_within(node, depth + 1));
        let most = u32::try_from(limits::PIXELS).unwrap_or(u32::MAX);
        let max_distance = distance.map(|node| self.count(node, 1, most));
        let max_distance = transpose(max_distance)?.unwrap_or(Beside::DEFAULT_DISTANCE);
        Some(Some(Beside { side, anchor: Box::new(anchor?), max_distance }))
    }

    /// What `extract` reads: a target, or only what it stands beside.
    pub(super) fn source(&mut self, node: &Node) -> Option<Target> {
        let beside_alone = SIDES.iter().any(|side| node.get(side).is_some())
            && !super::target::PLACES.iter().any(|place| node.get(place).is_some());
        if !beside_alone {
            return self.target(node);
        }
        let mut fields = Fields::new(node, "a target", self)?;
        let beside = self.beside(&mut fields, 0);
        fields.finish("a target", &[], self);
        Some(alone(Find::AnyText, beside?, node))
    }

    /// Only what it stands beside: the field there.
    pub(super) fn field_beside(&mut self, fields: &mut Fields<'_>, depth: usize) -> Option<Target> {
        let node = fields.node;
        let offset = fields.take("offset").map(|node| self.offset(node));
        let beside = self.beside(fields, depth);
        Some(Target { offset: transpose(offset)?.unwrap_or_default(), ..alone(Find::Field, beside?, node) })
    }
}

fn alone(find: Find, beside: Option<Beside>, node: &Node) -> Target {
    let place = super::place(node);
    Target { find, within: None, region: None, offset: (0, 0), index: None, beside, place }
}
