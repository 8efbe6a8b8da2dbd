//! Who is told of what: channels, and the addresses a job carries with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    event::{Event, Fact},
    job::{Job, Place},
    machine::ModeName,
    state::Fleet,
};
use crate::ids::{IdError, JobId, Name};

/// One who is told. Each has an order, a place in it and failures of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubscriberId {
    Channel(Name),
    /// The address of this number, from 0, among those the job was submitted with.
    Job(JobId, u8),
}

impl fmt::Display for SubscriberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channel(name) => write!(f, "channel/{name}"),
            Self::Job(job, number) => write!(f, "{job}/{number}"),
        }
    }
}

impl FromStr for SubscriberId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError(format!("`{text}` names nobody who is told of events"));
        match text.split_once('/').ok_or_else(wrong)? {
            ("channel", name) => Ok(Self::Channel(name.parse()?)),
            (job, number) => Ok(Self::Job(job.parse()?, number.parse().map_err(|_| wrong())?)),
        }
    }
}

impl Serialize for SubscriberId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SubscriberId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A text that is for the receiver alone. It prints as nothing, and stands in no event.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretText(String);

impl SecretText {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// For signing and sending, never for showing.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

/// A type of event such as `job.failed`, a family such as `job.*`, or `*` for all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventPattern(String);

impl EventPattern {
    /// None where no event that is told to anybody fits it.
    pub fn parse(text: &str) -> Option<Self> {
        let pattern = Self(text.to_owned());
        told_kinds().any(|kind| pattern.fits(kind)).then_some(pattern)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn fits(&self, kind: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some("") => true,
            Some(family) => family.ends_with('.') && kind.starts_with(family),
            None => self.0 == kind,
        }
    }
}

/// Where messages of a subscriber go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub url: String,
    pub headers: BTreeMap<String, SecretText>,
    /// Each signs; the first one is the newest.
    pub secrets: Vec<SecretText>,
}

/// The row of a channel's target: apart from its document, which everybody may read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRow {
    pub channel: Name,
    pub target: Target,
}

/// What a channel wants to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelSpec {
    pub events: Vec<EventPattern>,
    /// Each empty: any. One that is not lets through only what is about one of these.
    pub workflows: BTreeSet<Name>,
    pub pools: BTreeSet<Name>,
    pub teams: BTreeSet<Name>,
}

/// An address to tell of one job alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notify {
    pub url: String,
    pub secret: SecretText,
    pub events: Vec<EventPattern>,
}

impl Notify {
    /// As it may be shown.
    #[must_use]
    pub fn without_secret(&self) -> Self {
        Self { secret: SecretText::new(""), ..self.clone() }
    }

    pub fn target(&self) -> Target {
        Target { url: self.url.clone(), headers: BTreeMap::new(), secrets: vec![self.secret.clone()] }
    }
}

/// Facts that are not logged, so nobody can be told of them.
const UNTOLD: &[&str] = &[
    "attempt.marked",
    "job.cooled_down",
    "job.noted",
    "machine.heard",
    "fleet.fit_checked",
    "message.settled",
    "message.failed",
];
/// Names under which changes of a machine's mode are told; they are logged as `machine.mode_changed`.
const MODES: [&str; 4] = ["machine.active", "machine.draining", "machine.maintenance", "machine.quarantined"];

/// What a review is asked by.
const REVIEW: &str = "job.needs_review";

/// Every type of event that can be subscribed to.
pub fn told_kinds() -> impl Iterator<Item = &'static str> {
    Fact::KINDS.iter().copied().filter(|kind| !UNTOLD.contains(kind)).chain(MODES).chain([REVIEW])
}

impl Event {
    /// The type under which subscribers are told of it: a machine's change of mode by the new mode, `machine.quarantined`.
    pub const fn told_as(&self) -> &'static str {
        match &self.fact {
            Fact::MachineModeChanged { mode, .. } => match mode.name {
                ModeName::Active => MODES[0],
                ModeName::Draining => MODES[1],
                ModeName::Maintenance => MODES[2],
                ModeName::Quarantined => MODES[3],
            },
            fact => fact.kind(),
        }
    }
}

/// What an event is about, as far as filters ask.
#[derive(Debug, Default)]
struct Topic<'a> {
    workflow: Option<&'a Name>,
    pool: Option<&'a Name>,
    team: Option<&'a Name>,
}

impl Fleet {
    /// Who is to be told of an event that has just been applied, each once, in a fixed order.
    pub(super) fn subscribers_of(&self, event: &Event) -> Vec<SubscriberId> {
        let job = event.subjects().job.and_then(|id| self.job(id));
        let mut told: Vec<SubscriberId> = Vec::new();
        if !self.targets.is_empty() {
            let topic = self.topic(event, job);
            let wants = |name: &&Name| self.channel(name).is_some_and(|spec| spec.wants(event, &topic));
            told.extend(self.targets.keys().filter(wants).cloned().map(SubscriberId::Channel));
        }
        if let Some(job) = job {
            let numbered = (0u8..).zip(&job.spec.notify);
            let wanted = numbered.filter(|(_, notify)| any_fits(&notify.events, event));
            told.extend(wanted.map(|(number, _)| SubscriberId::Job(job.id, number)));
        }
        told
    }

    fn topic<'a>(&'a self, event: &Event, job: Option<&'a Job>) -> Topic<'a> {
        let about = event.subjects();
        let machine = about.machine.and_then(|id| self.machines.get(&id));
        let placed = job.and_then(|job| match &job.spec.place {
            Place::Pool(pool) => Some(pool),
            Place::Machine(name) => self.machine_named(name).map(|machine| &machine.pool),
        });
        let batch = about.batch.and_then(|id| self.batch(id));
        Topic {
            workflow: job.map(|job| &job.spec.workflow),
            pool: placed.or_else(|| machine.map(|machine| &machine.pool)),
            team: job.map(|job| &job.spec.team).or_else(|| batch.map(|batch| &batch.team)),
        }
    }
}

impl ChannelSpec {
    fn wants(&self, event: &Event, topic: &Topic<'_>) -> bool {
        let among = |names: &BTreeSet<Name>, name: Option<&Name>| {
            names.is_empty() || name.is_some_and(|name| names.contains(name))
        };
        any_fits(&self.events, event)
            && among(&self.workflows, topic.workflow)
            && among(&self.pools, topic.pool)
            && among(&self.teams, topic.team)
    }
}

/// By the name it is logged under as well as by the one it is told under.
fn any_fits(patterns: &[EventPattern], event: &Event) -> bool {
    patterns.iter().any(|pattern| pattern.fits(event.told_as()) || pattern.fits(event.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_type_a_family_or_everything_and_one_that_nothing_fits_is_none() {
        for good in ["job.failed", "job.*", "*", "machine.quarantined", "machine.mode_changed", "channel.parked"] {
            assert!(EventPattern::parse(good).is_some(), "{good}");
        }
        for bad in ["job.fail", "job", "job.", "jobs.*", "", "machine.heard", "message.*", "j*"] {
            assert!(EventPattern::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn what_is_not_logged_is_told_to_nobody() {
        for kind in UNTOLD {
            assert!(Fact::KINDS.contains(kind), "{kind} is a type of event");
        }
    }

    #[test]
    fn a_subscriber_reads_back_from_its_text() {
        let ids = [SubscriberId::Channel("ops".parse().unwrap()), SubscriberId::Job(JobId::from_raw(7), 1)];
        for id in ids {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        assert!("ops".parse::<SubscriberId>().is_err());
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        let secret = SecretText::new("whsec_abc");
        assert!(!format!("{secret:?}").contains("abc"));
    }
}
