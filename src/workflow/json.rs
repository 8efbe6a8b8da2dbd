//! JSON to a located tree. `serde_json` has no places, so this walks the text and leaves the tokens to it.

use serde_json::Number;

use super::limits;
use super::node::{Entry, Node, Pointer, Style, Tree};
use super::source::{Budget, check_length, fault_at, place, root};
use crate::workflow::fault::Fault;

/// Reads exactly one value.
pub(super) fn read(text: &str) -> Result<Node, Fault> {
    let mut scanner = Scanner { text, at: 0, line: 1, counted: (0, 1), budget: Budget::default() };
    scanner.blank();
    let node = scanner.value(root(), 0)?;
    scanner.blank();
    if scanner.at < text.len() {
        return Err(scanner.fault("nothing may follow the JSON document"));
    }
    Ok(node)
}

struct Scanner<'text> {
    text: &'text str,
    at: usize,
    line: usize,
    /// Up to which byte columns have been counted, and the column there: a document of one long line is counted once.
    counted: (usize, usize),
    budget: Budget,
}

impl Scanner<'_> {
    fn fault(&mut self, detail: impl Into<String>) -> Fault {
        fault_at(self.line, self.column(), detail)
    }

    fn column(&mut self) -> usize {
        let (at, column) = self.counted;
        let more = self.text.get(at..self.at).map_or(0, |passed| passed.chars().count());
        self.counted = (self.at, column + more);
        column + more
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b'\n' => {
                    self.line += 1;
                    self.counted = (self.at + 1, 1);
                }
                b' ' | b'\t' | b'\r' => {}
                _ => break,
            }
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.take(byte) { Ok(()) } else { Err(self.fault(format!("`{}` is missing here", char::from(byte)))) }
    }

    fn value(&mut self, pointer: Pointer, depth: usize) -> Result<Node, Fault> {
        if depth > limits::SOURCE_DEPTH {
            return Err(self.fault(format!("nested deeper than {} levels", limits::SOURCE_DEPTH)));
        }
        let (line, column) = (place(self.line), place(self.column()));
        let tree = match self.peek() {
            Some(b'{') => self.map(&pointer, depth)?,
            Some(b'[') => self.list(&pointer, depth)?,
            Some(b'"') => {
                let text = self.string()?;
                check_length(&text, limits::TEXT_BYTES, "text").map_err(|detail| self.fault(detail))?;
                Tree::Text(text)
            }
            Some(_) => self.word()?,
            None => return Err(self.fault("the JSON document ends too early")),
        };
        let bytes = if let Tree::Text(text) = &tree { text.len() } else { 1 };
        self.budget.spend(bytes).map_err(|detail| self.fault(detail))?;
        Ok(Node { tree, style: Style::Quoted, line, column, pointer })
    }

    fn map(&mut self, pointer: &Pointer, depth: usize) -> Result<Tree, Fault> {
        self.at += 1;
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        self.blank();
        while !self.take(b'}') {
            if !entries.is_empty() {
                self.expect(b',')?;
                self.blank();
            }
            let (key_line, key_column) = (place(self.line), place(self.column()));
            let key = self.string()?;
            check_length(&key, limits::KEY_BYTES, "key").map_err(|detail| self.fault(detail))?;
            if !seen.insert(key.clone()) {
                let column = usize::try_from(key_column).unwrap_or_default();
                return Err(fault_at(self.line, column, format!("the key `{key}` stands twice in this mapping")));
            }
            self.blank();
            self.expect(b':')?;
            self.blank();
            let value = self.value(pointer.key(&key), depth + 1)?;
            self.blank();
            entries.push(Entry { key, key_line, key_column, value });
        }
        Ok(Tree::Map(entries))
    }

    fn list(&mut self, pointer: &Pointer, depth: usize) -> Result<Tree, Fault> {
        self.at += 1;
        let mut items = Vec::new();
        self.blank();
        while !self.take(b']') {
            if !items.is_empty() {
                self.expect(b',')?;
                self.blank();
            }
            items.push(self.value(pointer.index(items.len()), depth + 1)?);
            self.blank();
        }
        Ok(Tree::List(items))
    }

    fn string(&mut self) -> Result<String, Fault> {
        let start = self.at;
        self.expect(b'"')?;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(b'\n') | None => return Err(self.fault("this text has no end")),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        let token = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_str(token).map_err(|_| self.fault("this text has a wrong escape or a control character"))
    }

    fn word(&mut self) -> Result<Tree, Fault> {
        let rest = &self.text[self.at..];
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))).unwrap_or(rest.len());
        let word = &rest[..end];
        let tree = match word {
            "null" => Tree::Null,
            "true" => Tree::Bool(true),
            "false" => Tree::Bool(false),
            number => match serde_json::from_str::<Number>(number) {
                Ok(number) => Tree::Number(number),
                Err(_) => return Err(self.fault("this is no JSON value")),
            },
        };
        self.at += end;
        Ok(tree)
    }
}
