//! Text on a screen, read by tesseract where the system has no reader of its own: what to run, what to give it, and what its answer means.
//!
//! It must not know: windows, steps, who runs programs.

mod places;
mod tsv;

use std::iter;

use image::{GrayImage, imageops};

use super::{Frame, Point, Rect, process::Program};

pub use places::{Place, nearest_run, occurrences};
pub use tsv::lines;

/// Letters on a screen are half as high as those tesseract was made for.
const ENLARGED: u32 = 2;

/// Around the picture, as letters at its very edge are lost. In pixels of the screen.
const BORDER: u32 = 8;

/// Words that tesseract itself takes for doubtful are no words: what is not there is read into lines and icons.
pub const LEAST_CONFIDENCE: f32 = 0.5;

/// A word, where it stands on the screen.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    pub text: String,
    pub rect: Rect,
    /// 0 to 1, by the reader's own measure.
    pub confidence: f32,
}

/// Words that stand in one line, from the left.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    pub words: Vec<Word>,
}

impl Line {
    pub fn text(&self) -> String {
        self.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
    }
}

/// How the text is spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Words anywhere: menus, buttons, labels. Finds the most, and misses whole sentences now and then.
    Sparse,
    /// Paragraphs and columns.
    Page,
    /// One paragraph.
    Block,
    /// Lines of cells, of which none may be missing: doubtful words are kept where they have letters or digits.
    Table,
    Line,
}

/// Reads a picture on its stdin, in this language.
pub fn program(language: &str, layout: Layout) -> Program {
    let mode = match layout {
        Layout::Sparse => "11",
        Layout::Page => "3",
        Layout::Block | Layout::Table => "6",
        Layout::Line => "7",
    };
    let arguments = ["stdin", "stdout", "-l", language, "--psm", mode, "tsv"].map(str::to_owned).to_vec();
    // More threads make it slower on pictures of this size, and the machine is there for the application.
    let env = vec![("OMP_THREAD_LIMIT".to_owned(), "1".to_owned())];
    Program { program: "tesseract".to_owned(), arguments, env, ..Program::default() }
}

/// The picture as a PGM file.
pub fn picture(frame: &Frame) -> Vec<u8> {
    let large = prepared(frame);
    let mut file = format!("P5 {} {} 255\n", large.width(), large.height()).into_bytes();
    file.extend_from_slice(large.as_raw());
    file
}

/// As it is read best: gray, larger, with a border of the colours at its edge.
pub(super) fn prepared(frame: &Frame) -> GrayImage {
    let (width, height) = (frame.width(), frame.height());
    let gray = frame.to_gray();
    let row = |y: u32| &gray[(y * width) as usize..((y + 1) * width) as usize];
    let mut bordered = Vec::with_capacity(((width + 2 * BORDER) * (height + 2 * BORDER)) as usize);
    for y in 0..height + 2 * BORDER {
        let row = row(y.saturating_sub(BORDER).min(height.saturating_sub(1)));
        let [first, last] = [row.first(), row.last()].map(|edge| edge.copied().unwrap_or_default());
        bordered.extend(iter::repeat_n(first, BORDER as usize));
        bordered.extend_from_slice(row);
        bordered.extend(iter::repeat_n(last, BORDER as usize));
    }
    let small = GrayImage::from_raw(width + 2 * BORDER, height + 2 * BORDER, bordered).unwrap_or_default();
    let [wide, high] = [small.width(), small.height()].map(|side| side * ENLARGED);
    imageops::resize(&small, wide, high, imageops::FilterType::CatmullRom)
}

/// From pixels of what [`prepared`] made to those of the screen, where the frame's corner is at `origin`.
pub(super) fn on_screen(rect: [u32; 4], origin: Point) -> Rect {
    let [left, top, width, height] = rect;
    let at = |offset: u32| i32::try_from(offset / ENLARGED).unwrap_or(i32::MAX) - BORDER.cast_signed();
    let corner = origin.offset(at(left), at(top));
    Rect::new(corner.x, corner.y, width.div_ceil(ENLARGED), height.div_ceil(ENLARGED))
}

/// What was read of parts of the screen, so that what has not changed is not read again.
#[derive(Debug, Default)]
pub struct Readings(Vec<(Key, Vec<Line>)>);

/// The pixels, how they were read, and where they stood.
type Key = (u64, Rect, String, Layout);

/// Parts that are remembered.
const MAX_READINGS: usize = 16;

impl Readings {
    pub fn known(&self, part: &Frame, rect: Rect, language: &str, layout: Layout) -> Option<Vec<Line>> {
        let key = (part.hash(), rect, language.to_owned(), layout);
        self.0.iter().find(|(known, _)| *known == key).map(|(_, lines)| lines.clone())
    }

    pub fn keep(&mut self, part: &Frame, rect: Rect, (language, layout): (&str, Layout), lines: &[Line]) {
        if self.0.len() >= MAX_READINGS {
            self.0.remove(0);
        }
        self.0.push(((part.hash(), rect, language.to_owned(), layout), lines.to_vec()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desktop::Color;

    #[test]
    fn a_picture_is_larger_and_has_a_border_and_places_lead_back() {
        let mut frame = Frame::filled(10, 4, Color::new(200, 200, 200));
        frame.fill(Rect::new(0, 0, 1, 4), Color::default());
        let file = picture(&frame);
        let head = b"P5 52 40 255\n";
        assert!(file.starts_with(head));
        let pixels = &file[head.len()..];
        assert_eq!(pixels.len(), 52 * 40);
        assert_eq!((pixels[0], pixels[51]), (0, 200), "the border goes on as the edge was");
        assert_eq!(on_screen([16, 16, 20, 8], Point::new(100, 50)), Rect::new(100, 50, 10, 4));
    }

    #[test]
    fn an_empty_picture_is_one_too() {
        assert!(picture(&Frame::filled(1, 1, Color::default())).starts_with(b"P5 34 34 255\n"));
    }

    #[test]
    fn what_was_read_is_remembered_by_its_pixels_and_place() {
        let part = Frame::filled(10, 4, Color::default());
        let rect = Rect::new(5, 5, 10, 4);
        let lines = vec![Line::default()];
        let mut readings = Readings::default();
        for number in 0..100 {
            readings.keep(&part, Rect::new(number, 0, 10, 4), ("eng", Layout::Page), &[]);
        }
        readings.keep(&part, rect, ("eng", Layout::Sparse), &lines);
        assert!(readings.0.len() <= MAX_READINGS);
        assert_eq!(readings.known(&part, rect, "eng", Layout::Sparse), Some(lines));
        assert_eq!(readings.known(&part, rect, "deu", Layout::Sparse), None);
        assert_eq!(readings.known(&part, rect, "eng", Layout::Page), None);
        let other = Frame::filled(10, 4, Color::new(1, 1, 1));
        assert_eq!(readings.known(&other, rect, "eng", Layout::Sparse), None);
    }
}
