//! Steps around steps, beside `if` and `for_each`.

use super::step::{Condition, Step};

/// The steps, then the question, until it holds.
#[derive(Clone, Debug)]
pub struct Repeat {
    pub until: Condition,
    /// More rounds are a failure.
    pub max: u32,
    pub steps: Vec<Step>,
}

/// One of `catch` and `finally` has steps.
#[derive(Clone, Debug)]
pub struct Try {
    pub steps: Vec<Step>,
    /// After a failure of `steps`, which then counts as dealt with.
    pub catch: Vec<Step>,
    /// In any case, unless the attempt is stopped or its time is over.
    pub finally: Vec<Step>,
}
