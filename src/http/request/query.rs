//! The query of a request: every name at most once, every value parsed, all faults together.
//!
//! Which names a route knows stands in its row of the table and is checked before its handler runs.

use std::{str::FromStr, time::Duration};

use axum::{extract::FromRequestParts, http::request::Parts};

use crate::{
    http::problem::{ApiError, ApiResult, Code, fault, refuse},
    time::parse_duration,
    wire::{
        page::{DEFAULT_LIMIT, MAX_LIMIT},
        problem::Fault,
    },
};

#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
    faults: Vec<Fault>,
}

impl Query {
    pub(crate) fn of(uri: &axum::http::Uri) -> ApiResult<Self> {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|_| {
            ApiError::new(Code::BadRequest, "the query of the address cannot be read: encode it as a form")
        })?;
        let pairs = pairs.0.into_iter().map(|(name, value)| (dotted(name), value)).collect();
        let mut query = Self { pairs, faults: Vec::new() };
        query.refuse_repeated();
        Ok(query)
    }

    /// From a body that says the same as a query would.
    pub(crate) fn from_pairs(pairs: Vec<(String, String)>) -> Self {
        Self { pairs, faults: Vec::new() }
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|(name, _)| name.as_str())
    }

    /// The text of a parameter; one that is there but empty counts as absent.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, value)| n == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Notes a fault and answers `None` where the text does not parse.
    pub(crate) fn parse<T, E: std::fmt::Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(self.text(name)?) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.faults.push(fault(place(name), reason.to_string()));
                None
            }
        }
    }

    pub(crate) fn value<T: FromStr<Err: std::fmt::Display>>(&mut self, name: &str) -> Option<T> {
        self.parse(name, str::parse)
    }

    /// Values with commas between them; none where the parameter is absent.
    pub(crate) fn list<T, E: std::fmt::Display>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, E>) -> Vec<T> {
        let all = |text: &str| text.split(',').map(|part| parse(part.trim())).collect::<Result<Vec<T>, E>>();
        self.parse(name, all).unwrap_or_default()
    }

    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let flag = |text: &str| match text {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(format!("`{text}` is neither true nor false")),
        };
        // `?fresh` alone is as good as `?fresh=true`.
        let bare = self.pairs.iter().any(|(n, value)| n == name && value.is_empty());
        bare || self.parse(name, flag).unwrap_or(false)
    }

    /// How long to hold the answer, cut to what the settings allow.
    pub(crate) fn wait(&mut self, max: Duration) -> Duration {
        self.parse("wait", parse_duration).unwrap_or_default().min(max)
    }

    pub(crate) fn limit(&mut self) -> u32 {
        let limit = |text: &str| match text.parse() {
            Ok(limit @ 1..=MAX_LIMIT) => Ok(limit),
            _ => Err(format!("`{text}` is not a number from 1 to {MAX_LIMIT}")),
        };
        self.parse("limit", limit).unwrap_or(DEFAULT_LIMIT)
    }

    /// `prefix.KEY=VALUE` pairs, such as `label.site=north`.
    pub(crate) fn prefixed(&mut self, prefix: &str) -> Vec<(String, String)> {
        if self.names().any(|name| name == prefix) {
            self.refuse(prefix, "wants a name behind it, as in `label.site=north`");
        }
        let pair = |(name, value): &(String, String)| Some((name.strip_prefix(prefix)?.to_owned(), value.clone()));
        self.pairs.iter().filter_map(pair).collect()
    }

    pub(crate) fn refuse(&mut self, name: &str, detail: impl Into<String>) {
        self.faults.push(fault(place(name), detail));
    }

    /// To be called when all parameters are read.
    pub(crate) fn finish(self) -> ApiResult<()> {
        refuse(self.faults)
    }

    fn refuse_repeated(&mut self) {
        let mut names: Vec<&str> = self.names().collect();
        names.sort_unstable();
        let repeated: Vec<String> = names.windows(2).filter(|w| w[0] == w[1]).map(|w| w[0].to_owned()).collect();
        for name in repeated {
            self.refuse(&name, "is given twice; give it once, several values with commas between them");
        }
    }
}

/// `label[site]`, as the description's style has clients write a family of names, is `label.site`.
fn dotted(name: String) -> String {
    match name.strip_suffix(']').and_then(|inner| inner.split_once('[')) {
        Some((family, member)) => format!("{family}.{member}"),
        None => name,
    }
}

/// A query has no JSON Pointer: the name with a question mark says as much.
fn place(name: &str) -> String {
    format!("?{name}")
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        Self::of(&parts.uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query::of(&format!("/v1/jobs?{text}").parse().unwrap()).unwrap()
    }

    #[test]
    fn values_are_parsed_and_all_faults_kept() {
        let mut q = query("wait=30s&limit=700&dry_run=maybe&label.site=north&label.a%20b=c&fresh");
        assert_eq!(q.wait(Duration::from_secs(20)), Duration::from_secs(20), "cut to the limit");
        assert_eq!(q.limit(), DEFAULT_LIMIT);
        assert!(!q.flag("dry_run"));
        assert!(q.flag("fresh"));
        let labels = q.prefixed("label.");
        assert_eq!(labels, [("site".to_owned(), "north".to_owned()), ("a b".to_owned(), "c".to_owned())]);
        assert_eq!(query("label%5Bsite%5D=north").prefixed("label."), [("site".to_owned(), "north".to_owned())]);
        let error = q.finish().unwrap_err();
        assert_eq!(error.faults.iter().map(|f| f.pointer.as_str()).collect::<Vec<_>>(), ["?limit", "?dry_run"]);
    }

    #[test]
    fn a_parameter_given_twice_is_refused() {
        let q = query("state=queued&state=running");
        assert_eq!(q.finish().unwrap_err().faults[0].pointer, "?state");
    }

    #[test]
    fn a_label_without_a_name_is_refused() {
        for text in ["label.=north", "label%5B%5D=north"] {
            let mut q = query(text);
            q.prefixed("label.");
            assert_eq!(q.finish().unwrap_err().faults[0].pointer, "?label.");
        }
    }
}
