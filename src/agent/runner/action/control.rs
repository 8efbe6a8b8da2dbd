//! Controls through their applications, without mouse or keyboard: invoke, focus, change, select, menu.
//!
//! That an application agreed is not that it happened: what can be looked at afterwards is, until it shows.

use std::time::Duration;

use serde_json::Value;

use super::pointer::place;
use crate::{
    agent::runner::{
        fault::{Break, Fault, fault},
        look::Look,
        run::Runner,
        seek::after,
        ui::names,
    },
    desktop::ui::{Act, Element},
    wire::job::Category,
    workflow::{Checked, Control, Request, Target, Template},
};

/// How long a menu may take to close once one of its entries was asked for.
const CLOSES_WITHIN: Duration = Duration::from_secs(2);

impl Runner<'_> {
    pub(in crate::agent::runner) fn control(&mut self, control: &Control, timeout: Duration) -> Result<Value, Break> {
        let request = self.filled(&control.request)?;
        let hit = self.seek(&control.target, timeout)?;
        let element = self.element_of(&hit, &mut Look::default())?;
        let Some(element) = element else {
            let message = format!("no application tells of a control at {}", hit.what);
            return Err(Fault::new(Category::TargetNotFound, message).seen(None, vec![hit.rect]).into());
        };
        let element = self.enabled(element, timeout)?;
        match request {
            Filled::Invoke => self.ask(&element, &Act::Invoke)?,
            Filled::Focus => {
                self.bring_forward(&hit)?;
                self.ask(&element, &Act::Focus)?;
                self.comes_to(&element, timeout, "have the focus", |now| now.states.focused)?;
            }
            Filled::SetValue(value) => self.set_value(&element, &value, timeout)?,
            Filled::SetChecked(checked) => self.set_checked(&element, checked, timeout)?,
            Filled::Select(option) => self.select(&element, &option, timeout)?,
        }
        Ok(place(&hit))
    }

    /// The text of `type … via: value`.
    pub(super) fn give_value(
        &mut self,
        into: &Target,
        (text, secret): (&str, bool),
        timeout: Duration,
    ) -> Result<(), Break> {
        let hit = self.seek(into, timeout)?;
        if let (true, Some(window)) = (secret, &hit.window) {
            self.world.secrets().hide(window);
        }
        let Some(element) = self.element_of(&hit, &mut Look::default())? else {
            return fault(Category::TargetNotFound, format!("no application tells of a field at {}", hit.what));
        };
        let element = self.enabled(element, timeout)?;
        if secret && !element.states.password {
            let message = format!(
                "{} is no password field: its text is told to every program that asks; type the secret",
                self.named(&element)
            );
            return fault(Category::InvalidWorkflow, message);
        }
        self.set_value(&element, text, timeout)
    }

    fn filled(&mut self, request: &Request) -> Result<Filled, Break> {
        Ok(match request {
            Request::Invoke => Filled::Invoke,
            Request::Focus => Filled::Focus,
            Request::SetValue(value) => Filled::SetValue(value.text(&self.scope)?),
            Request::Select(option) => Filled::Select(option.text(&self.scope)?.trim().to_owned()),
            Request::SetChecked(Checked::Fixed(checked)) => Filled::SetChecked(*checked),
            Request::SetChecked(Checked::Computed(template)) => match template.evaluate(&self.scope)? {
                Value::Bool(checked) => Filled::SetChecked(checked),
                other => {
                    let message = format!("`checked` came to {other}, where true or false is needed");
                    return fault(Category::InvalidWorkflow, message);
                }
            },
        })
    }

    fn set_value(&mut self, element: &Element, value: &str, timeout: Duration) -> Result<(), Break> {
        self.ask(element, &Act::SetValue(value.to_owned()))?;
        if element.states.password {
            return Ok(());
        }
        let holds = |now: &Element| now.value.as_deref().is_some_and(|held| same_value(held, value));
        self.comes_to(element, timeout, "hold the value it was given", holds)
    }

    fn set_checked(&mut self, element: &Element, checked: bool, timeout: Duration) -> Result<(), Break> {
        let Some(now) = element.states.checked else {
            return fault(Category::Assertion, format!("{} cannot be checked", self.named(element)));
        };
        if now == checked {
            return Ok(());
        }
        self.ask(element, &Act::Invoke)?;
        let state = if checked { "be checked" } else { "be unchecked" };
        self.comes_to(element, timeout, state, |now| now.states.checked == Some(checked))
    }

    fn select(&mut self, element: &Element, option: &str, timeout: Duration) -> Result<(), Break> {
        let scene = self.scene(&mut Look::default())?;
        let element = &scene.chooser(element);
        let wanted = match scene.option(element, option) {
            Ok(wanted) => wanted,
            Err(there) => {
                let there = self.quote(&there.join(", "));
                let message = format!("{} has no option \"{option}\"; it has {there}", self.named(element));
                return fault(Category::TargetNotFound, message);
            }
        };
        let chosen = |now: &Element| now.name.trim() == option || now.value.as_deref() == Some(option);
        if wanted.states.selected || chosen(element) {
            return Ok(());
        }
        self.ask(&wanted, &Act::Select)?;
        let (whole, one) = (element.id.clone(), wanted.id.clone());
        let selected = self.until(timeout, |runner| {
            let elements = Look::default().elements(runner)?;
            let is_chosen =
                elements.iter().any(|now| now.id == one && now.states.selected || now.id == whole && chosen(now));
            Ok(is_chosen.then_some(()))
        })?;
        self.proved(selected, element, &format!("show \"{option}\" as selected"), timeout)
    }

    /// Menu after menu, each shown before the next is asked for.
    pub(in crate::agent::runner) fn menu(&mut self, path: &Template, timeout: Duration) -> Result<Value, Break> {
        let path = names(&path.text(&self.scope)?);
        let mut above: Option<Element> = None;
        for (depth, name) in path.iter().enumerate() {
            let mut others = Vec::new();
            let found = self.until(timeout, |runner| {
                let scene = runner.scene(&mut Look::default())?;
                match scene.menu_entry(above.as_ref(), name) {
                    Ok(entry) => Ok(Some(entry)),
                    Err(there) => {
                        others = there;
                        Ok(None)
                    }
                }
            })?;
            let Some(entry) = found else {
                let place = if depth == 0 {
                    "the menu bar of the window in front".to_owned()
                } else {
                    path[..depth].join(" > ")
                };
                let there = if others.is_empty() { String::new() } else { format!("; it has {}", others.join(", ")) };
                let message = self.quote(&format!("there is no \"{name}\" in {place}{}{there}", after(timeout)));
                return fault(Category::TargetNotFound, message);
            };
            let entry = self.enabled(entry, timeout)?;
            self.ask(&entry, &Act::Invoke)?;
            above = Some(entry);
        }
        if let Some(entry) = above {
            self.menu_closes(&entry)?;
        }
        Ok(Value::Null)
    }

    /// Once its menu is closed, an entry has been carried out. One whose menu stays open is no failure.
    fn menu_closes(&mut self, entry: &Element) -> Result<(), Break> {
        self.until(CLOSES_WITHIN, |runner| {
            let elements = Look::default().elements(runner)?;
            let is_open = elements.iter().any(|now| now.id == entry.id && now.rect.is_some());
            Ok((!is_open).then_some(()))
        })?;
        Ok(())
    }

    fn ask(&mut self, element: &Element, act: &Act) -> Result<(), Break> {
        self.go_on()?;
        match self.world.desktop().act(&element.id, act) {
            Err(crate::desktop::DesktopError::Refused(reason)) => {
                fault(Category::Assertion, format!("{}: {reason}", self.named(element)))
            }
            other => Ok(other?),
        }
    }

    /// Waits until it can be worked with.
    fn enabled(&mut self, element: Element, timeout: Duration) -> Result<Element, Break> {
        if element.states.enabled {
            return Ok(element);
        }
        let enabled = self.until(timeout, |runner| {
            let elements = Look::default().elements(runner)?;
            Ok(elements.iter().find(|now| now.id == element.id && now.states.enabled).cloned())
        })?;
        match enabled {
            Some(element) => Ok(element),
            None => fault(Category::Assertion, format!("{} is disabled{}", self.named(&element), after(timeout))),
        }
    }

    /// Waits until the control is seen to be so.
    fn comes_to(
        &mut self,
        element: &Element,
        timeout: Duration,
        what: &str,
        is_so: impl Fn(&Element) -> bool,
    ) -> Result<(), Break> {
        let seen = self.until(timeout, |runner| {
            let elements = Look::default().elements(runner)?;
            Ok(elements.iter().any(|now| now.id == element.id && is_so(now)).then_some(()))
        })?;
        self.proved(seen, element, what, timeout)
    }

    fn proved(&self, seen: Option<()>, element: &Element, what: &str, timeout: Duration) -> Result<(), Break> {
        if seen.is_some() {
            return Ok(());
        }
        let message =
            format!("{} was to {what}, and its application does not say so{}", self.named(element), after(timeout));
        fault(Category::Assertion, message)
    }

    fn named(&self, element: &Element) -> String {
        self.quote(&element.in_words())
    }
}

/// A request with its templates' values.
enum Filled {
    Invoke,
    Focus,
    SetValue(String),
    SetChecked(bool),
    Select(String),
}

/// A number may be written otherwise than it is told.
fn same_value(held: &str, wanted: &str) -> bool {
    held == wanted
        || matches!((held.trim().parse::<f64>(), wanted.trim().parse::<f64>()), (Ok(one), Ok(other)) if (one - other).abs() < 1e-9)
}
