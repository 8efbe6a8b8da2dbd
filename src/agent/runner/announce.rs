//! A step before it begins: told in words to somebody who decides whether it may, and who may think as long as they like.

use super::{
    describe,
    fault::Break,
    observer::{NextStep, Permit},
    run::Runner,
};
use crate::{
    time::format_duration,
    workflow::{
        Action, Assertion, Checked, Click, Condition, Control, Items, Launching, Name, Request, Step, Subject, Target,
        Template, TypeText,
    },
};

/// In the place of a text that must not be seen.
const HIDDEN: &str = "•••";

impl Runner<'_> {
    /// Asks about the step, where somebody wants to be asked.
    pub(super) fn is_skipped_by_hand(&mut self, step: &Step) -> Result<bool, Break> {
        if !self.observer.steps_asked() {
            return Ok(false);
        }
        self.go_on()?;
        self.refresh_time();
        let next = self.next_step(step);
        let asked_at = self.world.now().mono;
        let permit = self.observer.before_step(&next);
        let thought = self.world.now().mono.since(asked_at);
        // Whoever thinks takes no time from the attempt, nor from the steps around this one.
        self.ends_at = self.ends_at.map(|end| end.saturating_add(thought));
        for current in &mut self.current {
            current.begun = current.begun.saturating_add(thought);
        }
        match permit {
            Permit::Run => Ok(false),
            Permit::Skip => Ok(true),
            Permit::Stop(reason) => Err(Break::Stop(reason)),
        }
    }

    fn next_step(&self, step: &Step) -> NextStep {
        let condition = match &step.when {
            Some(when) => format!(", only when {}", condition(when)),
            None => String::new(),
        };
        let words = format!("{}{condition}", in_words(&step.action));
        NextStep {
            path: self.path_of(step),
            id: step.id.as_ref().map(ToString::to_string),
            name: step.name.clone(),
            action: step.action.name(),
            words: self.quote(&self.filled_in(words.trim_start_matches(", "))),
            commit: step.commit.is_some(),
        }
    }

    /// The values of what stands between `{{` and `}}`, where they are known by now; the rest stays as it was written.
    fn filled_in(&self, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("{{") {
            let Some(length) = rest[start..].find("}}") else { break };
            let (before, from) = rest.split_at(start);
            let (written, after) = from.split_at(length + 2);
            let value = Template::new(written).ok().and_then(|template| template.text(&self.scope).ok());
            filled.push_str(before);
            filled.push_str(value.as_deref().unwrap_or(written));
            rest = after;
        }
        filled + rest
    }
}

/// What an action does, beside its name. Nothing where the name says it all.
fn in_words(action: &Action) -> String {
    match action {
        Action::Click(click) | Action::DoubleClick(click) | Action::RightClick(click) => clicked(click),
        Action::Move(target) | Action::Activate(target) => describe::target(target),
        Action::Drag(drag) => format!("{} to {}", describe::target(&drag.from), describe::target(&drag.to)),
        Action::Scroll(scroll) => {
            let over = scroll.target.as_ref().map(|target| format!(" over {}", describe::target(target)));
            format!("by {},{}{}", scroll.dx, scroll.dy, over.unwrap_or_default())
        }
        Action::Type(typing) => typed(typing),
        Action::Paste { text, into } => format!("{}{}", quoted(text), into_words(into.as_ref())),
        Action::Key(chords) => chords.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        Action::Control(control) => asked(control),
        Action::Menu(path) => path.source().to_owned(),
        Action::Wait(watch) => format!("for {}", describe::probe(&watch.probe)),
        Action::WaitGone(watch) => format!("until there is no {}", describe::probe(&watch.probe)),
        Action::WaitStable(still) => format!("until nothing changes for {}", format_duration(still.duration)),
        Action::WaitIdle(idleness) => {
            let whom =
                idleness.process.as_ref().map_or("the window in front".to_owned(), |name| name.source().to_owned());
            format!("until {whom} is idle for {}", format_duration(idleness.duration))
        }
        Action::Assert(Assertion::Probe(watch)) => describe::probe(&watch.probe),
        Action::Assert(Assertion::Expression(expression)) => code(expression.source()),
        Action::Screenshot(screenshot) => screenshot.name.source().to_owned(),
        Action::SaveArtifact(save) => format!("{} as {}", save.path.source(), save.name.source()),
        Action::Extract(extract) => extract.from.as_ref().map(describe::target).unwrap_or_default(),
        Action::ReadTable(table) => describe::target(&table.from),
        Action::Set(values) => values.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
        Action::Run(line) | Action::Launch(Launching::Command(line)) => code(&describe::command(line)),
        Action::Launch(Launching::App(app)) | Action::Close(Subject::App(app)) => app_named(app.as_ref()),
        Action::Close(Subject::Window(window)) => describe::target(window),
        Action::If { condition: asked, .. } => condition(asked),
        Action::ForEach(each) => match &each.items {
            Items::Expression(expression) => format!("item of {}", code(expression.source())),
            Items::List(_) => "item of the list".to_owned(),
        },
        Action::Repeat(repeat) => format!("until {}, at most {} times", condition(&repeat.until), repeat.max),
        Action::Sleep(duration) => format_duration(*duration),
        Action::Fail(fail) => quoted(&fail.message),
        _ => String::new(),
    }
}

fn clicked(click: &Click) -> String {
    let held: Vec<String> = click.modifiers.iter().map(ToString::to_string).collect();
    let held = if held.is_empty() { String::new() } else { format!(" with {}", held.join("+")) };
    format!("{}{held}", describe::target(&click.target))
}

fn asked(control: &Control) -> String {
    let target = describe::target(&control.target);
    match &control.request {
        Request::Invoke | Request::Focus => target,
        Request::SetValue(value) => format!("{target} to {}", quoted(value)),
        Request::SetChecked(Checked::Fixed(checked)) => format!("{target} to {checked}"),
        Request::SetChecked(Checked::Computed(checked)) => format!("{target} to {}", checked.source()),
        Request::Select(option) => format!("{} of {target}", quoted(option)),
    }
}

fn typed(typing: &TypeText) -> String {
    let text = if typing.secret { HIDDEN.to_owned() } else { quoted(&typing.text) };
    format!("{text}{}", into_words(typing.into.as_ref()))
}

fn into_words(into: Option<&Target>) -> String {
    into.map(|target| format!(" into {}", describe::target(target))).unwrap_or_default()
}

fn app_named(app: Option<&Name>) -> String {
    app.map_or_else(|| "the app".to_owned(), ToString::to_string)
}

fn condition(condition: &Condition) -> String {
    match condition {
        Condition::Probe(watch) => describe::probe(&watch.probe),
        Condition::Expression(expression) => code(expression.source()),
    }
}

fn quoted(text: &Template) -> String {
    format!("\"{}\"", text.source())
}

fn code(text: &str) -> String {
    format!("`{text}`")
}
