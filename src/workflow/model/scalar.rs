//! The small checked values that documents are made of.

use std::fmt;
use std::sync::Arc;

use crate::workflow::limits;

/// A name: a lower-case letter or digit first, then also `-`, `_` and `.`; at most [`limits::NAME_LENGTH`] characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// `None` when the text does not have the shape of a name.
    pub fn new(text: &str) -> Option<Self> {
        let mut bytes = text.bytes();
        let first = bytes.next()?;
        let fits = text.len() <= limits::NAME_LENGTH
            && (first.is_ascii_lowercase() || first.is_ascii_digit())
            && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'));
        fits.then(|| Self(Arc::from(text)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A compiled regular expression. Its engine takes linear time, so a pattern cannot hang a machine.
#[derive(Clone, Debug)]
pub struct Pattern(regex::Regex);

impl Pattern {
    pub fn new(source: &str) -> Result<Self, regex::Error> {
        regex::RegexBuilder::new(source).size_limit(limits::PATTERN_COMPILED_BYTES).build().map(Self)
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// Where it matches, as bytes of the text.
    pub fn places<'text>(&'text self, text: &'text str) -> impl Iterator<Item = std::ops::Range<usize>> + 'text {
        self.0.find_iter(text).map(|found| found.range())
    }

    /// The first group of the first match, or the whole match when the pattern has no group (or the group took no part).
    pub fn extract<'text>(&self, text: &'text str) -> Option<&'text str> {
        let found = self.0.captures(text)?;
        found.get(1).or_else(|| found.get(0)).map(|part| part.as_str())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

/// What texts on the screen are written in, as tesseract names it: `eng`, `deu+eng`, `chi_sim`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Language(String);

impl Language {
    pub fn new(text: &str) -> Option<Self> {
        let is_name = |name: &str| {
            (3..=16).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        };
        (text.len() <= 64 && text.split('+').all(is_name)).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Language {
    fn default() -> Self {
        Self("eng".to_owned())
    }
}

/// A colour of the screen, written `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color {
    pub red: u8,
    pub green: u8,
    pub blue: u8,
}

impl Color {
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
        Some(Self { red: part(0)?, green: part(2)?, blue: part(4)? })
    }
}

/// A rectangle of the desktop in physical pixels; width and height are at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    pub x: i32,
    pub y: i32,
    pub width: u32,
    pub height: u32,
}

/// The name of an image file, relative to the document, with `/` between its parts and without `.` or `..` among them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageFile(Arc<str>);

impl ImageFile {
    /// The endings of the formats that can be read.
    pub const ENDINGS: [&str; 4] = ["png", "webp", "jpg", "jpeg"];

    /// On refusal says what is wrong with the name.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        if text.contains("{{") {
            return Err("an image file cannot be a template: its bytes are pinned when the document is applied");
        }
        if text.contains('\\') {
            return Err("write the path of an image with /");
        }
        if text.starts_with('/') || text.contains(':') {
            return Err("an image file is named relative to the document");
        }
        if text.len() > limits::KEY_BYTES || text.chars().any(char::is_control) {
            return Err("the name of an image file has at most 256 bytes and no control characters");
        }
        if text.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
            return Err(
                "the path of an image has no empty parts and no . or .. among them: keep images beside the document",
            );
        }
        let ending = text.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        match ending {
            Some(ending) if Self::ENDINGS.contains(&ending.as_str()) => Ok(Self(Arc::from(text))),
            _ => Err("an image file ends in .png, .webp, .jpg or .jpeg"),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ImageFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The SHA-256 of a blob: 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(Arc<str>);

impl Digest {
    pub fn new(text: &str) -> Option<Self> {
        let fits = text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        fits.then(|| Self(Arc::from(text)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why an attempt failed: the `category` of a failure in the HTTP contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    Business,
    AppNotReady,
    AppCrashed,
    Desktop,
    TargetNotFound,
    Assertion,
    Timeout,
    Credential,
    MachineLost,
    Agent,
    InvalidWorkflow,
    Deadline,
    Cancelled,
}

impl Category {
    pub const ALL: [Self; 13] = [
        Self::Business,
        Self::AppNotReady,
        Self::AppCrashed,
        Self::Desktop,
        Self::TargetNotFound,
        Self::Assertion,
        Self::Timeout,
        Self::Credential,
        Self::MachineLost,
        Self::Agent,
        Self::InvalidWorkflow,
        Self::Deadline,
        Self::Cancelled,
    ];
    /// What `retry.categories` may name. The others end a job whatever the policy says.
    pub const RETRYABLE: [Self; 10] = [
        Self::Business,
        Self::AppNotReady,
        Self::AppCrashed,
        Self::Desktop,
        Self::TargetNotFound,
        Self::Assertion,
        Self::Timeout,
        Self::Credential,
        Self::MachineLost,
        Self::Agent,
    ];
    /// What a `fail` step may name: what a workflow can know by looking at the application.
    pub const RAISED: [Self; 7] = [
        Self::Business,
        Self::AppNotReady,
        Self::AppCrashed,
        Self::Desktop,
        Self::TargetNotFound,
        Self::Assertion,
        Self::Timeout,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Business => "business",
            Self::AppNotReady => "app_not_ready",
            Self::AppCrashed => "app_crashed",
            Self::Desktop => "desktop",
            Self::TargetNotFound => "target_not_found",
            Self::Assertion => "assertion",
            Self::Timeout => "timeout",
            Self::Credential => "credential",
            Self::MachineLost => "machine_lost",
            Self::Agent => "agent",
            Self::InvalidWorkflow => "invalid_workflow",
            Self::Deadline => "deadline",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
