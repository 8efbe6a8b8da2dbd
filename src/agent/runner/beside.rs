//! Where to look for what stands beside something.

use crate::{
    desktop::Rect,
    workflow::{Beside, Find, Side},
};

/// An image may be higher than the label before it: a field around a line of text.
const LEAST_SLACK: u32 = 16;

/// Letters may reach higher and lower than those of the label. More, and half of the next line would be read as nonsense.
const LINE_SLACK: u32 = 4;

/// The part of the screen on that side of the anchor: its line, or the column above or below it.
pub(super) fn area(beside: &Beside, anchor: Rect, sought: &Find) -> Rect {
    let far = beside.max_distance;
    match beside.side {
        Side::RightOf | Side::LeftOf => {
            let slack = match sought {
                Find::Text(_) | Find::AnyText | Find::Ui(_) | Find::Field => (anchor.height / 4).max(LINE_SLACK),
                _ => anchor.height.max(LEAST_SLACK),
            };
            let x = if beside.side == Side::RightOf { anchor.right() } else { anchor.x.saturating_sub_unsigned(far) };
            let y = anchor.y.saturating_sub_unsigned(slack);
            Rect::new(x, y, far, anchor.height.saturating_add(2 * slack))
        }
        Side::Above | Side::Below => {
            let slack = anchor.width.max(2 * LEAST_SLACK);
            let y = if beside.side == Side::Below { anchor.bottom() } else { anchor.y.saturating_sub_unsigned(far) };
            let x = anchor.x.saturating_sub_unsigned(slack);
            Rect::new(x, y, anchor.width.saturating_add(2 * slack), far)
        }
    }
}
