//! Cases by dice: a part of a screen, and how the screen looks when the part is looked for.

use deskfleet::desktop::{Frame, PixelOrder, Point, Rect};

use crate::{dice::Dice, screens::Screen};

/// Sizes of buttons, labels, fields and parts of dialogs.
const SIZES: [(u32, u32); 6] = [(24, 24), (48, 20), (64, 24), (120, 40), (200, 100), (400, 300)];

/// Each quarter of a template varies by at least this, in gray, so that it shows something.
const LEAST_VARIATION: f64 = 12.0;

/// Throws before a screen counts as having no such place.
const THROWS: usize = 2_000;

pub(crate) fn size(dice: &mut Dice) -> (u32, u32) {
    let which = dice.below(u32::try_from(SIZES.len()).unwrap_or_default()) as usize;
    SIZES[which]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Exact,
    /// The screen was compressed, as remote desktops do.
    Jpeg,
    /// The screen is brighter and has less contrast.
    Brighter,
    /// The template is turned by half: as rich as the others, and nowhere.
    Absent,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Exact, Self::Jpeg, Self::Brighter, Self::Absent];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Jpeg => "JPEG quality 60",
            Self::Brighter => "brighter",
            Self::Absent => "absent",
        }
    }
}

pub(crate) struct Case {
    pub(crate) template: Frame,
    /// Where it is; `None`: nowhere.
    pub(crate) place: Option<Point>,
}

impl Case {
    /// A place that shows something and is there once. `None` where the dice find none.
    pub(crate) fn make(screen: &Screen, (width, height): (u32, u32), kind: Kind, dice: &mut Dice) -> Option<Self> {
        let frame = &screen.look(Kind::Exact).frame;
        for _ in 0..THROWS {
            let (x, y) = (dice.below(frame.width() - width), dice.below(frame.height() - height));
            let place = Point::new(x.cast_signed(), y.cast_signed());
            let template = frame.crop(Rect::new(place.x, place.y, width, height))?;
            let shows = quarters(&template).all(|quarter| variation(&quarter) >= LEAST_VARIATION);
            if !shows || occurrences(frame, &template) != 1 {
                continue;
            }
            if kind != Kind::Absent {
                return Some(Self { template, place: Some(place) });
            }
            let turned = turned(&template)?;
            // What looks the same upside down is there after all.
            if likeness(&turned, &template) < 0.5 && occurrences(frame, &turned) == 0 {
                return Some(Self { template: turned, place: None });
            }
        }
        None
    }
}

/// How often these very pixels are there.
fn occurrences(frame: &Frame, template: &Frame) -> usize {
    let (row_bytes, stride) = (template.stride(), frame.stride());
    let first = &template.bytes()[..row_bytes];
    let same = |at: usize| {
        (0..template.height() as usize).all(|row| {
            let (there, wanted) = (at + row * stride, row * row_bytes);
            frame.bytes().get(there..there + row_bytes) == Some(&template.bytes()[wanted..wanted + row_bytes])
        })
    };
    let inside = |at: &usize| at.is_multiple_of(4) && at % stride + row_bytes <= stride;
    memchr::memmem::find_iter(frame.bytes(), first).filter(inside).filter(|at| same(*at)).count()
}

fn quarters(frame: &Frame) -> impl Iterator<Item = Vec<f64>> + '_ {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let gray = frame.to_gray();
    (0..4).map(move |quarter| {
        let (left, top) = (quarter % 2 * (width / 2), quarter / 2 * (height / 2));
        let rows = gray.chunks_exact(width).skip(top).take(height / 2);
        rows.flat_map(|row| &row[left..left + width / 2]).map(|value| f64::from(*value)).collect()
    })
}

/// Standard deviation.
fn variation(values: &[f64]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a template has far fewer pixels than an f64 counts")]
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt()
}

fn turned(frame: &Frame) -> Option<Frame> {
    let pixels = frame.bytes().chunks_exact(4).rev().flatten().copied().collect();
    Frame::new(frame.width(), frame.height(), frame.order(), pixels).ok()
}

/// Correlation of two pictures of one size.
fn likeness(one: &Frame, other: &Frame) -> f64 {
    let gray = |frame: &Frame| frame.to_gray().into_iter().map(f64::from).collect::<Vec<f64>>();
    let (one, other) = (gray(one), gray(other));
    #[expect(clippy::cast_precision_loss, reason = "a template has far fewer pixels than an f64 counts")]
    let count = one.len() as f64;
    let (mean, mean_other) = (one.iter().sum::<f64>() / count, other.iter().sum::<f64>() / count);
    let product: f64 = one.iter().zip(&other).map(|(a, b)| (a - mean) * (b - mean_other)).sum();
    product / count / (variation(&one) * variation(&other)).max(f64::MIN_POSITIVE)
}

/// The screen as `kind` has it.
pub(crate) fn changed(frame: &Frame, kind: Kind) -> Frame {
    match kind {
        Kind::Exact | Kind::Absent => frame.clone(),
        Kind::Jpeg => Frame::decode(&frame.to_jpeg(60).expect("it encodes")).expect("it decodes"),
        Kind::Brighter => {
            let brighter = |value: &u8| u8::try_from(u16::from(*value) * 4 / 5 + 45).unwrap_or(u8::MAX);
            let order: PixelOrder = frame.order();
            let pixels = frame.bytes().iter().map(brighter).collect();
            Frame::new(frame.width(), frame.height(), order, pixels).expect("the size is the same")
        }
    }
}
