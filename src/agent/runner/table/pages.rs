//! A table read off the screen: page after page, scrolled with the wheel, put together by how far the picture moved.

use std::time::Duration;

use super::columns;
use crate::{
    agent::runner::{
        fault::{Break, Fault, fault},
        find::Hit,
        look::Look,
        run::Runner,
    },
    desktop::{
        Frame, Point, Rect,
        ocr::{Layout, Line},
        ui::Grid,
    },
    wire::job::Category,
    workflow::ReadTable,
};

/// The picture has come to rest when it does not change for so long.
const RESTS: Duration = Duration::from_millis(150);

/// What still moves after that is taken as it is.
const REST_WITHIN: Duration = Duration::from_secs(2);

/// So much of a page must show what the one before it showed.
const LEAST_OVERLAP: u32 = 4;

/// Of what both show, so many in a hundred rows of pixels must be equal: a row under the pointer may look otherwise.
const ALIKE_PERCENT: usize = 80;

/// On the right edge a scroll bar may move, and the pointer's picture is in none.
const BAR_PERCENT: u32 = 8;

/// A scroll bar is no wider.
const WIDEST_BAR: u32 = 64;

/// Around what moves in a bar it has a frame.
const BAR_FRAME: u32 = 3;

/// A line cut off by the edge is read on the next page.
const EDGE: i32 = 3;

impl Runner<'_> {
    /// From where it is scrolled to down to its end, and back.
    pub(super) fn grid_read(&mut self, hit: &Hit, table: &ReadTable, rows: usize) -> Result<Grid, Break> {
        self.bring_forward(hit)?;
        let first = self.read_now(hit.rect, table)?;
        let Some(at) = columns::heading(&first, &table.columns) else {
            let what = if first.is_empty() { "nothing" } else { "no line with all of its columns" };
            let message = format!("{what} could be read in {}", hit.what);
            return Err(Fault::new(Category::TargetNotFound, message).seen(None, vec![hit.rect]).into());
        };
        let top = bottom(&first[at]);
        let body = Rect { y: top, height: hit.rect.bottom().abs_diff(top), ..hit.rect };
        let (heading, lines) = match self.bar_beside(body)? {
            None => (first[at].clone(), first[at + 1..].to_vec()),
            Some(width) => {
                // What a scroll bar shows is no text, and makes the line beside it no text either.
                let whole = Rect { width, ..hit.rect };
                let mut lines = self.read_now(whole, table)?;
                let Some(at) = columns::heading(&lines, &table.columns) else {
                    return fault(Category::TargetNotFound, "its headings are gone since they were read first");
                };
                let rest = lines.split_off(at + 1);
                (lines.swap_remove(at), self.read_on(Rect { width, ..body }, table, rows, rest)?)
            }
        };
        let mut cells = columns::cells(&heading, &lines);
        cells.rows.truncate(rows);
        Ok(Grid { columns: cells.columns, rows: cells.rows })
    }

    /// How wide the table is without its scroll bar; `None` where it does not scroll.
    fn bar_beside(&mut self, body: Rect) -> Result<Option<u32>, Break> {
        let before = self.at_rest(body)?;
        self.notch(body, 1)?;
        let after = self.at_rest(body)?;
        let step = shift(&before, &after).ok_or_else(too_far)?;
        if step == 0 {
            return Ok(None);
        }
        self.notch(body, -1)?;
        self.at_rest(body)?;
        Ok(Some(without_bar(&before, &after, step)))
    }

    /// Scrolls until nothing moves any more or there is enough, and back. Lines keep counting down from the first page.
    fn read_on(
        &mut self,
        body: Rect,
        table: &ReadTable,
        rows: usize,
        mut lines: Vec<Line>,
    ) -> Result<Vec<Line>, Break> {
        let mut page = self.at_rest(body)?;
        let (mut moved, mut notches) = (0, 0);
        while lines.len() < rows {
            self.notch(body, 1)?;
            let next = self.at_rest(body)?;
            let step = shift(&page, &next).ok_or_else(too_far)?;
            if step == 0 {
                break;
            }
            // What the edge cut off, or made hard to read, comes with this page.
            lines.retain(|line| bottom(line) < body.bottom() - EDGE + moved);
            lines.pop();
            notches += 1;
            moved += i32::try_from(step).unwrap_or(i32::MAX);
            page = next;
            let last = lines.last().map_or(body.y, bottom);
            let read = self.read_now(body, table)?;
            lines.extend(read.into_iter().map(|line| down(line, moved)).filter(|line| middle(line) > last));
        }
        if notches > 0 {
            self.notch(body, -notches)?;
        }
        Ok(lines)
    }

    fn notch(&mut self, body: Rect, dy: i32) -> Result<(), Break> {
        self.go_on()?;
        self.world.desktop().scroll(body.center(), 0, dy)?;
        Ok(())
    }

    fn read_now(&mut self, rect: Rect, table: &ReadTable) -> Result<Vec<Line>, Break> {
        self.read(rect, &table.language, Layout::Table, &mut Look::default())
    }

    /// The picture of this place once it has come to rest.
    fn at_rest(&mut self, rect: Rect) -> Result<Frame, Break> {
        let mut last: Option<(Frame, crate::time::Mono)> = None;
        let still = self.until(REST_WITHIN, |runner| {
            let frame = runner.world.desktop().capture()?;
            let now = runner.world.now().mono;
            let Some(part) = frame.rect().intersect(&rect).and_then(|rect| frame.crop(rect)) else {
                return fault(Category::TargetNotFound, "the table lies outside the desktop");
            };
            match &last {
                Some((before, since)) if before.same_pixels(&part) => {
                    return Ok((now.since(*since) >= RESTS).then_some(part));
                }
                _ => last = Some((part, now)),
            }
            Ok(None)
        })?;
        match still.or(last.map(|(frame, _)| frame)) {
            Some(frame) => Ok(frame),
            None => unreachable!("a wait looks at least once"),
        }
    }
}

fn too_far() -> Fault {
    let message =
        "one notch of the wheel moves the table by more than a page, so that rows would be missed: make it higher";
    Fault::new(Category::Assertion, message)
}

/// How many columns of pixels belong to what was scrolled: on the right edge those of a scroll bar move otherwise.
fn without_bar(before: &Frame, after: &Frame, step: u32) -> u32 {
    let (width, common) = (before.width().min(after.width()), before.height().saturating_sub(step));
    let differs = |x: u32, y: u32| {
        let at = |y: u32| Point::new(x.cast_signed(), y.cast_signed());
        before.pixel(at(y + step)) != after.pixel(at(y))
    };
    let different: Vec<usize> = (0..width).map(|x| (0..common).filter(|y| differs(x, *y)).count()).collect();
    let mut sorted = different.clone();
    sorted.sort_unstable();
    // A row under the pointer differs in every column.
    let usual = sorted.get(sorted.len() / 2).copied().unwrap_or_default() + 1;
    let edge = width.saturating_sub(WIDEST_BAR);
    let bar = (edge..width).find(|x| different[*x as usize] > usual);
    bar.map_or(width, |bar| bar.saturating_sub(BAR_FRAME).max(1))
}

/// By how many rows of pixels the second picture is scrolled down from the first. `None`: they have too little in common.
fn shift(before: &Frame, after: &Frame) -> Option<u32> {
    let (before, after) = (rows(before), rows(after));
    let height = before.len().min(after.len());
    let most = height - height / LEAST_OVERLAP as usize;
    let alike = |by: usize| {
        let common = height - by;
        let equal = before[by..height].iter().zip(&after[..common]).filter(|(one, other)| one == other).count();
        (equal * 100 >= common * ALIKE_PERCENT).then_some(equal * 1000 / common.max(1))
    };
    // Unmoved before anything else: an empty page looks like itself at every height.
    if alike(0) == Some(1000) {
        return Some(0);
    }
    let best = (0..=most).filter_map(|by| Some((alike(by)?, by))).max_by_key(|(score, by)| (*score, usize::MAX - by));
    best.and_then(|(_, by)| u32::try_from(by).ok())
}

/// The rows of pixels, without what a scroll bar takes.
fn rows(frame: &Frame) -> Vec<&[u8]> {
    let kept = frame.width() - frame.width() * BAR_PERCENT / 100;
    let bytes = kept as usize * 4;
    frame.bytes().chunks(frame.stride().max(1)).map(|row| &row[..bytes.min(row.len())]).collect()
}

fn bottom(line: &Line) -> i32 {
    line.words.iter().map(|word| word.rect.bottom()).max().unwrap_or_default()
}

fn middle(line: &Line) -> i32 {
    let top = line.words.iter().map(|word| word.rect.y).min().unwrap_or_default();
    i32::midpoint(top, bottom(line))
}

fn down(mut line: Line, by: i32) -> Line {
    for word in &mut line.words {
        word.rect.y = word.rect.y.saturating_add(by);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desktop::Color;

    fn page(from: u8) -> Frame {
        let mut frame = Frame::filled(100, 60, Color::new(255, 255, 255));
        for y in 0..60_u8 {
            let (row, at) = (from + y, i32::from(y));
            frame.fill(Rect::new(i32::from(row % 50), at, 10, 1), Color::new(row, 0, 0));
            // A bar that moves otherwise.
            frame.fill(Rect::new(95, at, 5, 1), Color::new(y, y, from));
        }
        frame
    }

    #[test]
    fn a_picture_is_known_again_further_up() {
        assert_eq!(shift(&page(0), &page(0)), Some(0));
        assert_eq!(shift(&page(0), &page(20)), Some(20));
        assert_eq!(shift(&page(0), &page(45)), Some(45));
        assert_eq!(shift(&page(0), &page(59)), None, "too little in common");
        let mut marked = page(20);
        marked.fill(Rect::new(0, 10, 90, 5), Color::new(0, 0, 255));
        assert_eq!(shift(&page(0), &marked), Some(20), "a row under the pointer looks otherwise");
        assert_eq!(without_bar(&page(0), &marked, 20), 95 - BAR_FRAME);
        assert_eq!(without_bar(&page(0), &page(20), 20), 95 - BAR_FRAME);
    }
}
