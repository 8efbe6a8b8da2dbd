//! YAML 1.2 to located trees, from the events of the parser crate and without recursion.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, Tag};

use super::fault::Fault;
use super::limits;
use super::node::{Entry, Node, Pointer, Style, Tree};
use super::scalar;
use super::source::{Budget, Source, check_length, fault_at, place, root};

const QUOTE_IT: &str = "put the whole value in quotes: \"{{ … }}\"";

/// Reads every document of a text.
pub(super) fn read(text: &str) -> Source {
    let mut builder = Builder { text, ..Builder::default() };
    for event in Parser::new_from_str(text) {
        let step = event.map_err(|error| builder.syntax(&error)).and_then(|(event, span)| builder.event(event, span));
        if let Err(fault) = step {
            builder.faults.push(fault);
            break;
        }
        if builder.faults.len() >= limits::FAULTS {
            break;
        }
    }
    Source { documents: builder.documents, faults: builder.faults }
}

#[derive(Default)]
struct Builder<'text> {
    text: &'text str,
    documents: Vec<Node>,
    faults: Vec<Fault>,
    /// Mappings and lists that are not complete yet, the outermost first.
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    budget: Budget,
    /// Inside a mapping or list that stands as a key: how deep, and nothing of it is kept.
    skipping: usize,
}

struct Open {
    anchor: usize,
    node: Node,
    /// In a mapping: the key whose value comes next.
    key: Option<Key>,
    /// A template without quotes, which has been told: what YAML makes of it is not looked at.
    template: bool,
    /// The keys so far, with their lines.
    seen: BTreeMap<String, u32>,
    start: Marker,
}

struct Key {
    text: String,
    line: u32,
    column: u32,
    /// Stands twice, or is no key at all: its value is read and dropped.
    dropped: bool,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        if self.skipping > 0 {
            self.skip(&event);
            return Ok(());
        }
        match event {
            Event::DocumentStart(_) => {
                self.anchors.clear();
                if self.documents.len() >= limits::DOCUMENTS {
                    let detail = format!("more than {} documents in one file: split it", limits::DOCUMENTS);
                    return Err(fault_of(span.start, detail));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => self.scalar(&text, style, anchor, tag.as_deref(), span.start),
            Event::MappingStart(anchor, tag) => self.start(Tree::Map(Vec::new()), anchor, tag.as_deref(), span.start),
            Event::SequenceStart(anchor, tag) => self.start(Tree::List(Vec::new()), anchor, tag.as_deref(), span.start),
            Event::MappingEnd | Event::SequenceEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, span.start),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn syntax(&self, error: &ScanError) -> Fault {
        let mark = error.marker();
        let line = self.text.lines().nth(mark.line().saturating_sub(1)).unwrap_or_default();
        let fault = fault_of(*mark, format!("this is no YAML: {}", error.info()));
        if line.contains("{{") || line.contains("{%") {
            return fault.suggest(QUOTE_IT);
        }
        if error.info().contains("tab") || line.starts_with('\t') || line.trim_start_matches(' ').starts_with('\t') {
            return fault.suggest("indent with spaces: YAML allows no tabs there");
        }
        fault
    }

    /// Where the next value will stand.
    fn pointer(&self) -> Pointer {
        match self.open.last() {
            None => root(),
            Some(open) => match (&open.node.tree, &open.key) {
                (Tree::List(items), _) => open.node.pointer.index(items.len()),
                (_, Some(key)) => open.node.pointer.key(&key.text),
                _ => open.node.pointer.clone(),
            },
        }
    }

    fn wants_key(&self) -> bool {
        self.open.last().is_some_and(|open| matches!(open.node.tree, Tree::Map(_)) && open.key.is_none())
    }

    fn node(&self, tree: Tree, style: Style, at: Marker) -> Node {
        Node { tree, style, line: place(at.line()), column: place(at.col() + 1), pointer: self.pointer() }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        at: Marker,
    ) -> Result<(), Fault> {
        self.budget.spend(text.len()).map_err(|detail| fault_of(at, detail))?;
        if self.wants_key() {
            return self.key(text, style, at);
        }
        check_length(text, limits::TEXT_BYTES, "text").map_err(|detail| fault_of(at, detail))?;
        let plain = style == ScalarStyle::Plain;
        let as_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
        if let Some(tag) = tag.filter(|_| !as_text) {
            self.tag(tag, at);
        }
        let tree = if plain && !as_text { scalar::resolve(text) } else { Ok(Tree::Text(text.to_owned())) };
        let node = self.node(tree.map_err(|detail| fault_of(at, detail))?, style_of(style), at);
        if plain && (text.contains("{{") || text.contains("{%")) {
            self.faults.push(Fault::at(&node, "a template stands without quotes").suggest(QUOTE_IT));
        }
        self.add(anchor, node)
    }

    fn tag(&mut self, tag: &Tag, at: Marker) {
        let detail = format!("the tag {tag} has no meaning here");
        self.faults.push(fault_of(at, detail).suggest("leave it out"));
    }

    fn key(&mut self, text: &str, style: ScalarStyle, at: Marker) -> Result<(), Fault> {
        check_length(text, limits::KEY_BYTES, "key").map_err(|detail| fault_of(at, detail))?;
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        let twice = open.seen.insert(text.to_owned(), place(at.line()));
        let merge = style == ScalarStyle::Plain && text == "<<";
        let mut fault = fault_of(at, format!("the key `{text}` stands twice in this mapping"));
        fault.pointer = open.node.pointer.key(text).to_string();
        if let Some(line) = twice {
            self.faults.push(fault.suggest(format!("it stands first in line {line}")));
        } else if merge {
            fault.detail = String::from("merge keys (<<) are not part of YAML 1.2");
            self.faults.push(fault.suggest("write the keys out"));
        }
        let dropped = twice.is_some() || merge;
        open.key = Some(Key { text: text.to_owned(), line: place(at.line()), column: place(at.col() + 1), dropped });
        Ok(())
    }

    fn start(&mut self, tree: Tree, anchor: usize, tag: Option<&Tag>, at: Marker) -> Result<(), Fault> {
        self.budget.spend(1).map_err(|detail| fault_of(at, detail))?;
        if self.open.len() >= limits::SOURCE_DEPTH {
            return Err(fault_of(at, format!("nested deeper than {} levels", limits::SOURCE_DEPTH)));
        }
        if self.wants_key() {
            self.complex_key(at);
            return Ok(());
        }
        if let Some(tag) = tag {
            self.tag(tag, at);
        }
        let node = self.node(tree, Style::Plain, at);
        self.open.push(Open { anchor, node, key: None, template: false, seen: BTreeMap::new(), start: at });
        Ok(())
    }

    /// A mapping or list where a key should be: mostly `text: {{ input.x }}`, which YAML reads as a mapping in a mapping.
    fn complex_key(&mut self, at: Marker) {
        self.skipping = 1;
        let Some(outer) = self.open.last_mut() else { return };
        outer.template = outer.start.line() == at.line() && outer.start.col() + 1 == at.col();
        outer.key = Some(Key { text: String::new(), line: 0, column: 0, dropped: true });
        let fault = if outer.template {
            Fault::at(&outer.node, "a template stands without quotes").suggest(QUOTE_IT)
        } else {
            fault_of(at, "a key is plain text, never a mapping or a list")
        };
        self.faults.push(fault);
    }

    fn skip(&mut self, event: &Event<'_>) {
        match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => self.skipping += 1,
            Event::MappingEnd | Event::SequenceEnd => self.skipping -= 1,
            _ => {}
        }
    }

    fn end(&mut self) -> Result<(), Fault> {
        let Some(mut open) = self.open.pop() else { return Ok(()) };
        if open.template {
            // Text is what was meant, so that readers find no second fault here.
            open.node.tree = Tree::Text("0".to_owned());
        }
        self.add(open.anchor, open.node)
    }

    fn alias(&mut self, anchor: usize, at: Marker) -> Result<(), Fault> {
        if self.wants_key() {
            return Err(fault_of(at, "a key is plain text, never an alias"));
        }
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(fault_of(at, "this alias stands inside the value it refers to"));
        };
        let mut budget = std::mem::take(&mut self.budget);
        let copied = copy(anchored, self.pointer(), self.open.len(), &mut budget);
        self.budget = budget;
        self.add(0, copied.map_err(|detail| fault_of(at, detail))?)
    }

    /// Puts a complete value where it belongs.
    fn add(&mut self, anchor: usize, node: Node) -> Result<(), Fault> {
        if anchor > 0 {
            let mut budget = std::mem::take(&mut self.budget);
            let kept = copy(&node, node.pointer.clone(), 0, &mut budget);
            self.budget = budget;
            let at = Marker::new(0, node.line as usize, (node.column as usize).saturating_sub(1));
            self.anchors.insert(anchor, kept.map_err(|detail| fault_of(at, detail))?);
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match &mut open.node.tree {
            Tree::List(items) => items.push(node),
            Tree::Map(entries) => {
                if let Some(key) = open.key.take().filter(|key| !key.dropped) {
                    entries.push(Entry { key: key.text, key_line: key.line, key_column: key.column, value: node });
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// A copy for an alias: its faults are where the anchor was written, its pointer where the alias stands.
fn copy(node: &Node, pointer: Pointer, depth: usize, budget: &mut Budget) -> Result<Node, String> {
    if depth > limits::SOURCE_DEPTH {
        return Err(format!("nested deeper than {} levels, aliases expanded", limits::SOURCE_DEPTH));
    }
    budget.spend(if let Tree::Text(text) = &node.tree { text.len() } else { 1 })?;
    let tree = match &node.tree {
        Tree::List(items) => {
            let items = items.iter().enumerate().map(|(at, item)| copy(item, pointer.index(at), depth + 1, budget));
            Tree::List(items.collect::<Result<_, _>>()?)
        }
        Tree::Map(entries) => {
            let entries = entries.iter().map(|entry| {
                budget.spend(entry.key.len())?;
                Ok(Entry {
                    value: copy(&entry.value, pointer.key(&entry.key), depth + 1, budget)?,
                    ..entry.clone_key()
                })
            });
            Tree::Map(entries.collect::<Result<_, String>>()?)
        }
        scalar => scalar.clone(),
    };
    Ok(Node { tree, pointer, ..*node })
}

fn style_of(style: ScalarStyle) -> Style {
    if style == ScalarStyle::Plain { Style::Plain } else { Style::Quoted }
}

fn fault_of(at: Marker, detail: impl Into<String>) -> Fault {
    fault_at(at.line(), at.col() + 1, detail)
}
