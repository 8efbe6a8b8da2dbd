//! Reading: `extract` through the application, the clipboard or off the screen, `read_clipboard`, `set`.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::keyboard::ctrl;
use crate::{
    agent::runner::{
        fault::{Break, fault},
        find::{Meant, Sought},
        look::Look,
        run::Runner,
    },
    desktop::WindowId,
    wire::job::Category,
    workflow::{Extract, Find, How, Pattern, SetValue, Target},
};

/// How long one copy may take to reach the clipboard before it is asked for again: a busy application loses keys.
const COPY_AGAIN_AFTER: Duration = Duration::from_millis(1_500);

/// Copies asked for at most.
const COPIES: u32 = 3;

impl Runner<'_> {
    pub(in crate::agent::runner) fn extract(&mut self, extract: &Extract, timeout: Duration) -> Result<Value, Break> {
        if let Some(from) = &extract.from {
            let is_control = matches!(from.find, Find::Ui(_) | Find::Field);
            match extract.how {
                _ if matches!(from.find, Find::AnyText) => return self.extract_read(extract, from, timeout),
                How::Ocr => return self.extract_read(extract, from, timeout),
                How::Ui => return self.extract_told(extract, from, timeout),
                How::Auto if is_control => return self.extract_told(extract, from, timeout),
                How::Auto | How::Clipboard => {}
            }
        }
        let window = match &extract.from {
            Some(from) => self.focus_on(from, timeout)?,
            None => None,
        };
        match self.copy_field(window, timeout)? {
            Some(text) => self.pick(&text, extract.pattern.as_ref()),
            None => fault(
                Category::Assertion,
                "nothing came to the clipboard: the field is empty, or the application does not copy with ctrl+a, ctrl+c",
            ),
        }
    }

    /// As the application tells it: waited for until there is text, and the pattern matches where there is one.
    fn extract_told(&mut self, extract: &Extract, from: &Target, timeout: Duration) -> Result<Value, Break> {
        let begun = self.world.now().mono;
        let hit = self.seek(from, timeout)?;
        let left = timeout.saturating_sub(self.world.now().mono.since(begun));
        let mut last = None;
        self.until(left, |runner| {
            let mut look = Look::default();
            let Sought::Found(hit) = runner.find(from, Meant::One, &mut look)? else { return Ok(None) };
            let Some(element) = runner.element_of(&hit, &mut look)? else { return Ok(None) };
            let Some(text) = runner.told_by(&element, &mut look)? else { return Ok(None) };
            let fits = extract.pattern.as_ref().is_none_or(|pattern| pattern.is_match(&text));
            last = Some(text);
            Ok(fits.then_some(()))
        })?;
        match last {
            Some(text) => self.pick(&text, extract.pattern.as_ref()),
            None => fault(Category::Assertion, format!("{} tells of no text", hit.what)),
        }
    }

    pub(in crate::agent::runner) fn read_clipboard(&mut self, pattern: Option<&Pattern>) -> Result<Value, Break> {
        match self.world.desktop().read_clipboard()? {
            Some(text) => self.pick(&text, pattern),
            None => fault(Category::Assertion, "the clipboard holds no text"),
        }
    }

    pub(in crate::agent::runner) fn set(&mut self, values: &BTreeMap<String, SetValue>) -> Result<Value, Break> {
        let evaluate = |(name, value): (&String, &SetValue)| Ok((name.clone(), value.evaluate(&self.scope)?));
        let computed: BTreeMap<String, Value> = values.iter().map(evaluate).collect::<Result<_, Break>>()?;
        for (name, value) in &computed {
            self.scope.set_var(name, value.clone());
        }
        Ok(Value::Object(computed.into_iter().collect()))
    }

    /// A window is brought to the front; into anything else is clicked.
    fn focus_on(&mut self, target: &Target, timeout: Duration) -> Result<Option<WindowId>, Break> {
        if matches!(target.find, Find::Window(_)) {
            let hit = self.seek(target, timeout)?;
            self.bring_forward(&hit)?;
            return Ok(hit.window.map(|window| window.id));
        }
        self.click_into(target, timeout)
    }

    /// Selects all, copies, reads, and puts the clipboard's former text back. None where nothing was copied.
    pub(super) fn copy_field(&mut self, window: Option<WindowId>, timeout: Duration) -> Result<Option<String>, Break> {
        let former = self.world.desktop().read_clipboard()?;
        let copied = self.copy_selected(window, timeout);
        if !matches!(copied, Err(Break::Stop(_))) {
            match former {
                Some(former) => self.world.desktop().write_clipboard(&former)?,
                None => self.world.desktop().clear_clipboard()?,
            }
        }
        copied
    }

    fn copy_selected(&mut self, window: Option<WindowId>, timeout: Duration) -> Result<Option<String>, Break> {
        self.go_on()?;
        self.world.desktop().clear_clipboard()?;
        for _ in 0..COPIES {
            self.go_on()?;
            self.press(&ctrl('a'), window)?;
            self.press(&ctrl('c'), window)?;
            let copied = self.until(timeout.min(COPY_AGAIN_AFTER), |runner| {
                Ok(runner.world.desktop().read_clipboard()?.filter(|text| !text.is_empty()))
            })?;
            if copied.is_some() {
                return Ok(copied);
            }
        }
        Ok(None)
    }

    /// The first group, or the whole match; all of the text where there is no pattern.
    pub(in crate::agent::runner) fn pick(&self, text: &str, pattern: Option<&Pattern>) -> Result<Value, Break> {
        let Some(pattern) = pattern else { return Ok(Value::String(text.to_owned())) };
        if let Some(part) = pattern.extract(text) {
            return Ok(Value::String(part.to_owned()));
        }
        fault(Category::Assertion, format!("`{}` matches nothing in \"{}\"", pattern.as_str(), self.quote(text)))
    }
}
