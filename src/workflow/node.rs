//! The located tree: a document as it was written, each value with its place.

use std::fmt;
use std::sync::Arc;

use serde_json::{Number, Value};

/// One value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    pub tree: Tree,
    pub style: Style,
    /// From 1; 0 when the document did not come from text.
    pub line: u32,
    /// In characters, from 1; 0 when the document did not come from text.
    pub column: u32,
    pub pointer: Pointer,
}

#[derive(Clone, Debug)]
pub enum Tree {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    /// In order of writing; keys are unique.
    Map(Vec<Entry>),
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As it stands, without quotes: `yes`, `12`, `clinic`.
    Plain,
    /// In quotes, or as a block. All text of JSON.
    Quoted,
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    pub key_line: u32,
    pub key_column: u32,
    pub value: Node,
}

impl Entry {
    /// The same key, its value still to be given.
    pub(super) fn clone_key(&self) -> Self {
        let value = Node { tree: Tree::Null, pointer: Pointer::default(), ..self.value };
        Self { key: self.key.clone(), value, ..*self }
    }
}

/// A JSON pointer (RFC 6901) that shares its beginning with its siblings.
#[derive(Clone, Debug, Default)]
pub struct Pointer(Option<Arc<Segment>>);

#[derive(Debug)]
struct Segment {
    parent: Pointer,
    token: Token,
}

#[derive(Debug)]
enum Token {
    Key(String),
    Index(usize),
}

impl Pointer {
    pub fn key(&self, key: &str) -> Self {
        self.push(Token::Key(key.to_owned()))
    }

    pub fn index(&self, index: usize) -> Self {
        self.push(Token::Index(index))
    }

    fn push(&self, token: Token) -> Self {
        Self(Some(Arc::new(Segment { parent: self.clone(), token })))
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(segment) = &self.0 else { return Ok(()) };
        segment.parent.fmt(f)?;
        match &segment.token {
            Token::Key(key) => write!(f, "/{}", key.replace('~', "~0").replace('/', "~1")),
            Token::Index(index) => write!(f, "/{index}"),
        }
    }
}

impl Node {
    /// A document that arrived as JSON, without places in a text.
    pub fn from_json(value: &Value) -> Self {
        Self::from_json_at(value, Pointer::default())
    }

    fn from_json_at(value: &Value, pointer: Pointer) -> Self {
        let tree = match value {
            Value::Null => Tree::Null,
            Value::Bool(value) => Tree::Bool(*value),
            Value::Number(number) => Tree::Number(number.clone()),
            Value::String(text) => Tree::Text(text.clone()),
            Value::Array(items) => Tree::List(
                items.iter().enumerate().map(|(at, item)| Self::from_json_at(item, pointer.index(at))).collect(),
            ),
            Value::Object(entries) => Tree::Map(
                entries
                    .iter()
                    .map(|(key, value)| Entry {
                        key: key.clone(),
                        key_line: 0,
                        key_column: 0,
                        value: Self::from_json_at(value, pointer.key(key)),
                    })
                    .collect(),
            ),
        };
        Self { tree, style: Style::Quoted, line: 0, column: 0, pointer }
    }

    /// The same value without places.
    pub fn to_json(&self) -> Value {
        match &self.tree {
            Tree::Null => Value::Null,
            Tree::Bool(value) => Value::Bool(*value),
            Tree::Number(number) => Value::Number(number.clone()),
            Tree::Text(text) => Value::String(text.clone()),
            Tree::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Tree::Map(entries) => {
                let mut sorted: Vec<&Entry> = entries.iter().collect();
                sorted.sort_by(|a, b| a.key.cmp(&b.key));
                Value::Object(sorted.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect())
            }
        }
    }

    /// The value of a key, when this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.tree {
            Tree::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value),
            _ => None,
        }
    }

    /// The value at a JSON pointer below this one, or the nearest above it that exists.
    pub fn at_pointer(&self, pointer: &str) -> &Self {
        let mut node = self;
        for token in pointer.split('/').skip(1) {
            let key = token.replace("~1", "/").replace("~0", "~");
            let next = match &node.tree {
                Tree::List(items) => key.parse::<usize>().ok().and_then(|index| items.get(index)),
                _ => node.get(&key),
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// Puts a key into a mapping, in place of one of the same name.
    pub(super) fn set(&mut self, key: &str, value: &Value) {
        let value = Self::from_json_at(value, self.pointer.key(key));
        if let Tree::Map(entries) = &mut self.tree {
            entries.retain(|entry| entry.key != key);
            entries.push(Entry { key: key.to_owned(), key_line: 0, key_column: 0, value });
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match &self.tree {
            Tree::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What this is, in words for messages.
    pub fn describe(&self) -> &'static str {
        match &self.tree {
            Tree::Null => "nothing",
            Tree::Bool(_) => "true or false",
            Tree::Number(_) => "a number",
            Tree::Text(_) => "text",
            Tree::List(_) => "a list",
            Tree::Map(_) => "a mapping",
        }
    }
}

/// About how many bytes a value takes as JSON: no escapes are counted.
pub(super) fn json_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|item| json_bytes(item) + 1).sum::<usize>(),
        Value::Object(entries) => {
            2 + entries.iter().map(|(key, value)| key.len() + 4 + json_bytes(value)).sum::<usize>()
        }
    }
}
