//! Looking: `wait`, `wait_gone`, `assert`, `screenshot`.

use std::time::Duration;

use serde_json::Value;

use super::pointer::place;
use crate::{
    agent::runner::{
        describe,
        fault::{Break, fault},
        probe::{Verdict, Watched},
        run::Runner,
        seek::after,
    },
    desktop::Rect,
    time::duration_ms,
    wire::{job::Category, step::Find},
    workflow::{self, Assertion, Probe, Screenshot, Watch},
};

impl Runner<'_> {
    /// The place that was found, or true.
    pub(in crate::agent::runner) fn wait(&mut self, watch: &Watch, timeout: Duration) -> Result<Value, Break> {
        let timeout = watch.timeout.unwrap_or(timeout);
        let watched = self.watch_told(&watch.probe, timeout, true)?;
        if watched.verdict.holds {
            return Ok(watched.verdict.hit.as_ref().map_or(Value::Bool(true), place));
        }
        let message = format!("waited in vain for {}{}", describe::probe(&watch.probe), after(timeout));
        let kind = missing(&watch.probe, workflow::Category::Timeout);
        Err(Self::unmet(watched, kind, &message).into())
    }

    pub(in crate::agent::runner) fn wait_gone(&mut self, watch: &Watch, timeout: Duration) -> Result<Value, Break> {
        let timeout = watch.timeout.unwrap_or(timeout);
        let mut watched = self.watch_told(&watch.probe, timeout, false)?;
        if !watched.verdict.holds {
            return Ok(Value::Bool(true));
        }
        watched.verdict.marks = watched.verdict.hit.iter().map(|hit| hit.rect).collect();
        let message = format!("{} did not go away{}", describe::probe(&watch.probe), after(timeout));
        Err(Self::unmet(watched, workflow::Category::Timeout, &message).into())
    }

    pub(in crate::agent::runner) fn assert(
        &mut self,
        assertion: &Assertion,
        timeout: Duration,
    ) -> Result<Value, Break> {
        match assertion {
            Assertion::Expression(expression) => {
                if expression.holds(&self.scope)? {
                    return Ok(Value::Bool(true));
                }
                fault(Category::Assertion, format!("`{}` does not hold", describe::cut(expression.source())))
            }
            Assertion::Probe(watch) => {
                let timeout = watch.timeout.unwrap_or(timeout);
                let watched = self.watch_told(&watch.probe, timeout, true)?;
                if watched.verdict.holds {
                    return Ok(Value::Bool(true));
                }
                let message = format!("asserted {}{}", describe::probe(&watch.probe), after(timeout));
                Err(Self::unmet(watched, workflow::Category::Assertion, &message).into())
            }
        }
    }

    /// The name of the artifact.
    pub(in crate::agent::runner) fn screenshot(&mut self, screenshot: &Screenshot) -> Result<Value, Break> {
        let name = screenshot.name.text(&self.scope)?;
        let region = screenshot.region.map(|region| Rect::new(region.x, region.y, region.width, region.height));
        let stem = name.strip_suffix(".webp").or_else(|| name.strip_suffix(".png")).unwrap_or(&name);
        let artifact = self.picture(stem, None, region, &[])?;
        let name = artifact.name.clone();
        self.keep(artifact);
        Ok(Value::String(name))
    }

    fn watch_told(&mut self, probe: &Probe, timeout: Duration, wanted: bool) -> Result<Watched, Break> {
        let begun = self.world.now().mono;
        let watched = self.watch(probe, timeout, wanted)?;
        let elapsed = self.world.now().mono.since(begun);
        self.report_verdict(probe, &watched.verdict, elapsed);
        Ok(watched)
    }

    pub(in crate::agent::runner) fn report_verdict(&mut self, probe: &Probe, verdict: &Verdict, elapsed: Duration) {
        let hit = verdict.hit.as_ref();
        let rect = hit.map(|hit| hit.rect).or(verdict.marks.first().copied());
        self.report_find(Find {
            target: describe::probe(probe),
            found: verdict.holds,
            how: hit.map(|hit| hit.how.clone()),
            score: hit.map_or(verdict.best, |hit| hit.score),
            x: rect.map(|rect| rect.x),
            y: rect.map(|rect| rect.y),
            width: rect.map(|rect| rect.width),
            height: rect.map(|rect| rect.height),
            elapsed_ms: duration_ms(elapsed),
        });
    }
}

/// Something to be seen that is not there is a target not found; anything else that does not come about took too long.
fn missing(probe: &Probe, otherwise: workflow::Category) -> workflow::Category {
    match probe {
        Probe::Visible(_) | Probe::Screen { .. } => workflow::Category::TargetNotFound,
        _ => otherwise,
    }
}
