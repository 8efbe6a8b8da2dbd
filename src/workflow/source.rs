//! From the bytes of a file to located trees, one for each document in it.

use serde_json::Value;

use super::fault::Fault;
use super::model::Document;
use super::node::{Node, Pointer};
use super::{json, limits, yaml};

/// The documents of a file, and what was wrong with its syntax. Documents before a fault are kept.
#[derive(Clone, Debug, Default)]
pub struct Source {
    pub documents: Vec<Node>,
    pub faults: Vec<Fault>,
}

impl Source {
    /// Reads YAML 1.2 (many documents) or JSON (one).
    pub fn read(bytes: &[u8]) -> Self {
        match text(bytes) {
            Err(fault) => Self { documents: Vec::new(), faults: vec![fault] },
            Ok(text) => Self::read_text(text),
        }
    }

    fn read_text(text: &str) -> Self {
        // Flow-style YAML begins like JSON, so what is no JSON gets its second chance, and its message, as YAML.
        if text.trim_start().starts_with('{')
            && let Ok(document) = json::read(text)
        {
            return Self { documents: vec![document], faults: Vec::new() };
        }
        yaml::read(text)
    }
}

/// Reads every document of a file: those without faults, and the faults of the others.
pub fn parse(bytes: &[u8]) -> (Vec<Document>, Vec<Fault>) {
    let source = Source::read(bytes);
    let mut faults = source.faults;
    let mut documents = Vec::new();
    for tree in source.documents {
        match Document::read(tree) {
            Ok(document) => documents.push(document),
            Err(more) => faults.extend(more),
        }
    }
    (documents, faults)
}

/// Reads a file that holds exactly one document.
pub fn parse_one(bytes: &[u8]) -> Result<Document, Vec<Fault>> {
    let (documents, faults) = parse(bytes);
    let count = documents.len();
    let mut documents = documents.into_iter();
    match (documents.next(), faults.is_empty()) {
        (Some(document), true) if count == 1 => Ok(document),
        (_, false) => Err(faults),
        _ => Err(vec![fault_at(1, 1, format!("exactly one document is expected, there are {count}"))]),
    }
}

fn text(bytes: &[u8]) -> Result<&str, Fault> {
    if bytes.len() > limits::SOURCE_BYTES {
        let detail = format!("the file has {} bytes, more than {}: split it", bytes.len(), limits::SOURCE_BYTES);
        return Err(fault_at(1, 1, detail));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = 1 + before.split(|byte| *byte == b'\n').count().saturating_sub(1);
        let last = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        let column = 1 + String::from_utf8_lossy(last).chars().count();
        fault_at(line, column, "this is not UTF-8 text: save the file as UTF-8")
    })
}

/// A fault of syntax, which has a place in the text but none in a tree.
pub(super) fn fault_at(line: usize, column: usize, detail: impl Into<String>) -> Fault {
    Fault { pointer: String::new(), line: place(line), column: place(column), detail: detail.into(), suggestion: None }
}

pub(super) fn place(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The budget that all documents of one file share.
#[derive(Debug, Default)]
pub(super) struct Budget {
    values: usize,
    bytes: usize,
}

impl Budget {
    /// Takes one value of so many bytes; says what is exceeded.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), String> {
        self.values += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.values > limits::VALUES {
            return Err(format!("the file has more than {} values, aliases expanded: split it", limits::VALUES));
        }
        if self.bytes > limits::EXPANDED_BYTES {
            return Err(format!("the file has more than {} bytes, aliases expanded: split it", limits::EXPANDED_BYTES));
        }
        Ok(())
    }
}

/// Holds a JSON value that did not come from text against the limits of text.
pub(super) fn check_json(value: &Value) -> Result<(), Fault> {
    measure(value, 0, &mut Budget::default()).map_err(|detail| fault_at(0, 0, detail))
}

fn measure(value: &Value, depth: usize, budget: &mut Budget) -> Result<(), String> {
    if depth > limits::SOURCE_DEPTH {
        return Err(format!("nested deeper than {} levels", limits::SOURCE_DEPTH));
    }
    match value {
        Value::String(text) => {
            check_length(text, limits::TEXT_BYTES, "text")?;
            budget.spend(text.len())
        }
        Value::Array(items) => {
            budget.spend(1)?;
            items.iter().try_for_each(|item| measure(item, depth + 1, budget))
        }
        Value::Object(entries) => {
            budget.spend(1)?;
            entries.iter().try_for_each(|(key, value)| {
                check_length(key, limits::KEY_BYTES, "key")?;
                budget.spend(key.len())?;
                measure(value, depth + 1, budget)
            })
        }
        _ => budget.spend(1),
    }
}

/// Checks the size of a text or key.
pub(super) fn check_length(text: &str, limit: usize, what: &str) -> Result<(), String> {
    if text.len() > limit {
        return Err(format!("this {what} has {} bytes, more than {limit}", text.len()));
    }
    Ok(())
}

/// Where a new tree begins.
pub(super) fn root() -> Pointer {
    Pointer::default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn only(text: &str) -> Value {
        let source = Source::read(text.as_bytes());
        assert_eq!(source.faults, [], "{text}");
        source.documents[0].to_json()
    }

    fn faults(text: &str) -> Vec<String> {
        Source::read(text.as_bytes()).faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn words_that_yaml_1_1_turned_into_booleans_stay_text() {
        assert_eq!(only("on: yes\noff: no\n"), json!({"on": "yes", "off": "no"}));
        assert_eq!(only("on: true"), json!({"on": true}));
    }

    #[test]
    fn yaml_and_json_give_the_same_tree() {
        let yaml = only("kind: pool\nlist:\n  - 1\n  - {a: 'x', \"b\": ~}\n");
        let json = only("{\"kind\": \"pool\",\n\t\"list\": [1, {\"a\": \"x\", \"b\": null}]}");
        assert_eq!(yaml, json);
        assert_eq!(only(r#"{"face": "\ud83d\ude00\/"}"#), json!({"face": "😀/"}));
    }

    #[test]
    fn places_are_those_of_the_text() {
        for text in ["a:\n  bü: 'x'\n", "{\"a\":\n  {\"bü\": \"x\"}}"] {
            let source = Source::read(text.as_bytes());
            let inner = source.documents[0].get("a").and_then(|a| a.get("bü")).expect("it is there");
            assert_eq!((inner.line, inner.pointer.to_string().as_str()), (2, "/a/bü"), "{text}");
        }
    }

    #[test]
    fn a_file_holds_many_documents() {
        let source = Source::read(b"---\nname: a\n---\nname: b\n...\n---\n{\"name\": \"c\"}\n");
        assert_eq!(source.documents.len(), 3);
        assert_eq!(source.documents[1].line, 4);
    }

    #[test]
    fn a_key_that_stands_twice_is_told_with_both_places() {
        assert_eq!(
            faults("a: 1\nb: 2\na: 3\n"),
            ["3:1: /a: the key `a` stands twice in this mapping; it stands first in line 1"]
        );
        assert_eq!(Source::read(b"{\"a\": 1, \"a\": 2}").faults.len(), 1);
    }

    #[test]
    fn a_template_without_quotes_says_to_quote_it() {
        for text in [
            "text: {{ input.x }}\n",
            "text: {{ input.x }} and more\n",
            "text: Hello {{ input.x }}\n",
            "- type: { text: {{ input.x }} }\n",
            "- {{ input.x }}\n",
            "a:\n  b: {{ x | join(', ') }}\n",
            "a: {% if x %}y{% endif %}\n",
        ] {
            let faults = faults(text);
            assert!(faults.iter().any(|fault| fault.contains("in quotes")), "{text}: {faults:?}");
        }
    }

    #[test]
    fn aliases_are_followed_and_cannot_explode() {
        assert_eq!(only("a: &x [1, 2]\nb: *x\n"), json!({"a": [1, 2], "b": [1, 2]}));
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let inner = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.extend(["a", &level.to_string(), ": &a", &level.to_string(), " [", &inner, "]\n"]);
        }
        assert!(faults(&bomb)[0].contains("aliases expanded"));
        assert!(!faults("a: &x [*x]\n").is_empty());
        assert!(faults("a: *nowhere\n")[0].contains("no YAML"));
        assert!(faults("a: {<<: {b: 1}}\n")[0].contains("merge keys"));
    }

    #[test]
    fn what_is_no_text_or_too_large_or_too_deep_is_told() {
        assert!(Source::read(b"a: b\nc: \xff\n").faults[0].to_string().starts_with("2:4: this is not UTF-8"));
        assert!(Source::read(&vec![b' '; limits::SOURCE_BYTES + 1]).faults[0].detail.contains("split it"));
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = format!("{{\"a\": {}1{}}}", open.repeat(100), close.repeat(100));
            assert!(faults(&deep)[0].contains("nested deeper"), "{open}");
        }
        assert!(!faults(&"[".repeat(100_000)).is_empty());
        assert!(!faults(&"- ".repeat(100_000)).is_empty());
        assert!(!faults(&"{\"a\":".repeat(100_000)).is_empty());
        assert!(faults(&format!("a: {}", "x".repeat(limits::TEXT_BYTES + 1)))[0].contains("this text has"));
    }

    #[test]
    fn tabs_tags_and_odd_keys_are_refused_with_advice() {
        assert!(faults("a:\n\tb: 1\n")[0].contains("spaces"), "{:?}", faults("a:\n\tb: 1\n"));
        assert!(faults("a: !secret x\n")[0].contains("tag"));
        assert_eq!(only("a: !!str 0042\n"), json!({"a": "0042"}));
        assert!(faults("[a, b]: c\n")[0].contains("a key is plain text"));
        assert!(faults("? {a: b}\n: c\n")[0].contains("a key is plain text"));
    }

    #[test]
    fn a_large_document_is_read_in_reasonable_time() {
        let entries =
            |begin: &str, end: &str| (0..45_000).map(|n| format!("{begin}{n}{end}")).collect::<Vec<_>>().concat();
        let json = format!("{{{}\"end\":0}}", entries("\"k", "\":1,"));
        assert_eq!(Source::read(json.as_bytes()).faults, []);
        assert_eq!(Source::read(entries("k", ": 1\n").as_bytes()).faults, []);
    }
}
