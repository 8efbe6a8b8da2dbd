//! Looking: `wait`, `wait_gone`, `wait_stable`, `assert`, `screenshot`.

use std::time::Duration;

use serde_json::Value;

use super::pointer::place;
use crate::{
    agent::runner::{
        describe,
        fault::{Break, Fault, fault},
        look::Look,
        probe::{Verdict, Watched},
        run::Runner,
        seek::after,
    },
    desktop::{Frame, Point, Rect},
    time::{Mono, duration_ms, format_duration},
    wire::{job::Category, step::Find},
    workflow::{self, Assertion, Probe, Region, Screenshot, Stillness, Watch},
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

    /// By what is seen alone: a caret that blinks or a clock is a change.
    pub(in crate::agent::runner) fn wait_stable(
        &mut self,
        stillness: &Stillness,
        timeout: Duration,
    ) -> Result<Value, Break> {
        let region = stillness.region.map(rect_of);
        let mut last: Option<(Frame, Mono)> = None;
        let mut changed = None;
        let still = self.until(timeout, |runner| {
            let frame = Look::default().frame(runner)?;
            let now = runner.world.now().mono;
            let Some(part) = region.map_or_else(|| Some(frame.clone()), |rect| frame.crop(rect)) else {
                return fault(Category::InvalidWorkflow, "`region` of `wait_stable` is outside the desktop");
            };
            match &last {
                Some((before, since)) if before.same_pixels(&part) => {
                    return Ok((now.since(*since) >= stillness.duration).then_some(()));
                }
                Some((before, _)) => changed = part.changed_since(before).or(changed),
                None => {}
            }
            last = Some((part, now));
            Ok(None)
        })?;
        if still.is_some() {
            return Ok(Value::Bool(true));
        }
        let corner = region.map_or_else(Point::default, |rect| Point::new(rect.x.max(0), rect.y.max(0)));
        let place = changed.map(|rect| Rect::new(rect.x + corner.x, rect.y + corner.y, rect.width, rect.height));
        let shown = place.map(|rect| format!("; it last changed in {rect}")).unwrap_or_default();
        let message = format!(
            "nothing was to change for {}, and that did not come about{}{shown}. Leave out by `region` what always moves",
            format_duration(stillness.duration),
            after(timeout),
        );
        Err(Fault::new(Category::Timeout, message).seen(None, place.into_iter().collect()).into())
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
        let region = screenshot.region.map(rect_of);
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

fn rect_of(region: Region) -> Rect {
    Rect::new(region.x, region.y, region.width, region.height)
}

/// Something to be seen that is not there is a target not found; anything else that does not come about took too long.
fn missing(probe: &Probe, otherwise: workflow::Category) -> workflow::Category {
    match probe {
        Probe::Visible(_) | Probe::Screen { .. } => workflow::Category::TargetNotFound,
        _ => otherwise,
    }
}
