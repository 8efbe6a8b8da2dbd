//! The controller as its clients see it: started for real, over TLS, with scripted agents. Every JSON answer that passes
//! through the test client is held against the API description, so that each story tests that too.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests say what they expect")]

mod access;
mod artifacts;
mod batches;
mod bulk;
mod calls;
mod commits;
mod concurrency;
mod documents;
mod events;
mod explain;
mod identity;
mod jobs;
mod limits;
mod machines;
mod notifications;
mod openapi;
mod problems;
mod report;
mod service;
mod storage;
mod support;
mod upkeep;
