//! Lines of words become rows of cells: columns are where no line has a word in between.

use crate::desktop::{
    Rect,
    ocr::{Line, Place, Word},
};

/// A gap wider than the letters are high separates two cells.
const GAP: u32 = 1;

/// Headings and the cells under them.
pub(super) struct Cells {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

/// The parts of a line with wide gaps between them.
pub(super) fn parts(line: &Line) -> Vec<Place> {
    let mut parts: Vec<Vec<Word>> = Vec::new();
    for word in &line.words {
        match parts.last_mut() {
            Some(part) if part.last().is_some_and(|last| is_near(last.rect, word.rect)) => part.push(word.clone()),
            _ => parts.push(vec![word.clone()]),
        }
    }
    parts.into_iter().filter_map(|words| Line { words }.whole()).collect()
}

fn is_near(left: Rect, right: Rect) -> bool {
    let gap = u32::try_from(right.x.saturating_sub(left.right())).unwrap_or(0);
    gap <= left.height.max(right.height) * GAP
}

/// The line of headings among these: the one with all that are wanted, else the first.
pub(super) fn heading(lines: &[Line], wanted: &[String]) -> Option<usize> {
    if wanted.is_empty() {
        return (!lines.is_empty()).then_some(0);
    }
    let has = |line: &Line, name: &String| !crate::desktop::ocr::occurrences(line, name, false).is_empty();
    lines.iter().position(|line| wanted.iter().all(|name| has(line, name)))
}

/// A heading takes what stands under it; what stands under none goes to the nearest.
pub(super) fn cells(heading: &Line, rows: &[Line]) -> Cells {
    let headings = parts(heading);
    let rows: Vec<Vec<Place>> = rows.iter().map(parts).collect();
    let mut spans: Vec<(i32, i32)> =
        headings.iter().chain(rows.iter().flatten()).map(|place| span(place.rect)).collect();
    spans.sort_unstable();
    let strips = merged(spans);
    // Of each strip the columns whose headings stand in it; of one that has none the nearest.
    let column_of = |place: &Place| {
        let (from, to) = span(place.rect);
        let strip = strips.iter().find(|strip| strip.0 <= from && to <= strip.1).copied().unwrap_or((from, to));
        let inside = |heading: &&(usize, &Place)| {
            let heading = span(heading.1.rect);
            strip.0 <= heading.0 && heading.1 <= strip.1
        };
        let all: Vec<(usize, &Place)> = headings.iter().enumerate().collect();
        let in_strip: Vec<&(usize, &Place)> = all.iter().filter(inside).collect();
        let candidates = if in_strip.is_empty() { all.iter().collect() } else { in_strip };
        let own = if candidates.len() > 1 || headings.is_empty() { (from, to) } else { strip };
        candidates.into_iter().min_by_key(|(_, heading)| distance(own, span(heading.rect))).map(|(at, _)| *at)
    };
    let row = |places: &Vec<Place>| {
        let mut cells = vec![String::new(); headings.len()];
        for place in places {
            if let Some(cell) = column_of(place).and_then(|at| cells.get_mut(at)) {
                if !cell.is_empty() {
                    cell.push(' ');
                }
                cell.push_str(&place.text);
            }
        }
        cells
    };
    Cells { rows: rows.iter().map(row).collect(), columns: headings.iter().map(|place| place.text.clone()).collect() }
}

fn span(rect: Rect) -> (i32, i32) {
    (rect.x, rect.right())
}

/// From middle to middle where they do not overlap.
fn distance(one: (i32, i32), other: (i32, i32)) -> i32 {
    let gap = (one.0.max(other.0) - one.1.min(other.1)).max(0);
    if gap == 0 { ((one.0 + one.1) - (other.0 + other.1)).abs() / 4096 } else { gap }
}

/// Overlapping stretches as one.
fn merged(sorted: Vec<(i32, i32)>) -> Vec<(i32, i32)> {
    let mut strips: Vec<(i32, i32)> = Vec::new();
    for (from, to) in sorted {
        match strips.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => strips.push((from, to)),
        }
    }
    strips
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words with their left edges, ten pixels a letter.
    fn line(y: i32, words: &[(&str, i32)]) -> Line {
        let width = |text: &str| u32::try_from(text.len()).unwrap() * 10;
        let word = |(text, x): &(&str, i32)| Word {
            text: (*text).into(),
            rect: Rect::new(*x, y, width(text), 12),
            confidence: 0.9,
        };
        Line { words: words.iter().map(word).collect() }
    }

    #[test]
    fn cells_go_under_their_headings_however_they_are_aligned() {
        let heading = line(0, &[("MRN", 40), ("Full", 220), ("name", 268), ("Age", 390)]);
        let rows = [
            line(20, &[("P0001", 5), ("Anna", 125), ("Lovelace", 170), ("36", 350)]),
            line(40, &[("P0002", 5), ("7", 350)]),
            line(60, &[("Bo", 125)]),
        ];
        let cells = cells(&heading, &rows);
        assert_eq!(cells.columns, ["MRN", "Full name", "Age"]);
        assert_eq!(cells.rows, [["P0001", "Anna Lovelace", "36"], ["P0002", "", "7"], ["", "Bo", ""]]);
    }

    #[test]
    fn the_headings_are_the_line_that_has_what_is_wanted() {
        let lines = [line(0, &[("Patients", 0)]), line(20, &[("MRN", 0), ("Name", 100)])];
        assert_eq!(heading(&lines, &[]), Some(0));
        assert_eq!(heading(&lines, &["name".into(), "MRN".into()]), Some(1));
        assert_eq!(heading(&lines, &["Age".into()]), None);
    }
}
