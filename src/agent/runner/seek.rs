//! Waits for a target to be there, and says what was seen when it is not.

use std::time::Duration;

use super::{
    describe,
    fault::{Break, Fault},
    find::{Absence, Hit, Meant, Sought},
    run::Runner,
};
use crate::{
    desktop::{Frame, Rect},
    time::{Mono, duration_ms, format_duration},
    wire::{job::Category, step::Find as FindReport},
    workflow::Target,
};

/// How long two places must both be there before that is an error: a closing dialog may show for a moment beside the next.
const SEVERAL_FOR: Duration = Duration::from_millis(500);

/// Finds kept of one step. A loop of probes would fill any report.
pub(super) const MAX_FINDS: usize = 50;

/// The last look of a search that failed.
struct Miss {
    sought: Sought,
    frame: Option<Frame>,
}

impl Runner<'_> {
    /// Waits for exactly one place. The find is reported, found or not.
    pub(super) fn seek(&mut self, target: &Target, timeout: Duration) -> Result<Hit, Break> {
        let begun = self.world.now().mono;
        let mut miss: Option<Miss> = None;
        let mut several_since: Option<Mono> = None;
        let found = self.until_clear(timeout, |runner, look| {
            let now = runner.world.now().mono;
            match runner.find(target, Meant::One, look)? {
                Sought::Found(hit) => return Ok(Some(Ok(hit))),
                Sought::Several(hits) => {
                    let since = *several_since.get_or_insert(now);
                    let frame = look.taken();
                    if now.since(since) >= SEVERAL_FOR {
                        return Ok(Some(Err(Miss { sought: Sought::Several(hits), frame })));
                    }
                    miss = Some(Miss { sought: Sought::Several(hits), frame });
                }
                absent @ Sought::Absent(_) => {
                    several_since = None;
                    miss = Some(Miss { sought: absent, frame: look.taken() });
                }
            }
            Ok(None)
        })?;
        let elapsed = self.world.now().mono.since(begun);
        let miss = match found {
            Some(Ok(hit)) => {
                self.report_hit(target, &hit, elapsed);
                return Ok(hit);
            }
            Some(Err(miss)) => Some(miss),
            None => miss,
        };
        let miss = miss.unwrap_or(Miss { sought: Sought::Absent(Absence::default()), frame: None });
        Err(self.missed(target, miss, timeout, elapsed).into())
    }

    fn missed(&mut self, target: &Target, miss: Miss, timeout: Duration, elapsed: Duration) -> Fault {
        match miss.sought {
            Sought::Several(hits) => {
                let places: Vec<String> =
                    hits.iter().take(5).map(|hit| format!("{} at {},{}", hit.what, hit.rect.x, hit.rect.y)).collect();
                let message = format!(
                    "{} was found {} times where one was meant: {}; narrow it with `in`, `region` or `index`",
                    describe::target(target),
                    hits.len(),
                    places.join(" and "),
                );
                if let Some(first) = hits.first() {
                    self.report_miss(target, Some((first.rect, first.score)), elapsed);
                }
                let marks = hits.iter().map(|hit| hit.rect).collect();
                Fault::new(Category::TargetNotFound, message).seen(miss.frame, marks)
            }
            Sought::Absent(absence) => {
                let best = absence.best.as_ref().map(|best| (best.rect, Some(best.score)));
                self.report_miss(target, best, elapsed);
                let message =
                    format!("no {} on the screen{}{}", describe::target(target), after(timeout), because(&absence));
                let marks = best.into_iter().map(|(rect, _)| rect).collect();
                Fault::new(Category::TargetNotFound, message).seen(miss.frame, marks)
            }
            Sought::Found(_) => unreachable!("a search that found is no miss"),
        }
    }

    pub(super) fn report_hit(&mut self, target: &Target, hit: &Hit, elapsed: Duration) {
        self.report_find(FindReport {
            target: describe::target(target),
            found: true,
            how: Some(hit.how.clone()),
            score: hit.score,
            x: Some(hit.rect.x),
            y: Some(hit.rect.y),
            width: Some(hit.rect.width),
            height: Some(hit.rect.height),
            elapsed_ms: duration_ms(elapsed),
        });
    }

    pub(super) fn report_miss(&mut self, target: &Target, best: Option<(Rect, Option<f32>)>, elapsed: Duration) {
        let rect = best.map(|(rect, _)| rect);
        self.report_find(FindReport {
            target: describe::target(target),
            found: false,
            how: None,
            score: best.and_then(|(_, score)| score),
            x: rect.map(|rect| rect.x),
            y: rect.map(|rect| rect.y),
            width: rect.map(|rect| rect.width),
            height: rect.map(|rect| rect.height),
            elapsed_ms: duration_ms(elapsed),
        });
    }

    pub(super) fn report_find(&mut self, mut find: FindReport) {
        find.target = self.redactor.clean(&find.target);
        if let Some(current) = self.current.last_mut()
            && current.finds.len() < MAX_FINDS
        {
            current.finds.push(find);
        }
    }
}

pub(super) fn after(timeout: Duration) -> String {
    if timeout.is_zero() { String::new() } else { format!(" after {}", human(timeout)) }
}

/// `10 s`, `1500 ms`: with a space, for sentences.
fn human(duration: Duration) -> String {
    let text = format_duration(duration);
    let unit = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    format!("{} {}", &text[..unit], &text[unit..])
}

fn because(absence: &Absence) -> String {
    match (&absence.reason, &absence.best) {
        (Some(reason), _) => format!(": {reason}"),
        (None, Some(best)) => format!(" (best score {:.2} at {},{})", best.score, best.rect.x, best.rect.y),
        (None, None) => String::new(),
    }
}
