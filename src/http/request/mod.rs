//! Reading requests: bodies within their limits, JSON with all its faults, queries, paths.

mod body;
pub(crate) mod cursor;
mod explain;
mod extract;
mod query;

pub(crate) use body::{BodyReader, content_type, parse_json};
pub(crate) use extract::{JsonBody, PathPart, parse_id};
pub(crate) use query::Query;
