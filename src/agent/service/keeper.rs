//! Which sessions get an agent, when it is started again, and which session goes back to the console. Decides; does nothing.

use std::{collections::BTreeMap, time::Duration};

use crate::time::Mono;

/// Before an agent that ended is started again; twice as long after each one that ended soon.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// An agent that ran this long did not end soon.
const STEADY: Duration = Duration::from_secs(60);

/// Between two tries to take the same session to the console.
const MOVE_PAUSE: Duration = Duration::from_secs(30);

/// A session as the system tells of it. Those without a user are of no interest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) session: u32,
    /// `DOMAIN\name`, or only the name.
    pub(super) user: String,
    pub(super) is_disconnected: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    Start(Seen),
    /// What is done in a disconnected session arrives nowhere; on the console it does.
    TakeToConsole(Seen),
}

pub(super) struct Keeper {
    /// In lower case; all users where empty.
    users: Vec<String>,
    kept: BTreeMap<u32, Kept>,
}

struct Kept {
    user: String,
    running_since: Option<Mono>,
    ended_soon: u32,
    start_at: Mono,
    move_at: Mono,
}

impl Keeper {
    pub(super) fn new(users: &[String]) -> Self {
        Self { users: users.iter().map(|user| user.to_lowercase()).collect(), kept: BTreeMap::new() }
    }

    /// What is to be done now.
    pub(super) fn round(&mut self, seen: &[Seen], console_is_free: bool, now: Mono) -> Vec<Deed> {
        let is_seen = |session: u32, user: &str| seen.iter().any(|seen| seen.session == session && seen.user == user);
        // One agent a session: that of a user who has logged off ends by itself, and is waited for.
        self.kept.retain(|session, kept| kept.running_since.is_some() || is_seen(*session, &kept.user));
        // Who is not named need not want the own desktop open to whoever stands before the console.
        let mut console_is_free = console_is_free && !self.users.is_empty();
        let mut deeds = Vec::new();
        for seen in seen.iter().filter(|seen| is_wanted(&self.users, &seen.user)) {
            let kept = self.kept.entry(seen.session).or_insert_with(|| Kept {
                user: seen.user.clone(),
                running_since: None,
                ended_soon: 0,
                start_at: now,
                move_at: now,
            });
            if kept.running_since.is_none() && now >= kept.start_at {
                kept.running_since = Some(now);
                deeds.push(Deed::Start(seen.clone()));
            }
            if seen.is_disconnected && console_is_free && now >= kept.move_at {
                console_is_free = false;
                kept.move_at = now.saturating_add(MOVE_PAUSE);
                deeds.push(Deed::TakeToConsole(seen.clone()));
            }
        }
        deeds
    }

    /// The agent of that session is no more, or could not be started. Says when the next one is started.
    pub(super) fn ended(&mut self, session: u32, now: Mono) -> Duration {
        let Some(kept) = self.kept.get_mut(&session) else { return Duration::ZERO };
        let ran = kept.running_since.take().map_or(Duration::ZERO, |since| now.since(since));
        kept.ended_soon = if ran < STEADY { kept.ended_soon.saturating_add(1) } else { 0 };
        let doublings = kept.ended_soon.saturating_sub(1).min(16);
        let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
        kept.start_at = now.saturating_add(pause);
        pause
    }
}

/// Whether the user is one of those named, by the name alone or with the domain.
fn is_wanted(users: &[String], user: &str) -> bool {
    let user = user.to_lowercase();
    let name = user.rsplit('\\').next().unwrap_or_default();
    users.is_empty() || users.iter().any(|wanted| *wanted == user || wanted == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Mono {
        Mono::from_ms(seconds * 1000)
    }

    fn seen(session: u32, user: &str, is_disconnected: bool) -> Seen {
        Seen { session, user: user.to_owned(), is_disconnected }
    }

    fn starts(deeds: &[Deed]) -> Vec<u32> {
        deeds.iter().filter_map(|deed| if let Deed::Start(seen) = deed { Some(seen.session) } else { None }).collect()
    }

    fn moves(deeds: &[Deed]) -> Vec<u32> {
        let moved = |deed: &Deed| if let Deed::TakeToConsole(seen) = deed { Some(seen.session) } else { None };
        deeds.iter().filter_map(moved).collect()
    }

    #[test]
    fn each_wanted_session_gets_one_agent() {
        let mut keeper = Keeper::new(&["Bot1".to_owned(), r"CORP\bot2".to_owned()]);
        let all = [seen(1, r"CORP\bot1", false), seen(2, r"corp\Bot2", false), seen(3, r"OTHER\bot2", false)];
        assert_eq!(starts(&keeper.round(&all, false, at(0))), [1, 2]);
        assert_eq!(keeper.round(&all, false, at(9)), [], "they run");
        assert_eq!(starts(&Keeper::new(&[]).round(&all, false, at(0))), [1, 2, 3], "nobody named: everybody");
    }

    #[test]
    fn an_agent_that_keeps_ending_is_started_less_and_less_often() {
        let mut keeper = Keeper::new(&[]);
        let all = [seen(1, "bot", false)];
        let mut now = 0;
        let mut pauses = Vec::new();
        for _ in 0..9 {
            assert_eq!(starts(&keeper.round(&all, false, at(now))), [1]);
            now += 1;
            let pause = keeper.ended(1, at(now)).as_secs();
            assert_eq!(keeper.round(&all, false, at(now + pause - 1)), []);
            now += pause;
            pauses.push(pause);
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        keeper.round(&all, false, at(now));
        assert_eq!(keeper.ended(1, at(now + 60)).as_secs(), 5, "it ran for a while");
    }

    #[test]
    fn a_session_that_somebody_else_logs_on_to_starts_anew() {
        let mut keeper = Keeper::new(&[]);
        keeper.round(&[seen(1, "bot", false)], false, at(0));
        keeper.ended(1, at(1));
        assert_eq!(keeper.round(&[], false, at(1)), []);
        assert_eq!(starts(&keeper.round(&[seen(1, "bot", false)], false, at(2))), [1], "logged off and on again");
        assert_eq!(keeper.round(&[seen(1, "other", false)], false, at(3)), [], "the last one's agent is still there");
        keeper.ended(1, at(4));
        assert_eq!(starts(&keeper.round(&[seen(1, "other", false)], false, at(4))), [1]);
    }

    #[test]
    fn a_session_that_is_not_told_for_a_moment_keeps_its_agent() {
        let mut keeper = Keeper::new(&[]);
        keeper.round(&[seen(1, "bot", false)], false, at(0));
        assert_eq!(keeper.round(&[], false, at(1)), []);
        assert_eq!(keeper.round(&[seen(1, "bot", false)], false, at(2)), [], "not a second one");
    }

    #[test]
    fn a_closed_session_goes_back_to_a_console_that_nobody_uses() {
        let mut keeper = Keeper::new(&["bot1".to_owned(), "bot2".to_owned()]);
        let closed = [seen(2, "bot1", true), seen(3, "bot2", true)];
        assert_eq!(moves(&keeper.round(&closed, true, at(0))), [2], "there is one console");
        assert_eq!(moves(&keeper.round(&closed, true, at(1))), [3], "the first could not be moved");
        assert_eq!(moves(&keeper.round(&closed, true, at(2))), [0; 0], "not all the time");
        assert_eq!(moves(&keeper.round(&closed, true, at(31))), [2]);
        let one_there = [seen(2, "bot1", false), seen(3, "bot2", true)];
        assert_eq!(moves(&keeper.round(&one_there, false, at(99))), [0; 0], "the console is taken");
        let by_a_person = [seen(1, "a person", false), seen(3, "bot2", true)];
        assert_eq!(moves(&keeper.round(&by_a_person, false, at(200))), [0; 0], "nobody is thrown off the console");
        assert_eq!(moves(&keeper.round(&[seen(4, "a person", true)], true, at(300))), [0; 0], "nor looked after");
        assert_eq!(moves(&Keeper::new(&[]).round(&closed, true, at(0))), [0; 0], "nobody is named");
    }
}
