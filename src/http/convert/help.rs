//! What a person can do about a failure, in a sentence or two.

use crate::{
    fleet::{Category, Effect, Failure, Job},
    wire::failure::{BestMatch, FailureContext},
};

/// A score below this looks like something else, not like the target with other looks.
const NEARLY: f32 = 0.6;

pub(super) fn of(job: &Job, failure: &Failure, context: Option<&FailureContext>) -> String {
    let machine = failure.machine.as_ref().map_or("the machine", |machine| machine.as_str());
    let step = failure.step.as_ref().map_or("the step", |step| step.path.as_str());
    let mut help = match failure.category {
        Category::Business => {
            "The workflow itself ends here: correct the input and submit it again, or do the case by hand. \
             The same input will fail again."
                .to_owned()
        }
        Category::AppNotReady if hangs(context) => format!(
            "The application does not answer: end it on {machine}, or let its document do so with `recover` and `relaunch`."
        ),
        Category::AppNotReady => format!(
            "Look which screen the application shows on {machine}, then name that screen in its document and add a `recover` \
             that leads from it to `ready`."
        ),
        Category::AppCrashed => format!(
            "The application ended by itself: its own log on {machine} may say why. Where that happens now and then, let the \
             workflow retry `app_crashed`."
        ),
        Category::Desktop if hangs(context) => format!(
            "The desktop of {machine} does not answer: restart its session, and drain the machine until then \
             (deskfleet machine drain {machine})."
        ),
        Category::Desktop => format!(
            "The desktop of {machine} could not be worked on: see it with deskfleet machine screenshot {machine} --fresh, unlock or \
             restart its session, and drain the machine until then."
        ),
        Category::TargetNotFound => sought(step, context.and_then(|context| context.best.as_ref())),
        Category::Assertion => format!(
            "What {step} checks did not hold. The picture shows the screen at that moment: where the application is right, mend \
             the step, else the input or the record in the application."
        ),
        Category::Timeout if hangs(context) => format!(
            "Nothing moved any more on {machine}: the picture shows where. Restart what hangs before the next attempt."
        ),
        Category::Timeout => format!(
            "The picture shows what {step} was waiting for. If the application was only slow, raise `timeout` of the step or of \
             the workflow {}.",
            job.spec.workflow
        ),
        Category::Credential => format!("The application did not take the login: correct it, then try on {machine}."),
        Category::MachineLost => format!(
            "{machine} was not heard any more: see that it is on and connected and that its agent runs. What it still knows is \
             told, marked late, when its agent is back."
        ),
        Category::Agent => format!(
            "The agent could not do its part: read its log of the attempt (deskfleet job logs {}), and restart the agent on \
             {machine} where that does not say more.",
            job.id
        ),
        Category::InvalidWorkflow => format!(
            "The document is wrong at {step}: correct it, check it with deskfleet lint, apply it, and submit the job again."
        ),
        Category::Deadline => {
            "There was not enough time: give the job a later deadline, or its pool more machines.".to_owned()
        }
        Category::Cancelled => "Somebody cancelled it: submit it again if it is still wanted.".to_owned(),
    };
    help.push_str(match failure.effect {
        Effect::None => "",
        Effect::Unknown => {
            " Whether it took effect is not known: look in the application first, then decide with a review; \
             a blind retry may do it twice."
        }
        Effect::Committed => " Its effect has happened: do not run it again as it is, or it is done twice.",
    });
    help
}

fn sought(step: &str, best: Option<&BestMatch>) -> String {
    match best {
        Some(BestMatch { score: Some(score), x, y, .. }) if *score >= NEARLY => format!(
            "The best place scored {score:.2} at {x},{y} and is marked in the picture: where that is what {step} means, its looks \
             have changed, so take its image anew or lower its `score` below that; else narrow the search with `in` or `region`."
        ),
        Some(BestMatch { score: None, .. }) => {
            format!("The places that fit are marked in the picture: narrow {step} with `in`, `region` or `index`.")
        }
        _ => format!(
            "Nothing on the screen was like it. Where the picture shows another screen, lead the workflow there or add the screen \
             to the app's `recover`; where the application was only slow, raise `timeout` of {step}."
        ),
    }
}

fn hangs(context: Option<&FailureContext>) -> bool {
    let standstill = context.and_then(|context| context.standstill.as_ref());
    standstill.is_some_and(|standstill| standstill.hangs.is_some() || standstill.window_answers == Some(false))
}
