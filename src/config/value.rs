//! From a raw value to a type. Each parser says in its error what would have been right.

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf, time::Duration};

use crate::time::{format_duration, parse_duration};

/// A value as its layer has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Raw {
    /// From a flag or a variable: texts whose type nobody stated.
    Untyped(Vec<String>),
    Text(String),
    Count(u64),
    Bool(bool),
    List(Vec<String>),
    Pairs(BTreeMap<String, String>),
    /// A type no setting has, by its name.
    Unfit(&'static str),
}

impl Raw {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Untyped(texts) => texts.last().map(String::as_str),
            _ => None,
        }
    }
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untyped(texts) => write!(f, "\"{}\"", texts.join(",")),
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Count(count) => write!(f, "{count}"),
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::List(_) => f.write_str("a list"),
            Self::Pairs(_) => f.write_str("a table"),
            Self::Unfit(what) => write!(f, "this {what}"),
        }
    }
}

/// `Err` completes the sentence "`key` is … ; write …".
pub(super) type Parsed<T> = Result<T, String>;

fn expected<T>(raw: &Raw, example: &str) -> Parsed<T> {
    Err(format!("{raw} does not fit; write {example}"))
}

pub(super) fn text(raw: &Raw) -> Parsed<String> {
    match raw.text().map(str::trim) {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => expected(raw, "a text in quotes"),
    }
}

pub(super) fn path(raw: &Raw) -> Parsed<PathBuf> {
    text(raw).map(PathBuf::from)
}

pub(super) fn boolean(raw: &Raw) -> Parsed<bool> {
    match raw {
        Raw::Bool(flag) => Ok(*flag),
        Raw::Untyped(_) if raw.text() == Some("true") => Ok(true),
        Raw::Untyped(_) if raw.text() == Some("false") => Ok(false),
        _ => expected(raw, "true or false"),
    }
}

pub(super) fn address(raw: &Raw) -> Parsed<SocketAddr> {
    match raw.text().and_then(|text| text.parse().ok()) {
        Some(address) => Ok(address),
        None => expected(raw, "an address with a port, such as \"0.0.0.0:8443\" or \"[::]:8443\""),
    }
}

/// Inclusive bounds, in milliseconds.
pub(super) fn duration_between(least_ms: u64, most_ms: u64) -> impl Fn(&Raw) -> Parsed<Duration> {
    move |raw| {
        let (least, most) = (Duration::from_millis(least_ms), Duration::from_millis(most_ms));
        let range = format!("a time from {} to {} in quotes", format_duration(least), format_duration(most));
        match raw.text().map(parse_duration) {
            Some(Ok(duration)) if (least..=most).contains(&duration) => Ok(duration),
            _ => expected(raw, &range),
        }
    }
}

pub(super) fn count_between<T: TryFrom<u64>>(least: u64, most: u64) -> impl Fn(&Raw) -> Parsed<T> {
    move |raw| {
        let count = match raw {
            Raw::Count(count) => Some(*count),
            Raw::Untyped(_) => raw.text().and_then(|text| text.parse().ok()),
            _ => None,
        };
        match count.filter(|count| (least..=most).contains(count)).and_then(|count| T::try_from(count).ok()) {
            Some(count) => Ok(count),
            None => expected(raw, &format!("a whole number from {least} to {most}")),
        }
    }
}

const UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

/// A size such as `64MiB` or `512KiB`, or plain bytes, within bounds.
pub(super) fn bytes_between(least: &'static str, most: &'static str) -> impl Fn(&Raw) -> Parsed<u64> {
    move |raw| {
        let bytes = match raw {
            Raw::Count(bytes) => Some(*bytes),
            _ => raw.text().and_then(parse_bytes),
        };
        let within = |bytes: &u64| parse_bytes(least) <= Some(*bytes) && Some(*bytes) <= parse_bytes(most);
        match bytes.filter(within) {
            Some(bytes) => Ok(bytes),
            None => expected(raw, &format!("a size from \"{least}\" to \"{most}\", in KiB, MiB, GiB or plain bytes")),
        }
    }
}

fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, factor) = UNITS
        .iter()
        .find_map(|(unit, factor)| text.strip_suffix(unit).map(|number| (number.trim_end(), *factor)))
        .unwrap_or((text, 1));
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// A list, or texts parted by commas.
pub(super) fn list(raw: &Raw) -> Parsed<Vec<String>> {
    let items: Vec<String> = match raw {
        Raw::List(items) => items.clone(),
        Raw::Untyped(texts) => {
            texts.iter().flat_map(|text| text.split(',')).map(|item| item.trim().to_owned()).collect()
        }
        _ => return expected(raw, "a list of texts, such as [\"fleet.example.org\"]"),
    };
    Ok(items.into_iter().filter(|item| !item.is_empty()).collect())
}

/// A table, or `key=value` texts parted by commas.
pub(super) fn labels(raw: &Raw) -> Parsed<BTreeMap<String, String>> {
    let example = "labels such as { site = \"north\" }, or site=north on the command line";
    let pairs: BTreeMap<String, String> = match raw {
        Raw::Pairs(pairs) => pairs.clone(),
        Raw::Untyped(_) => {
            let pair =
                |item: &String| item.split_once('=').map(|(key, value)| (key.trim().into(), value.trim().into()));
            let pairs: Option<_> = list(raw)?.iter().map(pair).collect();
            match pairs {
                Some(pairs) => pairs,
                None => return expected(raw, example),
            }
        }
        _ => return expected(raw, example),
    };
    if pairs.keys().any(String::is_empty) { expected(raw, example) } else { Ok(pairs) }
}

/// An `https://` base without query, fragment or trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpsUrl(String);

impl HttpsUrl {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn parse(text: &str) -> Result<Self, String> {
        let url = reqwest::Url::parse(text.trim()).ok().filter(|url| {
            url.scheme() == "https" && url.has_host() && url.query().is_none() && url.fragment().is_none()
        });
        match url {
            Some(url) => Ok(Self(url.as_str().trim_end_matches('/').to_owned())),
            None => {
                Err(format!("\"{text}\" does not fit; write an address such as \"https://fleet.example.org:8443\""))
            }
        }
    }
}

impl fmt::Display for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) fn https_url(raw: &Raw) -> Parsed<HttpsUrl> {
    HttpsUrl::parse(&text(raw)?)
}

/// An HTTP proxy. May carry a user and a password, so it prints neither.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(String);

impl ProxyUrl {
    /// With the password: for the connection, never for a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.rsplit_once('@').map_or(self.0.as_str(), |(_, host)| host);
        write!(f, "ProxyUrl({host})")
    }
}

pub(super) fn proxy_url(raw: &Raw) -> Parsed<ProxyUrl> {
    let text = text(raw)?;
    match reqwest::Url::parse(&text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(ProxyUrl(text)),
        // The text is not repeated: it may hold a password.
        _ => Err("this does not fit; write an address such as \"http://proxy.example.org:3128\"".to_owned()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

pub(super) fn log_format(raw: &Raw) -> Parsed<LogFormat> {
    match raw.text() {
        Some("text") => Ok(LogFormat::Text),
        Some("json") => Ok(LogFormat::Json),
        _ => expected(raw, "\"text\" or \"json\""),
    }
}

/// A filter of `tracing`: a level, or levels by module.
pub(super) fn log_filter(raw: &Raw) -> Parsed<String> {
    let text = text(raw)?;
    // A lone word that is no level would be taken for a module's name and log nothing but that.
    let lone_word = text.chars().all(char::is_alphanumeric) && text.parse::<tracing::Level>().is_err() && text != "off";
    if lone_word || text.parse::<tracing_subscriber::EnvFilter>().is_err() {
        return expected(raw, "error, warn, info, debug or trace, or such as \"info,deskfleet::store=debug\"");
    }
    Ok(text)
}
