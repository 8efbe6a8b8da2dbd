//! Cuts out of the screen what can be found again: a part that is there once, and looks like nothing else.

use crate::desktop::{
    Frame, Point, Rect,
    image::{Finder, SearchOptions, Template},
};

use super::moment::Moment;

/// Around a control, then with more and more of what lies beside it.
const MARGINS: [u32; 4] = [0, 8, 24, 60];

/// Larger controls are pictured where they were clicked.
const MAX_CONTROL: (u32, u32) = (400, 120);

/// Around a point. What is farther away has little to do with it.
const SIZES: [(u32, u32); 4] = [(48, 32), (80, 48), (140, 80), (240, 120)];

/// What is as like as this could be taken for it once it looks a little otherwise.
const RIVAL: f64 = 0.8;

/// Two pictures of one control, pointed at and not, correlate at least as much as this.
const SAME: f64 = 0.5;

/// Looks of one place, and where in it to act.
pub(super) struct Picture {
    /// First as it is by itself, then as it is pointed at.
    pub(super) looks: Vec<Frame>,
    /// From the middle.
    pub(super) offset: (i32, i32),
}

/// Of the place that was acted on; `control` is what is shown of it. `None`: nothing there is to be told from the rest of the screen.
pub(super) fn cut(finder: &mut Finder, moment: &Moment, point: Point, control: Option<Rect>) -> Option<Picture> {
    let screen = moment.frame().rect();
    let control = control.filter(|rect| rect.contains(point));
    let is_small = |rect: &Rect| rect.width <= MAX_CONTROL.0 && rect.height <= MAX_CONTROL.1;
    let of_control = control
        .filter(is_small)
        .into_iter()
        .flat_map(|rect| MARGINS.map(|margin| rect.grown(margin)))
        .filter_map(|rect| rect.intersect(&screen));
    // Of a larger one a part, then what lies around it too.
    let inside = control.filter(|rect| !is_small(rect)).and_then(|rect| rect.intersect(&screen));
    let bounds = inside.into_iter().chain([screen]);
    let of_point = bounds.flat_map(|bounds| SIZES.into_iter().filter_map(move |size| around(point, size, bounds)));
    of_control.chain(of_point).find_map(|rect| {
        let looks = looks(finder, moment, rect)?;
        let middle = rect.center();
        Some(Picture { looks, offset: (point.x - middle.x, point.y - middle.y) })
    })
}

/// Whether a place has the same drawing on both. A control that is pointed at may be lit, or have its colours turned round.
pub(super) fn is_alike(one: &Frame, other: &Frame, rect: Rect) -> bool {
    let (Some(one), Some(other)) = (one.crop(rect), other.crop(rect)) else { return false };
    one.same_pixels(&other) || correlation(&one.to_gray(), &other.to_gray()).abs() >= SAME
}

/// Of two pictures of one size: 1 for equal ones, -1 for one and its negative, 0 for unrelated ones and where one is of one gray.
fn correlation(one: &[u8], other: &[u8]) -> f64 {
    let count: f64 = one.iter().map(|_| 1.0).sum();
    let mean = |grays: &[u8]| grays.iter().map(|gray| f64::from(*gray)).sum::<f64>() / count;
    let (first, second) = (mean(one), mean(other));
    let mut sums = [0.0; 3];
    for (one, other) in one.iter().zip(other) {
        let (one, other) = (f64::from(*one) - first, f64::from(*other) - second);
        sums = [sums[0] + one * other, sums[1] + one * one, sums[2] + other * other];
    }
    let norm = (sums[1] * sums[2]).sqrt();
    if norm > 0.0 { sums[0] / norm } else { 0.0 }
}

fn looks(finder: &mut Finder, moment: &Moment, rect: Rect) -> Option<Vec<Frame>> {
    let pointed_at = moment.frame();
    let plain = moment.without_pointer(rect).filter(|plain| is_alike(plain, pointed_at, rect));
    let mut looks: Vec<Frame> = Vec::new();
    for frame in plain.into_iter().chain([pointed_at]) {
        let cut = frame.crop(rect)?;
        if looks.iter().any(|look| look.same_pixels(&cut)) {
            continue;
        }
        if is_there_once(finder, frame, &cut) {
            looks.push(cut);
        } else if looks.is_empty() {
            return None;
        }
    }
    Some(looks)
}

fn is_there_once(finder: &mut Finder, frame: &Frame, cut: &Frame) -> bool {
    let Ok(template) = Template::from_frame(cut) else { return false };
    if template.is_flat() {
        return false;
    }
    let options = SearchOptions { score: RIVAL, margin: 1.0 - RIVAL, ..SearchOptions::default() };
    finder.find(frame, &template, &options).hits.len() == 1
}

/// A rectangle of this size with the point in its middle, moved and cut so that it lies inside of another.
fn around(point: Point, (width, height): (u32, u32), bounds: Rect) -> Option<Rect> {
    let (width, height) = (width.min(bounds.width), height.min(bounds.height));
    let start = |at: i32, size: u32, first: i32, all: u32| -> Option<i32> {
        let last = first.checked_add_unsigned(all - size)?;
        Some(at.checked_sub_unsigned(size / 2)?.clamp(first, last))
    };
    let x = start(point.x, width, bounds.x, bounds.width)?;
    let y = start(point.y, height, bounds.y, bounds.height)?;
    let rect = Rect::new(x, y, width, height);
    rect.contains(point).then_some(rect)
}

#[cfg(test)]
mod tests {
    use std::{rc::Rc, time::Duration};

    use super::*;
    use crate::{desktop::Color, recorder::moment::Sight};

    const INK: Color = Color::new(20, 30, 40);

    /// Buttons with bars, on a plain desktop.
    fn screen(buttons: &[(i32, i32, u32)], paper: Color) -> Frame {
        let mut frame = Frame::filled(640, 400, Color::new(60, 90, 130));
        for (x, y, bars) in buttons {
            frame.fill(Rect::new(*x, *y, 60, 24), paper);
            for bar in 0..*bars {
                let left = x + 6 + 8 * i32::try_from(bar).unwrap();
                frame.fill(Rect::new(left, y + 5, 4, 6 + bar * 2), INK);
            }
        }
        frame
    }

    fn moment(frames: &[(Point, Frame)]) -> Moment {
        let sight = |(pointer, frame): &(Point, Frame)| Sight {
            at: Duration::ZERO,
            pointer: *pointer,
            frame: frame.clone(),
            windows: Rc::default(),
        };
        let sights = frames.iter().map(sight).collect();
        Moment { sights, view: None, changed: Duration::ZERO }
    }

    const PAPER: Color = Color::new(220, 220, 224);
    const LIT: Color = Color::new(250, 250, 200);
    const AWAY: Point = Point::new(600, 380);

    #[test]
    fn a_control_is_cut_as_it_is_and_as_it_is_pointed_at() {
        let at = Point::new(120, 60);
        let plain = screen(&[(100, 50, 3), (300, 50, 5)], PAPER);
        let mut pointed = plain.clone();
        let lit = screen(&[(100, 50, 3)], LIT).crop(Rect::new(100, 50, 60, 24)).unwrap();
        for y in 0..24 {
            for x in 0..60 {
                let color = lit.pixel(Point::new(x, y)).unwrap();
                pointed.fill(Rect::new(100 + x, 50 + y, 1, 1), color);
            }
        }
        let moment = moment(&[(at, pointed), (AWAY, plain)]);
        let control = Rect::new(100, 50, 60, 24);
        let picture = cut(&mut Finder::new(), &moment, at, Some(control)).unwrap();
        assert_eq!(picture.looks.len(), 2);
        assert_eq!(picture.looks[0].pixel(Point::new(1, 1)), Some(PAPER));
        assert_eq!(picture.looks[1].pixel(Point::new(1, 1)), Some(LIT));
        assert_eq!(picture.offset, (-9, -1));
    }

    #[test]
    fn a_menu_item_in_turned_colours_is_the_same() {
        let plain = screen(&[(100, 50, 3)], PAPER);
        let mut turned = Frame::filled(640, 400, Color::new(60, 90, 130));
        for y in 0..24 {
            for x in 0..60 {
                let (x, y) = (100 + x, 50 + y);
                let Color { red, green, blue } = plain.pixel(Point::new(x, y)).unwrap();
                turned.fill(Rect::new(x, y, 1, 1), Color::new(255 - red, 255 - green, 255 - blue));
            }
        }
        assert!(is_alike(&plain, &turned, Rect::new(100, 50, 60, 24)));
        assert!(!is_alike(&plain, &screen(&[(100, 50, 0)], PAPER), Rect::new(100, 50, 60, 24)));
    }

    #[test]
    fn what_was_there_before_it_opened_is_no_look_of_it() {
        let at = Point::new(120, 60);
        let closed = screen(&[(300, 50, 5)], PAPER);
        let open = screen(&[(100, 50, 3), (300, 50, 5)], PAPER);
        let moment = moment(&[(at, open), (AWAY, closed)]);
        let picture = cut(&mut Finder::new(), &moment, at, Some(Rect::new(100, 50, 60, 24))).unwrap();
        assert_eq!(picture.looks.len(), 1);
    }

    #[test]
    fn of_two_alike_as_much_is_cut_as_tells_them_apart() {
        let at = Point::new(120, 60);
        let frame = screen(&[(100, 50, 3), (300, 50, 3), (170, 50, 6)], PAPER);
        let picture = cut(&mut Finder::new(), &moment(&[(AWAY, frame)]), at, Some(Rect::new(100, 50, 60, 24))).unwrap();
        assert!(picture.looks[0].width() > 60, "{}", picture.looks[0].width());
    }

    #[test]
    fn a_bare_place_has_no_picture() {
        let frame = screen(&[(100, 50, 3)], PAPER);
        assert!(cut(&mut Finder::new(), &moment(&[(AWAY, frame)]), Point::new(620, 390), None).is_none());
    }

    #[test]
    fn at_the_edge_the_picture_lies_inside_of_the_screen() {
        let frame = screen(&[(0, 0, 4)], PAPER);
        let picture = cut(&mut Finder::new(), &moment(&[(AWAY, frame)]), Point::new(5, 5), None).unwrap();
        assert_eq!((picture.looks[0].width(), picture.looks[0].height()), (48, 32));
        assert_eq!(picture.offset, (5 - 23, 5 - 15));
    }
}
