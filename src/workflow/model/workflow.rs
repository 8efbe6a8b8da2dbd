//! `kind: workflow`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::scalar::{Category, Digest, ImageFile, Name};
use super::step::Step;
use crate::workflow::input::InputSchema;
use crate::workflow::template::Template;
use crate::workflow::value::ValueTemplate;

#[derive(Clone, Debug)]
pub struct Workflow {
    pub name: Name,
    pub description: Option<String>,
    /// The team that answers for it.
    pub owner: Option<String>,
    /// Empty for desktop-only work.
    pub apps: Vec<Name>,
    /// `None`: the default pool.
    pub pool: Option<Name>,
    pub input: InputSchema,
    /// Initial values, computed from `input`, `job`, `machine` and `files`; they cannot see one another.
    pub vars: BTreeMap<String, ValueTemplate>,
    pub steps: Vec<Step>,
    /// `None`: the output is `{}`.
    pub output: Option<ValueTemplate>,
    /// Of one attempt.
    pub timeout: Duration,
    pub retry: RetryPolicy,
    /// `None`: as many run at once as there are machines.
    pub concurrency: Option<Concurrency>,
    /// Digests of the images, once the document travels.
    pub images: BTreeMap<ImageFile, Digest>,
}

impl Workflow {
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30 * 60);

    /// Steps, nested ones counted.
    pub fn steps_total(&self) -> usize {
        fn count(step: &Step) -> usize {
            1 + step.inner().map(count).sum::<usize>()
        }
        self.steps.iter().map(count).sum()
    }
}

/// At most `max` jobs with one key run at once.
#[derive(Clone, Debug)]
pub struct Concurrency {
    /// Computed when a job is submitted, from `input` alone. `None`: all jobs of the workflow count together.
    pub key: Option<Template>,
    pub max: u32,
}

/// When a failed or lost attempt is followed by another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, at least 1.
    pub attempts: u32,
    /// Before the second attempt; doubled for each one after.
    pub backoff: Duration,
    pub max_backoff: Duration,
    /// Prefer a machine that has not failed the job yet.
    pub other_machine: bool,
    pub categories: BTreeSet<Category>,
}

impl Default for RetryPolicy {
    /// One attempt: a workflow that does not say it may be repeated is not.
    fn default() -> Self {
        Self {
            attempts: 1,
            backoff: Duration::from_secs(10),
            max_backoff: Duration::from_secs(300),
            other_machine: true,
            categories: BTreeSet::from([
                Category::TargetNotFound,
                Category::Timeout,
                Category::AppCrashed,
                Category::AppNotReady,
                Category::Desktop,
                Category::MachineLost,
                Category::Agent,
            ]),
        }
    }
}
