//! `wait_idle`: the pointer asks nobody to wait, the application computes nothing, and its windows answer.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use serde_json::Value;

use crate::{
    agent::runner::{
        describe,
        fault::{Break, Fault},
        find::same_program,
        run::Runner,
        seek::after,
    },
    desktop::{DesktopError, Window, process::Spent},
    time::{Mono, format_duration},
    wire::job::Category,
    workflow::Idleness,
};

/// Of one processor. A program that only blinks its caret stays below.
const QUIET_PERCENT: u128 = 5;

/// How long a window may take to say that it is alive.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// Windows that are asked.
const MAX_ASKED: usize = 3;

/// What was seen since the application, or the window in front, was last another.
#[derive(Default)]
struct Watching {
    roots: Vec<u32>,
    /// Oldest first.
    samples: VecDeque<(Mono, BTreeMap<u32, Spent>)>,
    /// When the pointer asked to wait, or a window did not answer.
    disturbed: Option<Mono>,
    /// What is wrong as of the last look.
    pointer: Option<String>,
    busy: Option<String>,
    silent: Option<String>,
    absent: Option<String>,
}

/// Whom a look is at.
struct Watched {
    pids: Vec<u32>,
    windows: Vec<Window>,
}

impl Runner<'_> {
    pub(in crate::agent::runner) fn wait_idle(
        &mut self,
        idleness: &Idleness,
        timeout: Duration,
    ) -> Result<Value, Break> {
        let process = idleness.process.as_ref().map(|name| name.text(&self.scope)).transpose()?;
        let mut watching = Watching::default();
        let idle = self.until(timeout, |runner| {
            let idle = runner.look_idle(&mut watching, process.as_deref(), idleness.duration)?;
            Ok(idle.then_some(()))
        })?;
        if idle.is_some() {
            return Ok(Value::Bool(true));
        }
        let message = format!(
            "nothing was to be busy for {}, and that did not come about{}: {}",
            format_duration(idleness.duration),
            after(timeout),
            watching.told()
        );
        Err(Fault::new(Category::Timeout, message).into())
    }

    fn look_idle(&mut self, watching: &mut Watching, process: Option<&str>, wanted: Duration) -> Result<bool, Break> {
        let watched = self.watched(process)?;
        watching.absent = process.filter(|_| watched.pids.is_empty()).map(ToOwned::to_owned);
        let spent = if watched.pids.is_empty() { Vec::new() } else { self.world.spent(&watched.pids)? };
        watching.pointer = self.world.desktop().busy_pointer()?;
        let now = self.world.now().mono;
        if watching.pointer.is_some() {
            watching.disturbed = Some(now);
        }
        watching.sampled(now, watched.pids, spent, wanted);
        let is_calm = watching.disturbed.is_none_or(|at| now.since(at) >= wanted);
        if !watching.has_rested(now, wanted) || !is_calm || watching.absent.is_some() {
            return Ok(false);
        }
        watching.silent = self.silent_of(&watched.windows)?;
        if watching.silent.is_some() {
            watching.disturbed = Some(self.world.now().mono);
        }
        Ok(watching.silent.is_none())
    }

    /// The processes of that name, or the one whose window has the focus.
    fn watched(&mut self, process: Option<&str>) -> Result<Watched, Break> {
        let Some(name) = process else {
            let window = self.world.desktop().focused_window()?;
            let pids = window.iter().filter_map(|window| window.pid).collect();
            return Ok(Watched { pids, windows: window.into_iter().collect() });
        };
        let pids = self.world.processes(name)?;
        let mut windows = self.world.desktop().windows()?;
        windows.retain(|window| {
            let known = window.pid.is_some_and(|pid| pids.contains(&pid));
            !window.minimised && (known || (window.pid.is_none() && same_program(&window.process, name)))
        });
        windows.truncate(MAX_ASKED);
        Ok(Watched { pids, windows })
    }

    /// The title of the first window that does not answer. One that cannot be asked, or has just closed, is none.
    fn silent_of(&mut self, windows: &[Window]) -> Result<Option<String>, Break> {
        for window in windows {
            match self.world.desktop().answers(window.id, ANSWER_WITHIN) {
                Ok(Some(false)) => return Ok(Some(describe::cut(&window.title))),
                Ok(_) | Err(DesktopError::WindowGone(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }
}

impl Watching {
    fn sampled(&mut self, now: Mono, mut roots: Vec<u32>, spent: Vec<Spent>, wanted: Duration) {
        roots.sort_unstable();
        if roots != self.roots {
            self.samples.clear();
            self.roots = roots;
        }
        // The youngest of those that are old enough is what the last one is compared with.
        while self.samples.get(1).is_some_and(|(at, _)| now.since(*at) >= wanted) {
            self.samples.pop_front();
        }
        self.samples.push_back((now, spent.into_iter().map(|spent| (spent.pid, spent)).collect()));
    }

    /// Whether the processes did next to nothing since a moment that lies so far back.
    fn has_rested(&mut self, now: Mono, wanted: Duration) -> bool {
        let (Some((since, before)), Some((_, last))) = (self.samples.front(), self.samples.back()) else {
            return false;
        };
        let stretch = now.since(*since);
        let used = used(before, last);
        let percent = used.as_millis() * 100 / stretch.as_millis().max(1);
        self.busy = (percent > QUIET_PERCENT).then(|| {
            let busiest = last.values().max_by_key(|spent| spent.own.saturating_sub(own_before(before, spent)));
            let name = busiest.map(|spent| format!("{} (process {})", spent.name, spent.pid)).unwrap_or_default();
            format!("{name} used {percent} % of a processor")
        });
        stretch >= wanted && self.busy.is_none()
    }

    fn told(&self) -> String {
        let reasons = [
            self.absent.as_ref().map(|name| format!("there is no process {name}")),
            self.pointer.as_ref().map(|name| format!("the pointer asks to wait (`{name}`)")),
            self.busy.clone(),
            self.silent.as_ref().map(|title| format!("the window \"{title}\" does not answer")),
        ];
        let reasons: Vec<String> = reasons.into_iter().flatten().collect();
        if reasons.is_empty() { "it was busy again and again".to_owned() } else { reasons.join("; ") }
    }
}

/// Processor time between two looks. The time of children that ended passes to whoever waited for them.
fn used(before: &BTreeMap<u32, Spent>, last: &BTreeMap<u32, Spent>) -> Duration {
    let total = |spent: &BTreeMap<u32, Spent>| spent.values().map(|spent| spent.own + spent.ended).sum::<Duration>();
    let own: Duration = last.values().map(|spent| spent.own.saturating_sub(own_before(before, spent))).sum();
    own.max(total(last).saturating_sub(total(before)))
}

fn own_before(before: &BTreeMap<u32, Spent>, spent: &Spent) -> Duration {
    before.get(&spent.pid).map_or(Duration::ZERO, |earlier| earlier.own)
}
