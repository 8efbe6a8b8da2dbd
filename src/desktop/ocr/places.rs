//! Where a text stands in what was read.

use std::ops::Range;

use super::{Line, Word};
use crate::desktop::Rect;

/// Words of one line.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    pub text: String,
    pub rect: Rect,
    /// Of the word that is surest not to be right.
    pub confidence: f32,
}

/// A gap wider than so many times the height of a word ends what belongs together.
const WIDE_GAP: u32 = 3;

impl Line {
    pub fn whole(&self) -> Option<Place> {
        self.place(0..self.words.len())
    }

    fn place(&self, words: Range<usize>) -> Option<Place> {
        let words = self.words.get(words).filter(|words| !words.is_empty())?;
        let rect = words.iter().map(|word| word.rect).reduce(|all, next| all.union(&next))?;
        let text = words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        Some(Place { text, rect, confidence: words.iter().map(|word| word.confidence).fold(1.0, f32::min) })
    }

    /// The words that a part of [`Line::text`] touches.
    pub fn span(&self, bytes: Range<usize>) -> Option<Place> {
        let mut start = 0;
        let mut touched = (0..self.words.len()).filter(|index| {
            let end = start + self.words[*index].text.len();
            let touches = start < bytes.end && bytes.start < end;
            start = end + 1;
            touches
        });
        let first = touched.next()?;
        let last = touched.last().unwrap_or(first);
        self.place(first..last + 1)
    }
}

/// Where these words stand one after the other in a line: whole words, without the punctuation around them.
pub fn occurrences(line: &Line, words: &str, case: bool) -> Vec<Place> {
    let sought: Vec<String> = words.split_whitespace().map(|word| plain(word, case)).collect();
    if sought.is_empty() {
        return Vec::new();
    }
    let there: Vec<String> = line.words.iter().map(|word| plain(&word.text, case)).collect();
    let mut places = Vec::new();
    let mut from = 0;
    while from + sought.len() <= there.len() {
        if there[from..from + sought.len()] == sought[..] {
            places.extend(line.place(from..from + sought.len()));
            from += sought.len();
        } else {
            from += 1;
        }
    }
    places
}

/// The word as it is compared.
fn plain(word: &str, case: bool) -> String {
    let word: String = word.chars().map(simple).collect();
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    let bare = if bare.is_empty() { word.as_str() } else { bare };
    if case { bare.to_owned() } else { bare.to_lowercase() }
}

/// Quotes and dashes as they are typed.
fn simple(c: char) -> char {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{201a}' => '\'',
        '\u{201c}'..='\u{201e}' => '"',
        '\u{2010}'..='\u{2015}' => '-',
        c => c,
    }
}

/// What stands together nearest to a place: the words of the line from there up to a wide gap.
pub fn nearest_run(line: &Line, anchor: Rect) -> Option<Place> {
    let words = &line.words;
    let nearest = (0..words.len()).min_by_key(|index| words[*index].rect.distance(&anchor))?;
    let together = |left: &Word, right: &Word| {
        let gap = right.rect.x.saturating_sub(left.rect.right());
        gap < i32::try_from(WIDE_GAP * left.rect.height.max(right.rect.height)).unwrap_or(i32::MAX)
    };
    let mut first = nearest;
    while first > 0 && together(&words[first - 1], &words[first]) {
        first -= 1;
    }
    let mut last = nearest;
    while last + 1 < words.len() && together(&words[last], &words[last + 1]) {
        last += 1;
    }
    line.place(first..last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of ten pixels a letter, one space apart unless a gap is given.
    fn line(words: &[(&str, i32)]) -> Line {
        let mut x = 0;
        let word = |(text, gap): &(&str, i32)| {
            let width = u32::try_from(text.chars().count() * 10).unwrap();
            let rect = Rect::new(x + gap, 50, width, 12);
            x = rect.right();
            Word { text: (*text).to_owned(), rect, confidence: 0.9 }
        };
        Line { words: words.iter().map(word).collect() }
    }

    fn texts(line: &Line, words: &str, case: bool) -> Vec<String> {
        occurrences(line, words, case).into_iter().map(|place| place.text).collect()
    }

    #[test]
    fn whole_words_are_found_whatever_stands_around_them() {
        let line = line(&[("Save", 0), ("(Saved", 10), ("4711);", 10), ("save", 10), ("as\u{2026}", 10)]);
        assert_eq!(texts(&line, "save", false), ["Save", "save"]);
        assert_eq!(texts(&line, "Save", true), ["Save"]);
        assert_eq!(texts(&line, "saved  4711", false), ["(Saved 4711);"]);
        assert_eq!(texts(&line, "Save as", false), ["save as\u{2026}"]);
        assert_eq!(texts(&line, "Sav", false), [""; 0]);
        assert_eq!(texts(&line, "", false), [""; 0]);
        assert_eq!(occurrences(&line, "saved 4711", false)[0].rect, Rect::new(50, 50, 130, 12));
    }

    #[test]
    fn quotes_and_dashes_are_alike_and_signs_are_words_too() {
        let line = line(&[("A\u{2013}1", 0), ("\u{2019}tis", 10), ("+", 10)]);
        assert_eq!(texts(&line, "A-1", true).len(), 1);
        assert_eq!(texts(&line, "'tis", true).len(), 1);
        assert_eq!(texts(&line, "+", true), ["+"]);
        assert_eq!(texts(&line, "-", true), [""; 0]);
    }

    #[test]
    fn a_part_of_the_text_leads_to_its_words() {
        let line = line(&[("Receipt", 0), ("R-20931", 10), ("paid", 10)]);
        let text = line.text();
        let at = text.find("20931").unwrap();
        assert_eq!(line.span(at..at + 5).unwrap().text, "R-20931");
        assert_eq!(line.span(3..at + 1).unwrap().text, "Receipt R-20931");
        assert_eq!(line.span(7..8), None, "between two words");
        assert_eq!(line.span(90..99), None);
    }

    #[test]
    fn what_is_far_away_does_not_belong_to_it() {
        let line = line(&[("Ada", 0), ("Lovelace", 10), ("1815", 200), ("London", 10)]);
        assert_eq!(nearest_run(&line, Rect::new(-60, 50, 50, 12)).unwrap().text, "Ada Lovelace");
        assert_eq!(nearest_run(&line, Rect::new(500, 50, 50, 12)).unwrap().text, "1815 London");
        assert_eq!(nearest_run(&Line::default(), Rect::default()), None);
    }
}
