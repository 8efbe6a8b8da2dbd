//! Readers of single values: names, numbers, durations, colours, regions, choices.

use std::time::Duration;

use super::Reader;
use super::names::{nearest, one_of};
use crate::workflow::limits;
use crate::workflow::model::{Color, Name, Pattern, Position, Region};
use crate::workflow::node::{Node, Style, Tree};

impl Reader {
    /// Text as it stands. A number or truth value where text belongs was most likely meant as text: quotes are asked for.
    pub(super) fn text<'node>(&mut self, node: &'node Node) -> Option<&'node str> {
        match &node.tree {
            Tree::Text(text) => Some(text),
            Tree::Number(_) | Tree::Bool(_) => {
                self.fault_with(node, format!("text is needed here, this is {}", node.describe()), "put it in quotes");
                None
            }
            _ => {
                self.fault(node, format!("text is needed here, this is {}", node.describe()));
                None
            }
        }
    }

    /// Text for people, without templates.
    pub(super) fn prose(&mut self, node: &Node) -> Option<String> {
        self.text(node).map(str::to_owned)
    }

    pub(super) fn name(&mut self, node: &Node) -> Option<Name> {
        let text = self.text(node)?;
        let name = Name::new(text);
        if name.is_none() {
            let detail = format!(
                "`{text}` is no name: a lower-case letter or digit first, then also - _ and ., at most {} characters",
                limits::NAME_LENGTH
            );
            let tidy: String = text
                .to_lowercase()
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
                .take(limits::NAME_LENGTH)
                .collect();
            match Name::new(tidy.trim_matches(['-', '_', '.'])) {
                Some(tidy) => self.fault_with(node, detail, format!("such as {tidy}")),
                None => self.fault(node, detail),
            }
        }
        name
    }

    /// The name of a variable: a letter or `_` first, then also digits, so that `vars.name` can be written.
    pub(super) fn variable(&mut self, node: &Node, text: &str) -> Option<String> {
        let mut characters = text.chars();
        let begins = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
        let fits =
            begins && characters.all(|c| c.is_ascii_alphanumeric() || c == '_') && text.len() <= limits::NAME_LENGTH;
        if !fits {
            let detail = format!(
                "`{text}` is no name of a variable: letters, digits and _, a letter first, so that vars.NAME can be written"
            );
            self.fault(node, detail);
        }
        if matches!(text, "item" | "loop") {
            // In the journal of a commit they stand beside the variables.
            self.fault_with(node, format!("`{text}` is what loops call theirs"), "take another name");
            return None;
        }
        fits.then(|| text.to_owned())
    }

    pub(super) fn boolean(&mut self, node: &Node) -> Option<bool> {
        if let Tree::Bool(value) = node.tree {
            return Some(value);
        }
        let meant = match node.as_text().map(str::to_ascii_lowercase).as_deref() {
            Some("yes" | "on" | "true" | "y") => Some("true"),
            Some("no" | "off" | "false" | "n") => Some("false"),
            _ => None,
        };
        let detail = format!("true or false is needed here, this is {}", node.describe());
        match meant {
            Some(word) => self.fault_with(node, detail, format!("write {word} without quotes")),
            None => self.fault(node, detail),
        }
        None
    }

    pub(super) fn integer(&mut self, node: &Node, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let number = match &node.tree {
            Tree::Number(number) => number.as_i64(),
            _ => None,
        };
        match number {
            Some(number) if range.contains(&number) => return Some(number),
            Some(number) => self.fault(node, format!("{number} is not within {} to {}", range.start(), range.end())),
            None => self.fault(node, format!("a whole number is needed here, this is {}", describe(node))),
        }
        None
    }

    /// A whole number that fits its type, at most `most`.
    pub(super) fn count(&mut self, node: &Node, least: u32, most: u32) -> Option<u32> {
        self.integer(node, i64::from(least)..=i64::from(most)).and_then(|number| u32::try_from(number).ok())
    }

    pub(super) fn pixels(&mut self, node: &Node) -> Option<i32> {
        self.integer(node, -limits::PIXELS..=limits::PIXELS).and_then(|number| i32::try_from(number).ok())
    }

    pub(super) fn fraction(&mut self, node: &Node, range: std::ops::RangeInclusive<f64>) -> Option<f64> {
        let number = match &node.tree {
            Tree::Number(number) => number.as_f64(),
            _ => None,
        };
        match number {
            Some(number) if range.contains(&number) => return Some(number),
            Some(number) => self.fault(node, format!("{number} is not within {} to {}", range.start(), range.end())),
            None => self.fault(node, format!("a number is needed here, this is {}", describe(node))),
        }
        None
    }

    pub(super) fn duration(&mut self, node: &Node) -> Option<Duration> {
        let shape = "a duration has a unit: 1500ms, 10s, 5m, 2h or 90d";
        let Tree::Text(text) = &node.tree else {
            match &node.tree {
                Tree::Number(number) => self.fault_with(node, shape, format!("seconds are written {number}s")),
                _ => self.fault(node, shape),
            }
            return None;
        };
        let duration = parse_duration(text);
        match duration {
            None => self.fault(node, format!("`{text}` is no duration: {shape}")),
            Some(duration) if duration > limits::LONGEST => self.fault(node, "the longest duration is 365d"),
            Some(duration) => return Some(duration),
        }
        None
    }

    pub(super) fn color(&mut self, node: &Node) -> Option<Color> {
        let color = node.as_text().and_then(Color::parse);
        if color.is_none() {
            // An unquoted # begins a comment, so the value is often nothing at all.
            self.fault_with(node, "a colour has six hexadecimal digits", "write it in quotes: \"#1e90ff\"");
        }
        color
    }

    pub(super) fn pattern(&mut self, node: &Node) -> Option<Pattern> {
        let text = self.text(node)?;
        if text.contains("{{") {
            self.fault(node, "a regular expression cannot be a template: it is compiled when the document is read");
            return None;
        }
        if text.len() > limits::PATTERN_BYTES {
            self.fault(node, format!("a regular expression has at most {} bytes", limits::PATTERN_BYTES));
            return None;
        }
        self.patterns += 1;
        if self.patterns > limits::PATTERNS {
            self.fault(node, format!("more than {} regular expressions in one document", limits::PATTERNS));
            return None;
        }
        match Pattern::new(text) {
            Ok(pattern) => Some(pattern),
            Err(regex::Error::CompiledTooBig(_)) => {
                self.fault(node, "this regular expression becomes too large: repeat less");
                None
            }
            Err(error) => {
                let detail = error.to_string();
                let reason = detail.lines().last().unwrap_or_default().trim_start_matches("error: ");
                self.fault(node, format!("this is no regular expression: {reason}"));
                None
            }
        }
    }

    /// One of a few words. `later` are words of the language that this version does not have.
    pub(super) fn choice<T: Copy>(&mut self, node: &Node, words: &[(&'static str, T)], later: &[&str]) -> Option<T> {
        let text = self.text(node)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        if later.contains(&text) {
            self.unavailable(node, text);
            return None;
        }
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let detail = format!("`{text}` is not one of {}", one_of(&names));
        match nearest(text, names) {
            Some(name) => self.fault_with(node, detail, format!("did you mean `{name}`?")),
            None => self.fault(node, detail),
        }
        None
    }

    /// The items of a list of limited length.
    pub(super) fn list<'node>(&mut self, node: &'node Node, what: &str, most: usize) -> Option<&'node [Node]> {
        let Tree::List(items) = &node.tree else {
            self.fault(node, format!("{what} is a list, this is {}", node.describe()));
            return None;
        };
        if items.len() > most {
            self.fault(node, format!("{what} has {} entries, more than {most}", items.len()));
            return None;
        }
        Some(items)
    }

    /// A list that is read item by item; faulty items are left out, their faults noted.
    pub(super) fn each<T>(
        &mut self,
        node: &Node,
        what: &str,
        most: usize,
        read: impl Fn(&mut Self, &Node) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = self.list(node, what, most)?;
        Some(items.iter().filter_map(|item| read(self, item)).collect())
    }

    /// `[x, y, width, height]`.
    pub(super) fn region(&mut self, node: &Node) -> Option<Region> {
        let items = self.list(node, "a region", 4)?;
        let [x, y, width, height] = items else {
            self.fault(node, "a region is [x, y, width, height]");
            return None;
        };
        let (x, y) = (self.pixels(x), self.pixels(y));
        let most = u32::try_from(limits::PIXELS).unwrap_or(u32::MAX);
        let (width, height) = (self.count(width, 1, most), self.count(height, 1, most));
        Some(Region { x: x?, y: y?, width: width?, height: height? })
    }

    /// `[dx, dy]`.
    pub(super) fn offset(&mut self, node: &Node) -> Option<(i32, i32)> {
        let items = self.list(node, "an offset", 2)?;
        let [dx, dy] = items else {
            self.fault(node, "an offset is [dx, dy]");
            return None;
        };
        let (dx, dy) = (self.pixels(dx), self.pixels(dy));
        Some((dx?, dy?))
    }

    /// `[x, y]`, each a number or one whole template.
    pub(super) fn position(&mut self, node: &Node) -> Option<(Position, Position)> {
        let items = self.list(node, "a position", 2)?;
        let [x, y] = items else {
            self.fault(node, "a position is [x, y]");
            return None;
        };
        let (x, y) = (self.coordinate(x), self.coordinate(y));
        Some((x?, y?))
    }

    fn coordinate(&mut self, node: &Node) -> Option<Position> {
        match node.as_text() {
            Some(text) if text.contains("{{") => self.template(node).map(Position::Computed),
            _ => self.pixels(node).map(Position::Fixed),
        }
    }
}

fn describe(node: &Node) -> String {
    match (&node.tree, node.style) {
        (Tree::Text(text), Style::Quoted) if text.trim().parse::<f64>().is_ok() => {
            "text: leave the quotes out".to_owned()
        }
        _ => node.describe().to_owned(),
    }
}

/// `1500ms`, `10s`, `1.5h`.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let (number, unit) = text.split_at(end);
    let milliseconds = match unit {
        "ms" => 1.0,
        "s" => 1e3,
        "m" => 60e3,
        "h" => 3600e3,
        "d" => 24.0 * 3600e3,
        _ => return None,
    };
    if !number.starts_with(|c: char| c.is_ascii_digit()) || number.ends_with('.') {
        return None;
    }
    let total = number.parse::<f64>().ok()? * milliseconds;
    Duration::try_from_secs_f64((total / 1e3).min(1e12)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (written, ms) in [
            ("1500ms", 1500),
            ("10s", 10_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("90d", 7_776_000_000),
            ("1.5s", 1500),
        ] {
            assert_eq!(parse_duration(written), Some(Duration::from_millis(ms)), "{written}");
        }
        for wrong in ["", "10", "s", "-1s", "1.s", ".5s", "1 s", "1e3s", "10S", "1h30m", "1..2s"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }
}
