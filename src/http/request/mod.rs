//! Reading requests: bodies within their limits, JSON with all its faults, queries.

mod body;
mod explain;
mod query;

pub(crate) use body::{BodyReader, content_type, parse_json};
pub(crate) use query::Query;
