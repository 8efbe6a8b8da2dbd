//! Tesseract's answer: one row an element, twelve columns, words at level 5.

use super::{LEAST_CONFIDENCE, Layout, Line, Word, on_screen};
use crate::desktop::Point;

/// The lines of a part of the screen whose corner is at `origin`, in the order tesseract has them.
pub fn lines(answer: &str, layout: Layout, origin: Point) -> Vec<Line> {
    let mut lines: Vec<([u32; 3], Line)> = Vec::new();
    for (line, word) in answer.lines().filter_map(|row| word(row, layout, origin)) {
        match lines.last_mut() {
            Some((same, words)) if *same == line => words.words.push(word),
            _ => lines.push((line, Line { words: vec![word] })),
        }
    }
    lines.into_iter().map(|(_, line)| line).collect()
}

/// A word with the numbers of its block, paragraph and line.
fn word(row: &str, layout: Layout, origin: Point) -> Option<([u32; 3], Word)> {
    let columns: Vec<&str> = row.splitn(12, '\t').collect();
    let ["5", _, block, paragraph, line, _, left, top, width, height, confidence, text] = columns[..] else {
        return None;
    };
    let number = |text: &str| text.parse::<u32>().ok();
    let line = [number(block)?, number(paragraph)?, number(line)?];
    let rect = [number(left)?, number(top)?, number(width)?, number(height)?];
    let confidence = confidence.parse::<f32>().ok()? / 100.0;
    let text = text.trim();
    let may_be_doubtful = layout == Layout::Table && text.chars().any(char::is_alphanumeric);
    let is_word = !text.is_empty() && (confidence >= LEAST_CONFIDENCE || may_be_doubtful);
    is_word.then(|| (line, Word { text: text.to_owned(), rect: on_screen(rect, origin), confidence }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desktop::Rect;

    #[test]
    fn words_are_put_together_to_lines_and_doubtful_ones_left_out() {
        let answer = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n\
            1\t1\t0\t0\t0\t0\t0\t0\t600\t400\t-1\t\n\
            5\t1\t1\t1\t1\t1\t36\t36\t60\t20\t96.5\tPatient:\n\
            5\t1\t1\t1\t1\t2\t106\t36\t50\t20\t22\t|\n\
            5\t1\t1\t1\t1\t3\t106\t36\t50\t20\t81.0\tAda\tL\n\
            5\t1\t1\t1\t2\t1\t36\t76\t60\t20\t95\tMRN\n\
            5\t1\t1\t1\t2\t2\tx\t76\t60\t20\t95\tbad\n\
            5\t1\t1\t1\n";
        let lines = lines(answer, Layout::Page, Point::new(100, 200));
        let texts: Vec<String> = lines.iter().map(Line::text).collect();
        assert_eq!(texts, ["Patient: Ada\tL", "MRN"]);
        let doubtful = answer.replace("\t22\t|", "\t22\t4711");
        let cells = |answer: &str| super::lines(answer, Layout::Table, Point::default())[0].text();
        assert_eq!(cells(&doubtful), "Patient: 4711 Ada\tL", "a cell that is hard to read is not left out");
        assert_eq!(cells(answer), "Patient: Ada\tL", "a rule between cells is no cell");
        assert_eq!(lines[0].words[0].rect, Rect::new(110, 210, 30, 10));
        assert!((lines[0].words[0].confidence - 0.965).abs() < 0.001);
    }

    #[test]
    fn anything_else_is_no_line() {
        assert_eq!(lines("", Layout::Page, Point::default()), []);
        assert_eq!(lines("Error\n\u{0}\t\t\t", Layout::Page, Point::default()), []);
    }
}
