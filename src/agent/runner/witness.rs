//! What the desktop of an attempt shows whose own thread does not come back: seen by another one, which does not know what that one
//! had under way.

use super::{call::Standing, context::Pictures, fault::Fault, plan::Plan, run::Runner};
use crate::{
    wire::{agent::AttemptFailure, step::ArtifactRef},
    workflow::{ScreenshotWhen, Step, Target},
};

impl Runner<'_> {
    /// Adds to a failure what can be seen now: the picture, unless something on it might be what must not be seen, and the windows.
    pub fn bear_witness(&mut self, failure: &mut AttemptFailure) {
        let path = failure.step.as_ref().map(|step| step.path.clone());
        let picture = masks_for(self.plan, path.as_deref()).and_then(|masks| self.masked_picture(masks));
        let fault = Fault::new(failure.category, String::new());
        if let Some(context) = &mut failure.context {
            let seen = self.context(&fault, Pictures { before: None, failure: picture.as_ref() });
            context.picture = seen.picture;
            // What a called workflow was given is not known here: it may stand in a title.
            if self.plan.called.iter().all(|workflow| workflow.input.sensitive().is_empty()) {
                context.windows = seen.windows;
                context.windows_left_out = seen.windows_left_out;
            }
        }
        failure.artifacts.extend(picture);
    }

    fn masked_picture(&mut self, masks: Vec<Target>) -> Option<ArtifactRef> {
        let masks: Vec<_> = masks.into_iter().map(|mask| (mask, Standing::default())).collect();
        let frame = self.world.desktop().capture().ok()?;
        let frame = self.masked_by(frame, &masks);
        self.give("failure", &frame).ok()
    }
}

/// All that any step wants masked, because more than one may be under way. None where no picture may be taken: the step says so,
/// or an app's steps or those of a called workflow mask something, whose windows and images only they know.
pub(super) fn masks_for(plan: &Plan, path: Option<&str>) -> Option<Vec<Target>> {
    let mut steps = Vec::new();
    for app in &plan.apps {
        app.own_steps().for_each(|step| collect(step, &mut steps));
    }
    plan.called.iter().flat_map(|workflow| &workflow.steps).for_each(|step| collect(step, &mut steps));
    if steps.iter().any(|step| !step.mask.is_empty() || step.screenshot == ScreenshotWhen::Never) {
        return None;
    }
    steps.clear();
    let workflow = plan.workflow.as_deref()?;
    workflow.steps.iter().for_each(|step| collect(step, &mut steps));
    let forbids =
        |step: &&Step| step.screenshot == ScreenshotWhen::Never && path.is_some_and(|path| lies_in(path, step));
    if steps.iter().any(forbids) {
        return None;
    }
    Some(steps.iter().flat_map(|step| step.mask.iter().cloned()).collect())
}

fn collect<'a>(step: &'a Step, into: &mut Vec<&'a Step>) {
    into.push(step);
    let settle = step.commit.as_ref().and_then(|commit| commit.settle.as_ref());
    let settling = settle.map_or(&[][..], |settle| &settle.steps);
    step.inner().chain(settling).for_each(|step| collect(step, into));
}

fn lies_in(path: &str, step: &Step) -> bool {
    path.strip_prefix(step.path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
