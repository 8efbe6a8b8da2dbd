//! Names of fields, by the label that a person reads as theirs: the one on the left of it, or right above.
//!
//! Many dialogs do not say which label is whose. The order in which they were made says it only where their makers took care.

use crate::desktop::{Rect, ui::Element};

/// What has no text of its own to be named by.
const NAMELESS: [&str; 7] = ["combobox", "grid", "listbox", "slider", "spinbutton", "textbox", "tree"];

/// Between a label and the field on its right.
const MAX_GAP: i32 = 150;

/// Between the left edges of a label and of the field below it.
const MAX_SHIFT: u32 = 24;

/// Between a label and the field below it.
const MAX_LEAD: i32 = 16;

/// Names the fields of one window.
pub(super) fn name(elements: &mut [Element]) {
    for at in 0..elements.len() {
        let field = &elements[at];
        if !NAMELESS.contains(&field.role) || !field.name.is_empty() {
            continue;
        }
        let Some(rect) = field.rect else { continue };
        let is_candidate =
            |label: &&Element| label.role == "label" && label.parent == field.parent && !label.name.trim().is_empty();
        let labels = elements.iter().filter(is_candidate);
        let near = labels.filter_map(|label| Some((distance(label.rect?, rect)?, label)));
        if let Some((_, label)) = near.min_by_key(|(distance, _)| *distance) {
            let name = label.name.trim().trim_end_matches(':').trim_end().to_owned();
            elements[at].name = name;
        }
    }
}

/// From a label to what it may be the label of; `None` where nobody would read it so.
fn distance(label: Rect, field: Rect) -> Option<i32> {
    let on_left = field.x.saturating_sub(label.right());
    let above = field.y.saturating_sub(label.bottom());
    let common = label.bottom().min(field.bottom()).saturating_sub(label.y.max(field.y));
    let is_on_line = common.saturating_mul(2) >= i32::try_from(label.height.min(field.height)).unwrap_or(i32::MAX);
    if (-2..=MAX_GAP).contains(&on_left) && is_on_line {
        return Some(on_left);
    }
    let is_over = label.x.abs_diff(field.x) <= MAX_SHIFT;
    ((-2..=MAX_LEAD).contains(&above) && is_over).then_some(above)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desktop::ui::{ElementId, States};

    fn element(role: &'static str, name: &str, rect: Rect) -> Element {
        Element {
            id: ElementId { owner: String::new(), object: format!("{rect}") },
            parent: Some(0),
            role,
            name: name.into(),
            key: String::new(),
            value: None,
            rect: Some(rect),
            pid: 1,
            states: States::default(),
        }
    }

    fn named(elements: Vec<Element>) -> Vec<String> {
        let mut all = vec![Element { parent: None, ..element("dialog", "Custom", Rect::new(0, 0, 300, 300)) }];
        all.extend(elements);
        name(&mut all);
        all.into_iter().filter(|element| element.role == "textbox").map(|element| element.name).collect()
    }

    #[test]
    fn a_label_names_the_field_below_it_whatever_the_order() {
        let label = |name, y| element("label", name, Rect::new(11, y, 105, 15));
        let field = |y| element("textbox", "", Rect::new(11, y, 53, 18));
        let elements =
            vec![label("Rows", 49), label("Columns", 94), label("Mines", 139), field(64), field(109), field(154)];
        assert_eq!(named(elements), ["Rows", "Columns", "Mines"]);
    }

    #[test]
    fn a_label_names_the_field_on_its_right() {
        let elements = vec![
            element("label", "User:", Rect::new(10, 12, 60, 15)),
            element("label", "Hint", Rect::new(80, 34, 60, 15)),
            element("textbox", "", Rect::new(80, 10, 120, 20)),
            element("textbox", "", Rect::new(80, 200, 120, 20)),
        ];
        assert_eq!(named(elements), ["User", ""], "what has none stays without");
    }
}
